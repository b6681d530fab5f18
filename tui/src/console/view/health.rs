//! The screen Health log: one line per run of equal verdicts, newest last, transitions marked.

use std::ops::Range;

use poise_ipc::status::{CheckRow, Health};

use super::canvas::Canvas;
use super::number::{latency, span};
use super::theme::Role;
use super::{frame, time};
use crate::console::layout::{self, Area};
use crate::console::state::State;
use crate::console::state::log::{Look, Row, Rows};
use crate::console::state::model::Model;

/// Width from which on the address that was probed is shown.
const ADDRESS_FROM: u16 = 104;
/// Width from which on thousandths of a second and the latency are shown.
const EXACT_FROM: u16 = 72;
/// Columns for names at the least.
const NAME_WIDTH_MIN: u16 = 8;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::health(state.size.0, state.size.1);
    summary(&state.log, canvas, parts.summary);
    let cursor = match state.log.look {
        Look::Paused { cursor, .. } => Some(cursor),
        Look::Follow => None,
    };
    let page = state.log.page(usize::from(parts.list.height));
    if page.is_empty() {
        let text = if state.log.is_empty() { "no verdict yet" } else { "nothing passes the filter" };
        canvas.text(parts.list, (1, 0), text, Role::Muted);
    }
    let filled = !page.is_empty();
    for (line, entry) in (0u16..).zip(page) {
        let end = row(state, canvas, (parts.list, line), entry);
        if cursor == Some(entry.seq) {
            canvas.text(parts.list, (0, line), ">", Role::Plain);
            frame::selected(canvas, parts.list, line, 0..end);
        }
    }
    filled.then_some(parts.list.y..parts.list.y + parts.list.height)
}

/// Whether a log follows, its filter and its counts.
pub(super) fn summary<R: Row>(log: &Rows<R>, canvas: &mut Canvas<'_>, area: Area) {
    let mut column = match log.look {
        Look::Follow => canvas.text(area, (1, 0), "follow", Role::Ok),
        Look::Paused { .. } => {
            let column = canvas.text(area, (1, 0), "paused", Role::Warn);
            canvas.text(area, (column + 2, 0), &format!("+{} new  End follows", log.new_count), Role::Accent)
        }
    };
    if log.failures_only {
        column = canvas.text(area, (column + 2, 0), "failures only", Role::Warn);
    }
    if !log.filter.is_empty() {
        column = canvas.text(area, (column + 2, 0), &format!("filter: {}", log.filter.text()), Role::Accent);
    }
    let shown = log.shown_count();
    let count = if shown == log.len() { format!("{shown} rows") } else { format!("{shown} of {} rows", log.len()) };
    let right = format!("{count}   {} lost", log.lost_count);
    if usize::from(area.width.saturating_sub(column)) > right.len() + 2 {
        canvas.right(area, (area.width - 1, 0), &right, if log.lost_count > 0 { Role::Warn } else { Role::Muted });
    }
}

/// Paints one row; says where the name ends. Only failures and changes have a look of their own: a busy
/// log must not cost more than its text.
pub(super) fn row(state: &State, canvas: &mut Canvas<'_>, (area, line): (Area, u16), row: &CheckRow) -> u16 {
    let wide = area.width >= EXACT_FROM;
    let exact = time::exact(row.first_ms, &state.zone);
    let time = if wide { exact.as_str() } else { exact.get(..8).unwrap_or("-") };
    let column = canvas.text(area, (1, line), time, Role::Plain);
    let name = format!("{}/{}", row.group, row.backend);
    let name_width = name_width(state, area.width);
    let cell = Area { width: (column + 1 + name_width).min(area.width), ..area };
    let name_end = canvas.text(cell, (column + 1, line), &name, Role::Plain);
    let mut column = column + 2 + name_width;
    if area.width >= ADDRESS_FROM {
        let cell = Area { width: column + 28, ..area };
        canvas.text(cell, (column, line), &format!("{} {}", row.protocol, row.address), Role::Plain);
        column += 29;
    }
    let role = if row.verdict.failed() { Role::Fail } else { Role::Plain };
    let verdict_end = canvas.text(area, (column, line), &row.verdict.to_string(), role);
    column = verdict_end.max(column + if wide { 21 } else { 0 }) + 1;
    if wide {
        canvas.right(area, (column + 7, line), &format!("{} ms", latency(row.latency_us_max)), Role::Plain);
        column += 9;
    }
    tail(canvas, (area, line), column, row);
    name_end
}

/// Columns for names: as many as the longest takes, within a third of the width.
fn name_width(state: &State, width: u16) -> u16 {
    let longest =
        |model: &Model| model.backends().map(|(g, b)| g.name.as_str().len() + b.name.as_str().len() + 1).max();
    let longest = state.model.as_ref().and_then(longest).unwrap_or(0);
    u16::try_from(longest).unwrap_or(u16::MAX).clamp(NAME_WIDTH_MIN, NAME_WIDTH_MIN.max(width / 3))
}

/// A change of health, then the length of the run or the streak towards a change.
fn tail(canvas: &mut Canvas<'_>, (area, line): (Area, u16), mut column: u16, row: &CheckRow) {
    if let Some(to) = row.transition {
        let (word, role) = match to {
            Health::Up => ("-> UP", Role::Ok),
            Health::Down => ("-> DOWN", Role::Fail),
            Health::Unknown => ("-> UNKNOWN", Role::Warn),
        };
        column = canvas.text(area, (column, line), word, role) + 2;
    }
    if row.count > 1 {
        let run = format!("x{} in {}", row.count, span(row.last_ms.saturating_sub(row.first_ms)));
        canvas.text(area, (column, line), &run, Role::Plain);
    } else if row.transition.is_none() && row.streak < u32::from(row.threshold) {
        canvas.text(area, (column, line), &format!("{}/{}", row.streak, row.threshold), Role::Plain);
    }
}
