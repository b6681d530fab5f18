//! The screen Errors: requests and responses that were refused last, newest last, and below them
//! the bytes of the selected one with the byte at fault.
//!
//! What peers sent is shown as digits and printable ASCII only (`dump`).

use std::ops::Range;

use poise_ipc::errors::ErrorRow;
use poise_ipc::message::Role as Rights;

use super::canvas::Canvas;
use super::theme::Role;
use super::{frame, health, time};
use crate::console::layout::{self, Area};
use crate::console::state::State;
use crate::console::state::errors::who;
use crate::console::state::log::Look;
use crate::dump::{self, Extent};

/// Width from which on thousandths of a second and the offset are shown.
const EXACT_FROM: u16 = 72;
/// Width from which on the dump has sixteen bytes on a line.
const SIXTEEN_FROM: u16 = 80;
/// Columns for whose message it was, on narrow and on wide terminals.
const WHO_WIDTH: [u16; 2] = [14, 20];
/// Columns for `request` or `response`.
const SIDE_WIDTH: u16 = 9;
/// Columns for causes.
const CAUSE_WIDTH: u16 = 18;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::errors(state.size.0, state.size.1);
    health::summary(&state.errors, canvas, parts.summary);
    let cursor = match state.errors.look {
        Look::Paused { cursor, .. } => Some(cursor),
        Look::Follow => state.errors.selected().map(|row| row.seq),
    };
    let page = state.errors.page(usize::from(parts.list.height));
    if page.is_empty() {
        nothing(state, canvas, parts.list);
        return None;
    }
    for (line, entry) in (0u16..).zip(page) {
        let end = row(state, canvas, (parts.list, line), entry);
        if cursor == Some(entry.seq) {
            canvas.text(parts.list, (0, line), ">", Role::Plain);
            frame::selected(canvas, parts.list, line, 0..end);
        }
    }
    if let Some(row) = state.errors.selected() {
        about(row, canvas, parts.dump);
    }
    None
}

/// Why the list is empty.
fn nothing(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    let may_look = state.peer.as_ref().is_none_or(|peer| peer.role >= Rights::Operate) && !state.read_only;
    let lines = match (may_look, state.errors.is_empty()) {
        (false, _) => ["they hold what peers sent, credentials included:", "the role operate is needed to see them"],
        (true, false) => ["nothing passes the filter", "Esc clears it"],
        (true, true) => ["no message was refused since the daemon started", ""],
    };
    for (line, text) in (0..).zip(lines) {
        canvas.text(area, (1, line), text, if may_look { Role::Muted } else { Role::Warn });
    }
}

/// Paints one row; says where the time ends.
fn row(state: &State, canvas: &mut Canvas<'_>, (area, line): (Area, u16), row: &ErrorRow) -> u16 {
    let wide = area.width >= EXACT_FROM;
    let exact = time::exact(row.at_ms, &state.zone);
    let time = if wide { exact.as_str() } else { exact.get(..8).unwrap_or("-") };
    let end = canvas.text(area, (1, line), time, Role::Plain);
    let mut column = end + 1;
    canvas.text(area, (column, line), row.side.word(), Role::Plain);
    column += SIDE_WIDTH;
    let width = WHO_WIDTH[usize::from(wide)];
    canvas.fitted(area, (column, line), width - 1, &who(row));
    column += width;
    canvas.text(area, (column, line), row.cause.word(), Role::Fail);
    column += CAUSE_WIDTH;
    let room = area.width.saturating_sub(column + 1);
    canvas.fitted(area, (column, line), room, &crate::safe::line(&row.reason));
    end
}

/// The selected message: from whom, what is wrong, and the bytes round it.
fn about(row: &ErrorRow, canvas: &mut Canvas<'_>, area: Area) {
    if area.height < 2 {
        return;
    }
    canvas.rule(area, 0);
    let backend = row.group.as_ref().zip(row.backend.as_ref());
    let backend = backend.map_or_else(String::new, |(group, backend)| format!(", backend {group}/{backend}"));
    let title = format!(" {} on {} from {}{backend} ", row.side.word(), row.listener, row.peer);
    canvas.text(area, (1, 0), &title, Role::Accent);
    let bytes = row.bytes();
    let what = format!("{} at offset {}: {}", dump::word(row, &bytes), row.offset, crate::safe::line(&row.reason));
    canvas.text(area, (1, 1), &what, Role::Fail);
    let room = usize::from(area.height - 2);
    let width = if area.width >= SIXTEEN_FROM { 16 } else { 8 };
    // The line at fault, the mark below it, and as many lines round them as fit.
    let extent = Extent { width, context: room.saturating_sub(2) / 2 };
    for (line, text) in (2..area.height).zip(dump::around(row, &bytes, extent)) {
        let is_mark = text.trim_start().starts_with('^');
        canvas.text(area, (0, line), &text, if is_mark { Role::Fail } else { Role::Plain });
    }
}
