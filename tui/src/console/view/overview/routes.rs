//! Lines of routes below their listener: what each takes, where that leads, its share of the
//! listener's requests, hits a second and in all.
//!
//! Columns are dropped by priority where the terminal is narrow; texts share what is left.

use poise_ipc::status::RouteStatus;

use super::super::canvas::Canvas;
use super::super::number::{count, latency, short};
use super::super::theme::Role;
use crate::console::layout::Area;
use crate::console::state::series::Growth;

/// Where names begin.
pub(super) const NAME_AT: u16 = 5;
/// Columns for names with the gap behind.
pub(super) const NAME_WIDTH: u16 = 11;
/// Columns of numbers at the right, from the left on: title, width, terminal width from which on.
const NUMBERS: [(&str, u16, u16); 4] = [("SHARE", 6, 44), ("RPS", 7, 24), ("HITS", 7, 50), ("P99", 6, 100)];
/// Width of the bar with its edge, and the terminal width from which on it is shown.
const BAR: (u16, u16) = (9, 76);
/// Terminal width from which on it is shown what a route takes.
const TAKES_FROM: u16 = 50;

/// Where everything stands on a terminal of some width.
struct Columns {
    takes: Option<u16>,
    leads: u16,
    bar: Option<u16>,
    /// Where each number ends.
    numbers: [Option<u16>; 4],
}

impl Columns {
    fn new(width: u16) -> Self {
        let mut end = width.saturating_sub(1);
        let mut numbers = [None; 4];
        for ((_, taken, from), place) in NUMBERS.iter().zip(&mut numbers).rev() {
            if width >= *from {
                *place = Some(end);
                end = end.saturating_sub(*taken);
            }
        }
        let bar = (width >= BAR.1).then(|| end.saturating_sub(BAR.0));
        let end = bar.unwrap_or(end);
        let name_end = NAME_AT + NAME_WIDTH;
        // What a route takes is longer than where it leads.
        let takes = (width >= TAKES_FROM).then_some(name_end);
        let leads = takes.map_or(name_end, |at| at + end.saturating_sub(at) * 3 / 5);
        Self { takes, leads, bar, numbers }
    }

    /// Where the texts end.
    fn texts_end(&self) -> u16 {
        let first = NUMBERS.iter().zip(self.numbers).find_map(|((_, width, _), end)| Some(end? - width));
        self.bar.or(first).unwrap_or(u16::MAX)
    }
}

/// The names of the columns.
pub(super) fn heads(canvas: &mut Canvas<'_>, (area, line): (Area, u16)) {
    let columns = Columns::new(area.width);
    canvas.text(area, (NAME_AT, line), "ROUTE", Role::Muted);
    if let Some(at) = columns.takes {
        canvas.text(area, (at, line), "TAKES", Role::Muted);
    }
    canvas.text(area, (columns.leads, line), "LEADS TO", Role::Muted);
    for ((title, ..), end) in NUMBERS.iter().zip(columns.numbers) {
        if let Some(end) = end {
            canvas.right(area, (end, line), title, Role::Muted);
        }
    }
}

/// A route, with what it took over the window and what all routes of its listener took.
pub(super) fn row(
    canvas: &mut Canvas<'_>,
    (area, line): (Area, u16),
    route: &RouteStatus,
    (growth, all): (Option<Growth<1>>, u64),
) {
    let columns = Columns::new(area.width);
    let text = |canvas: &mut Canvas<'_>, at: u16, end: u16, text: &str| {
        canvas.fitted(area, (at, line), end.saturating_sub(at + 1), &crate::safe::line(text));
    };
    text(canvas, NAME_AT, NAME_AT + NAME_WIDTH, route.word());
    if let Some(at) = columns.takes {
        text(canvas, at, columns.leads, &route.takes());
    }
    text(canvas, columns.leads, columns.texts_end(), &route.leads());
    let share = growth.filter(|_| all > 0).map(|growth| growth.added[0] as f64 / all as f64);
    if let Some(at) = columns.bar {
        bar(canvas, (area, line), at, share.unwrap_or(0.0));
    }
    let dash = || "-".to_owned();
    let numbers = [
        share.map_or_else(dash, |share| format!("{:.0}%", share * 100.0)),
        growth.map_or_else(dash, |growth| short(growth.per_second(0))),
        count(route.counters.requests_total),
        latency(route.latency.seconds_10.p99_us),
    ];
    for (end, number) in columns.numbers.into_iter().zip(numbers) {
        if let Some(end) = end {
            canvas.right(area, (end, line), &number, Role::Plain);
        }
    }
}

fn bar(canvas: &mut Canvas<'_>, (area, line): (Area, u16), at: u16, share: f64) {
    let full = if canvas.caps.ascii { "#" } else { "█" };
    let cells = usize::from(BAR.0 - 2);
    // A share lies between 0 and 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the width of the bar")]
    let filled = (share * cells as f64).round() as usize;
    canvas.text(area, (at, line), "|", Role::Muted);
    canvas.text(area, (at + 1, line), &full.repeat(filled.min(cells)), Role::Ok);
}
