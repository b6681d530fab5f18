//! The screen Balance: for every backend what it should get, what it gets, and how far apart they
//! are. Columns are dropped by priority where the terminal is narrow.

use std::ops::Range;

use poise_ipc::model::AdminState;
use poise_ipc::status::{BackendStatus, GroupStatus};

use super::canvas::Canvas;
use super::number::{latency, percent, points, short};
use super::theme::{self, Role};
use super::{frame, pane};
use crate::console::layout::{self, Area};
use crate::console::state::balance::Line;
use crate::console::state::draft::Values;
use crate::console::state::model::{Condition, Model, Share};
use crate::console::state::{LinkState, State};

/// A column: its name, its width with the gap before it, the terminal width from which on it is shown.
struct Column {
    name: &'static str,
    width: u16,
    from: u16,
}

const fn column(name: &'static str, width: u16, from: u16) -> Column {
    Column { name, width, from }
}

const MARKER_WIDTH: u16 = 3;
const NAME: (u16, u16) = (8, 24);
const SHARE: (u16, u16) = (10, 40);
const ADDRESS: Column = column("ADDRESS", 23, 103);
const STATE: Column = column("STATE", 10, 0);
const WEIGHT: Column = column("WEIGHT", 10, 30);
const WANT: Column = column("WANT%", 6, 69);
const GOT: Column = column("GOT%", 7, 37);
const DEV: Column = column("DEV", 7, 49);
const RPS: Column = column("RPS", 6, 77);
const P99: Column = column("P99", 6, 77);
/// The bar is shown from here on.
const SHARE_FROM: u16 = 57;

/// Where each column stands on this terminal; `None` where it is dropped.
struct Columns {
    name: Range<u16>,
    address: Option<Range<u16>>,
    state: Option<Range<u16>>,
    weight: Option<Range<u16>>,
    want: Option<Range<u16>>,
    got: Option<Range<u16>>,
    dev: Option<Range<u16>>,
    share: Option<Range<u16>>,
    rps: Option<Range<u16>>,
    p99: Option<Range<u16>>,
}

impl Columns {
    fn new(width: u16, longest_name: u16) -> Self {
        let fixed = [&ADDRESS, &STATE, &WEIGHT, &WANT, &GOT, &DEV, &RPS, &P99];
        let taken: u16 = fixed.iter().filter(|c| width >= c.from).map(|c| c.width).sum();
        let room = width.saturating_sub(MARKER_WIDTH + taken);
        let share = if width >= SHARE_FROM { SHARE.0.min(room) } else { 0 };
        let name = longest_name.clamp(NAME.0, NAME.1).min(room - share);
        let share = if share > 0 { (room - name).min(SHARE.1) } else { 0 };
        let mut at = MARKER_WIDTH + name;
        let mut next = |shown: bool, width: u16| {
            let from = at;
            at += if shown { width } else { 0 };
            shown.then_some(from..at)
        };
        let mut fixed = |c: &Column| next(width >= c.from, c.width);
        let (address, state, weight) = (fixed(&ADDRESS), fixed(&STATE), fixed(&WEIGHT));
        let (want, got, dev) = (fixed(&WANT), fixed(&GOT), fixed(&DEV));
        let share = next(share > 0, share);
        let mut fixed = |c: &Column| next(width >= c.from, c.width);
        let (rps, p99) = (fixed(&RPS), fixed(&P99));
        Self { name: MARKER_WIDTH..MARKER_WIDTH + name, address, state, weight, want, got, dev, share, rps, p99 }
    }
}

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::balance(state.size.0, state.size.1);
    let Some(model) = &state.model else {
        canvas.text(parts.list, (1, 0), "waiting for the daemon", Role::Muted);
        return None;
    };
    let longest = model.backends().map(|(_, b)| b.name.as_str().len()).max().unwrap_or(0);
    // The last column stays blank: behind it terminals differ in where the cursor stands.
    let columns = Columns::new(parts.list.width.saturating_sub(1), u16::try_from(longest).unwrap_or(NAME.1));
    summary(state, canvas, parts.summary);
    heads(canvas, parts.heads, &columns);
    list(state, model, canvas, parts.list, &columns);
    pane::card(state, model, canvas, parts.card);
    pane::recent(state, canvas, parts.recent);
    None
}

fn summary(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    let balance = &state.balance;
    let mut column = 1;
    if !balance.filter.is_empty() {
        column = canvas.text(area, (column, 0), &format!("filter: {}  ", balance.filter.text()), Role::Accent);
    }
    let shown = format!("{} of {}", balance.shown().count(), balance.backends_total());
    column = canvas.text(area, (column, 0), &shown, Role::Plain);
    if !balance.marks.is_empty() {
        column = canvas.text(area, (column + 2, 0), &format!("{} marked", balance.marks.len()), Role::Staged);
    }
    let arrow = match (balance.reverse, canvas.caps.ascii) {
        (false, true) => "v",
        (true, true) => "^",
        (false, false) => "↓",
        (true, false) => "↑",
    };
    let right = format!("window: {}   sort: {} {arrow}", balance.window.word(), balance.sort.word());
    if usize::from(area.width - column.min(area.width)) > right.len() + 2 {
        canvas.right(area, (area.width.saturating_sub(1), 0), &right, Role::Muted);
    }
}

