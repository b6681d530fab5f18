//! The operator's console: one screen over one daemon.
//!
//! `state` is what is known, `update` the only place where it changes, `view` paints it into a
//! buffer, `emit` turns two buffers into the fewest bytes. `terminal`, `input`, `link`, `disk` are
//! the outside; `run` is the loop that joins them. Script verbs are not here.

pub mod caps;
pub mod disk;
pub mod emit;
#[cfg(test)]
mod fixture;
pub mod input;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod link;
pub mod msg;
mod run;
pub mod state;
pub mod terminal;
pub mod update;
pub mod view;

pub use run::{Args, ConsoleError, ExitStatus, run, show};
pub use terminal::is_present;

fn safe_line(text: &str) -> String {
    crate::safe::line(text).into_owned()
}
