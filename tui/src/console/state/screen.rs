//! The list of screens: a screen is one line here and one file under `view`.
//!
//! Tabs, digits and the dispatch of drawing are made from this list; what a screen shows is in its
//! view file, what its keys do is in `update`.

use crate::console::keymap::Place;

/// Calls a macro with every screen: variant, module of its view, title, title on narrow terminals.
macro_rules! for_each_screen {
    ($use:ident) => {
        $use! {
            Overview overview "Overview" "Overview",
            Balance balance "Balance" "Balance",
            Health health "Health log" "Health",
            Certificates certificates "Certificates" "Certs",
            Errors errors "Errors" "Errors",
            Changes changes "Changes" "Changes",
        }
    };
}
pub(in crate::console) use for_each_screen;

macro_rules! screens {
    ($($screen:ident $module:ident $title:literal $short:literal,)+) => {
        /// What fills the space between tabs and footer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Screen {
            $(#[doc = concat!("The screen ", $title, ".")] $screen,)+
        }

        impl Screen {
            /// Every screen, in the order of the tabs.
            pub const ALL: &'static [Self] = &[$(Self::$screen,)+];

            /// Its name on the tab.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$screen => $title,)+ }
            }

            /// Its name on the tab where there is little room.
            pub const fn short_title(self) -> &'static str {
                match self { $(Self::$screen => $short,)+ }
            }

            /// Where its keys stand in the key map.
            pub const fn place(self) -> Place {
                match self { $(Self::$screen => Place::$screen,)+ }
            }
        }
    };
}

for_each_screen!(screens);
