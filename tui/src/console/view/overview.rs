//! The screen Overview: every listener in one line, then what needs a look.

use std::ops::Range;

use poise_ipc::advice::Severity;
use poise_ipc::status::ListenerStatus;

use super::canvas::Canvas;
use super::number::{latency, short};
use super::theme::Role;
use super::{frame, pane};
use crate::console::layout::{self, Area};
use crate::console::state::State;
use crate::console::state::model::{Condition, Model};

/// Steps of ten seconds in the trend: five minutes.
const TREND_STEPS: usize = 30;

/// Columns: name, width, terminal width from which on it is shown. Numbers are right-aligned.
const COLUMNS: [(&str, u16, u16); 10] = [
    ("LISTENER", 14, 0),
    ("PROTO", 6, 50),
    ("BIND", 22, 76),
    ("GROUP", 12, 34),
    ("UP/ALL", 8, 0),
    ("RPS", 7, 24),
    ("Mb/s", 6, 88),
    ("ERR/min", 8, 60),
    ("P99", 6, 100),
    ("LAST 5 MIN", 32, 120),
];
/// The first columns hold words.
const WORDS: usize = 4;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::overview(state.size.0, state.size.1);
    let Some(model) = &state.model else {
        canvas.text(parts.list, (1, 0), "waiting for the daemon", Role::Muted);
        return None;
    };
    let heads = COLUMNS.map(|(name, ..)| name.to_owned());
    cells(canvas, (parts.heads, 0), &heads, Role::Muted);
    let listeners = &model.status().listeners;
    let selected = state.listener.as_ref().or(listeners.first().map(|l| &l.name));
    let mut line = 0;
    for listener in listeners.iter().skip(state.overview_top) {
        let texts = texts(state, model, listener, canvas.caps.ascii);
        cells(canvas, (parts.list, line), &texts, Role::Plain);
        if selected == Some(&listener.name) && line < parts.list.height {
            canvas.text(parts.list, (1, line), ">", Role::Plain);
            let end = 3 + u16::try_from(listener.name.as_str().len()).unwrap_or(COLUMNS[0].1);
            frame::selected(canvas, parts.list, line, 1..end.min(2 + COLUMNS[0].1));
        }
        line += 1;
    }
    if listeners.is_empty() {
        canvas.text(parts.list, (1, 0), "no listener is configured", Role::Muted);
        line = 1;
    }
    concerns(model, canvas, parts.list, line + 1);
    pane::recent(state, canvas, parts.recent);
    None
}

fn cells(canvas: &mut Canvas<'_>, (area, line): (Area, u16), texts: &[String; 10], role: Role) {
    let mut at = 3;
    for (number, ((_, width, from), text)) in COLUMNS.iter().zip(texts).enumerate() {
        if area.width < *from {
            continue;
        }
        let cell = Area { width: (at + width - 1).min(area.width), ..area };
        if number < WORDS || number + 1 == COLUMNS.len() {
            canvas.text(cell, (at, line), text, role);
        } else {
            canvas.right(area, (at + width - 2, line), text, role);
        }
        at += width;
    }
}

fn texts(state: &State, model: &Model, listener: &ListenerStatus, ascii: bool) -> [String; 10] {
    let growth = model.listener_growth(&listener.name, state.balance.window.ms());
    let rate = |which: usize| growth.map(|g| g.per_second(which));
    let dash = || "-".to_owned();
    let group = listener.group.as_ref().and_then(|group| model.group(group));
    let backends = group.map(|g| g.backends.as_slice()).unwrap_or_default();
    let up = backends.iter().filter(|b| matches!(Condition::of(b), Condition::Up | Condition::Flap)).count();
    let p99 = backends.iter().map(|b| b.counters.latency_p99_us).max().unwrap_or(0);
    [
        listener.name.to_string(),
        listener.protocol.to_string(),
        listener.bind.to_string(),
        listener.group_word().to_owned(),
        format!("{up}/{}", backends.len()),
        rate(0).map_or_else(dash, short),
        rate(1).map_or_else(dash, |bytes| short(bytes * 8.0 / 1e6)),
        rate(2).map_or_else(dash, |errors| short(errors * 60.0)),
        latency(p99),
        trend(&model.listener_trend(&listener.name, TREND_STEPS), ascii),
    ]
}

/// Steps as heights of one line, the highest filling it.
fn trend(steps: &[u64], ascii: bool) -> String {
    let ramp: &[char] = if ascii {
        &[' ', '.', ':', '-', '=', '+', '*', '#']
    } else {
        &[' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    };
    let most = steps.iter().copied().max().unwrap_or(0).max(1);
    let top = ramp.len() as u64 - 1;
    let height = |step: u64| usize::try_from((step * top).div_ceil(most)).unwrap_or(0);
    steps.iter().map(|step| ramp[height(*step).min(ramp.len() - 1)]).collect()
}

fn concerns(model: &Model, canvas: &mut Canvas<'_>, area: Area, from: u16) {
    let concerns = frame::concerns(model);
    let title = match concerns.len() {
        0 => "nothing needs a look".to_owned(),
        1 => "1 needs a look".to_owned(),
        many => format!("{many} need a look"),
    };
    canvas.text(area, (1, from), &title, if concerns.is_empty() { Role::Muted } else { Role::Accent });
    for (line, (severity, text)) in (from + 1..).zip(concerns) {
        let role = if severity == Severity::Severe { Role::Fail } else { Role::Warn };
        canvas.text(area, (3, line), &text, role);
    }
}