fn heads(canvas: &mut Canvas<'_>, area: Area, columns: &Columns) {
    canvas.text(area, (columns.name.start, 0), "BACKEND", Role::Muted);
    for (at, name) in [(&columns.address, ADDRESS.name), (&columns.state, STATE.name)] {
        if let Some(at) = at {
            canvas.text(area, (at.start + 1, 0), name, Role::Muted);
        }
    }
    if let Some(at) = &columns.share {
        canvas.text(area, (at.start + 2, 0), "SHARE", Role::Muted);
    }
    let numbers = [
        (&columns.weight, WEIGHT.name),
        (&columns.want, WANT.name),
        (&columns.got, GOT.name),
        (&columns.dev, DEV.name),
        (&columns.rps, RPS.name),
        (&columns.p99, P99.name),
    ];
    for (at, name) in numbers {
        if let Some(at) = at {
            canvas.right(area, (at.end, 0), name, Role::Muted);
        }
    }
}

fn list(state: &State, model: &Model, canvas: &mut Canvas<'_>, area: Area, columns: &Columns) {
    let lines = state.balance.lines();
    if lines.is_empty() {
        canvas.text(area, (1, 0), "no group is configured", Role::Muted);
        return;
    }
    let top = state.balance.top.min(lines.len());
    let mut cached: Option<Group<'_>> = None;
    for (line, entry) in (0..area.height).zip(&lines[top..]) {
        let group = match entry {
            Line::Group(name) => model.group(name),
            Line::Backend(id) => model.backend(*id).map(|(group, _)| group),
        };
        let Some(group) = group else { continue };
        let group = match cached.take().filter(|c| c.status.name == group.name) {
            Some(cached) => cached,
            None => Group::new(state, model, group),
        };
        match entry {
            Line::Group(_) => group_line(model, &group, canvas, (area, line)),
            Line::Backend(id) => {
                let at = group.status.backends.iter().position(|b| b.id == *id).unwrap_or(0);
                let row = Row {
                    state,
                    backend: &group.status.backends[at],
                    share: group.shares[at],
                    scale: group.scale,
                    columns,
                };
                row.draw(canvas, area, line);
            }
        }
        cached = Some(group);
    }
}

/// A group with what its rows share.
struct Group<'a> {
    status: &'a GroupStatus,
    shares: Vec<Share>,
    /// The share that fills a bar, in percent.
    scale: f64,
}

impl<'a> Group<'a> {
    fn new(state: &State, model: &Model, status: &'a GroupStatus) -> Self {
        let shares = model.shares(status, state.balance.window.ms());
        // Steps, so that a bar does not change its scale all the time.
        let most = shares.iter().map(|share| share.want).fold(0.0, f64::max) * 1.4;
        let scale = [2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 70.0].into_iter().find(|step| most <= *step).unwrap_or(100.0);
        Self { status, shares, scale }
    }
}

/// The line above a group's backends.
fn group_line(model: &Model, group: &Group<'_>, canvas: &mut Canvas<'_>, (area, line): (Area, u16)) {
    let Group { status: group, shares, .. } = group;
    let all = group.backends.len();
    let up = group.backends.iter().filter(|b| matches!(Condition::of(b), Condition::Up | Condition::Flap)).count();
    let rps: f64 = shares.iter().filter_map(|s| s.rps).sum();
    let column = canvas.text(area, (1, line), group.name.as_str(), Role::Accent);
    let role = if up == all { Role::Muted } else { Role::Warn };
    let column = canvas.text(area, (column + 2, line), &format!("{up}/{all} up"), role);
    let mut words = format!("{}  {} rps", group.scheduler, short(rps));
    let listeners: Vec<&str> = model
        .status()
        .listeners
        .iter()
        .filter(|l| l.group.as_ref() == Some(&group.name))
        .map(|l| l.name.as_str())
        .collect();
    if !listeners.is_empty() {
        words.push_str("  from ");
        words.push_str(&listeners.join(" "));
    }
    let column = canvas.text(area, (column + 2, line), &words, Role::Muted);
    if group.failing_open {
        canvas.text(area, (column + 2, line), "FAIL-OPEN", Role::Fail);
    } else if group.on_backups {
        canvas.text(area, (column + 2, line), "ON BACKUPS", Role::Warn);
    }
}

/// An admin state in few cells.
const fn staged_word(state: AdminState) -> &'static str {
    match state {
        AdminState::Enabled => "ON",
        AdminState::Draining => "DRAIN",
        AdminState::DrainingHard => "DRAIN!",
        AdminState::Disabled => "MAINT",
    }
}

/// One backend.
struct Row<'a> {
    state: &'a State,
    backend: &'a BackendStatus,
    share: Share,
    scale: f64,
    columns: &'a Columns,
}

