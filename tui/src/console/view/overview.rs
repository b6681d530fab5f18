//! The screen Overview: every listener in one line, its routes below it, then what needs a look.

mod routes;

use std::ops::Range;

use poise_ipc::advice::Severity;
use poise_ipc::name::Name;
use poise_ipc::status::ListenerStatus;

use super::canvas::Canvas;
use super::number::{latency, short};
use super::theme::Role;
use super::{frame, pane};
use crate::console::layout::{self, Area};
use crate::console::state::State;
use crate::console::state::model::{Condition, Model};
use crate::console::state::overview::{Line, Overview};

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
    let lines = Overview::lines(model);
    let selected = state.overview.position(&lines);
    let mut line = 0;
    for (at, entry) in lines.iter().enumerate().skip(state.overview.top) {
        if line == parts.list.height {
            break;
        }
        let end = entry_line(state, model, canvas, (parts.list, line), entry);
        if at == selected {
            canvas.text(parts.list, (1, line), ">", Role::Plain);
            frame::selected(canvas, parts.list, line, 1..end);
        }
        line += 1;
    }
    if lines.is_empty() {
        canvas.text(parts.list, (1, 0), "no listener is configured", Role::Muted);
        line = 1;
    }
    concerns(model, canvas, parts.list, line + 1);
    pane::recent(state, canvas, parts.recent);
    None
}

/// Paints a line of the list; says where its name ends.
fn entry_line(state: &State, model: &Model, canvas: &mut Canvas<'_>, at: (Area, u16), entry: &Line<'_>) -> u16 {
    let (name, from, end_max) = match entry {
        Line::Listener(listener) => {
            let texts = texts(state, model, listener, canvas.caps.ascii);
            cells(canvas, at, &texts, Role::Plain);
            (listener.name.as_str(), 3, 2 + COLUMNS[0].1)
        }
        Line::Heads => {
            routes::heads(canvas, at);
            return 1;
        }
        Line::Route(listener, route) => {
            let growth = |name| model.route_growth(&listener.name, name, state.balance.window.ms());
            let all: u64 = listener.routes.iter().filter_map(|route| growth(&route.name)).map(|g| g.added[0]).sum();
            routes::row(canvas, at, route, (growth(&route.name), all));
            (route.word(), routes::NAME_AT, routes::NAME_AT + routes::NAME_WIDTH - 1)
        }
    };
    (from + u16::try_from(name.len()).unwrap_or(end_max)).min(end_max)
}

/// The selected line in one sentence: of a route what its columns had no room for, then its latency.
pub(super) fn detail(state: &State, model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    let (name, latency, rest) = match state.overview.selected(model) {
        Some(Line::Listener(listener)) => {
            let open = format!("{} open", listener.counters.connections_open);
            (listener.name.to_string(), &listener.latency, open)
        }
        Some(Line::Route(listener, route)) => {
            let rest = format!("{} to {}", route.takes(), route.leads());
            (format!("{}/{}", listener.name, route.word()), &route.latency, crate::safe::owned(rest))
        }
        Some(Line::Heads) | None => return canvas.rule(area, 0),
    };
    let windows = [("10s", latency.seconds_10), ("1m", latency.minute_1), ("10m", latency.minutes_10)];
    let windows = windows.map(|(span, window)| match window.count {
        0 => format!("{span} -/-"),
        _ => format!("{span} {}/{}", self::latency(window.p50_us), self::latency(window.p99_us)),
    });
    let sentence = format!("{name}  {rest}  p50/p99 ms: {}", windows.join("  "));
    canvas.fitted(area, (1, 0), area.width.saturating_sub(2), &sentence);
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
    let groups = groups(listener);
    let backends: Vec<_> = groups.iter().filter_map(|name| model.group(name)).flat_map(|g| &g.backends).collect();
    let up = backends.iter().filter(|b| matches!(Condition::of(b), Condition::Up | Condition::Flap)).count();
    // A listener of connections times no responses of its own.
    let p99 = match listener.latency.seconds_10.p99_us {
        0 => backends.iter().map(|b| b.counters.latency_p99_us).max().unwrap_or(0),
        p99_us => p99_us,
    };
    [
        listener.name.to_string(),
        listener.protocol.to_string(),
        listener.bind.to_string(),
        match (groups.first(), groups.len().saturating_sub(1)) {
            (None, _) => "-".to_owned(),
            (Some(first), 0) => first.to_string(),
            (Some(first), more) => format!("{first} +{more}"),
        },
        if groups.is_empty() { dash() } else { format!("{up}/{}", backends.len()) },
        rate(0).map_or_else(dash, short),
        rate(1).map_or_else(dash, |bytes| short(bytes * 8.0 / 1e6)),
        rate(2).map_or_else(dash, |errors| short(errors * 60.0)),
        latency(p99),
        trend(&model.listener_trend(&listener.name, TREND_STEPS), ascii),
    ]
}

/// The groups that a listener leads to, its own first.
fn groups(listener: &ListenerStatus) -> Vec<&Name> {
    let mut groups: Vec<&Name> = listener.group.iter().collect();
    for group in listener.routes.iter().flat_map(|route| &route.groups) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
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
