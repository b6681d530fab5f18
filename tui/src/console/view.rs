//! Paints the state into a buffer: the frame around every screen, the screen in front, what lies
//! over it.
//!
//! Reads the state and the clock of nothing: the same state always gives the same picture. A
//! screen is one file here and one line in `state::screen`.

mod balance;
mod canvas;
mod card;
mod certificates;
mod changes;
mod commit;
mod dialog;
mod errors;
mod explain;
mod figures;
mod frame;
mod health;
mod help;
mod layers;
mod number;
mod overview;
mod pane;
mod theme;
mod time;

use std::ops::Range;

use ratatui::buffer::Buffer;

use self::canvas::Canvas;
use super::caps::Caps;
use super::layout;
use super::state::State;
use super::state::screen::{Screen, for_each_screen};

macro_rules! draw_screens {
    ($($screen:ident $module:ident $title:literal $short:literal,)+) => {
        /// Paints a screen; gives the lines of a log that may have moved up.
        fn draw(screen: Screen, state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
            match screen { $(Screen::$screen => $module::draw(state, canvas),)+ }
        }
    };
}
for_each_screen!(draw_screens);

/// Paints the state into `buffer`, whose size must be the state's; gives the full-width lines of a
/// log whose content may only have moved up since the last picture.
pub fn view(state: &State, caps: Caps, buffer: &mut Buffer) -> Option<Range<u16>> {
    let (width, height) = (buffer.area.width, buffer.area.height);
    let mut canvas = Canvas { buffer, caps };
    if layout::is_status_only(width, height) {
        frame::status_only(state, &mut canvas, layout::frame(width, height).body);
        return None;
    }
    let log = draw(state.screen, state, &mut canvas);
    frame::draw(state, &mut canvas);
    match &state.overlay {
        Some(overlay) => {
            dialog::draw(state, overlay, &mut canvas);
            None
        }
        None => log,
    }
}

#[cfg(test)]
mod tests;