impl Row<'_> {
    fn draw(&self, canvas: &mut Canvas<'_>, area: Area, line: u16) {
        let Self { state, backend, columns, .. } = self;
        let selected = state.balance.selected == Some(backend.id);
        let marked = state.balance.marks.contains(&backend.id);
        canvas.text(
            area,
            (1, line),
            if selected {
                ">"
            } else if marked {
                "m"
            } else {
                " "
            },
            Role::Plain,
        );
        let role = if marked { Role::Staged } else { self.base_role() };
        let name_area = Area { width: columns.name.end.min(area.width), ..area };
        let end = canvas.text(name_area, (columns.name.start, line), backend.name.as_str(), role);
        if selected {
            frame::selected(canvas, area, line, 1..end);
        }
        if let Some(at) = &columns.address {
            let cell = Area { width: at.end - 1, ..area };
            canvas.text(cell, (at.start + 1, line), &backend.address.to_string(), Role::Muted);
        }
        if let Some(at) = &columns.state {
            self.condition(canvas, area, (at.start + 1, line));
        }
        self.weight(canvas, area, line);
        self.numbers(canvas, area, line);
        if let Some(at) = &columns.share {
            self.bar(canvas, area, (at.start + 2, line), at.end - at.start - 2);
        }
    }

    /// Data that is as old as the lost link is dim.
    fn base_role(&self) -> Role {
        if matches!(self.state.link, LinkState::Stale { .. }) { Role::Stale } else { Role::Plain }
    }

    fn condition(&self, canvas: &mut Canvas<'_>, area: Area, at: (u16, u16)) {
        let condition = Condition::of(self.backend);
        let configured = Values::of(self.backend).state;
        let glyph = theme::glyph(condition, canvas.caps.ascii);
        match self.state.draft.get(self.backend.id).map(|staged| staged.mine.state) {
            Some(mine) if mine != configured => {
                let end = canvas.text(area, at, glyph, theme::role(condition));
                canvas.text(area, (end, at.1), &format!(">{}*", staged_word(mine)), Role::Staged);
            }
            _ => {
                let word = match self.backend.state {
                    AdminState::DrainingHard => staged_word(AdminState::DrainingHard),
                    _ => condition.word(),
                };
                let held = if self.backend.state == configured { "" } else { "~" };
                canvas.text(area, at, &format!("{glyph} {word}{held}"), theme::role(condition));
            }
        }
    }

    fn weight(&self, canvas: &mut Canvas<'_>, area: Area, line: u16) {
        let Some(at) = &self.columns.weight else { return };
        let weight = self.backend.weight;
        let configured = Values::of(self.backend).weight;
        match self.state.draft.get(self.backend.id).map(|staged| staged.mine.weight) {
            Some(mine) if mine != configured => {
                canvas.right(area, (at.end, line), &format!("{configured}>{mine}*"), Role::Staged);
            }
            _ if configured != weight => {
                canvas.right(area, (at.end, line), &format!("{weight}~{configured}"), Role::Staged);
            }
            _ => canvas.right(area, (at.end, line), &weight.to_string(), self.base_role()),
        }
    }

    fn numbers(&self, canvas: &mut Canvas<'_>, area: Area, line: u16) {
        let Self { columns, share, backend, .. } = self;
        let dash = || "-".to_owned();
        let plain = self.base_role();
        let dev_role = if share.dev().is_some_and(|dev| dev.abs() >= 5.0) { Role::Warn } else { plain };
        let cells = [
            (&columns.want, percent(share.want), plain),
            (&columns.got, share.got.map_or_else(dash, percent), plain),
            (&columns.dev, share.dev().map_or_else(dash, points), dev_role),
            (&columns.rps, share.rps.map_or_else(dash, short), plain),
            (&columns.p99, latency(backend.counters.latency_p99_us), plain),
        ];
        for (at, text, role) in cells {
            if let Some(at) = at {
                canvas.right(area, (at.end, line), &text, role);
            }
        }
    }

    /// The observed share as a bar, with a mark at the wanted one.
    fn bar(&self, canvas: &mut Canvas<'_>, area: Area, (column, line): (u16, u16), width: u16) {
        let width = usize::from(width.saturating_sub(1));
        let per_cell = self.scale / width.max(1) as f64;
        let cells = |share: f64| (share / per_cell).clamp(0.0, width as f64);
        let (full, half) = if canvas.caps.ascii { ('#', None) } else { ('█', Some('▌')) };
        let got = cells(self.share.got.unwrap_or(0.0));
        let mut bar: Vec<char> = vec![' '; width];
        // `got` lies between 0 and the width of a terminal.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width of the bar")]
        let (whole, mark) = (got as usize, cells(self.share.want) as usize);
        bar.iter_mut().take(whole).for_each(|cell| *cell = full);
        if let (Some(half), Some(cell)) = (half.filter(|_| got.fract() >= 0.5), bar.get_mut(whole)) {
            *cell = half;
        }
        let bar: String = bar.into_iter().collect();
        canvas.text(area, (column, line), "|", Role::Muted);
        canvas.text(area, (column + 1, line), &bar, Role::Ok);
        if self.share.want > 0.0 && width > 0 {
            let mark = u16::try_from(mark.min(width - 1)).unwrap_or(0);
            canvas.text(area, (column + 1 + mark, line), ":", Role::Accent);
        }
    }
}
