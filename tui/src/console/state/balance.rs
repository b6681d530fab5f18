//! The list of the screen Balance: which groups and backends are shown, in which order, what is
//! selected and marked.
//!
//! Selection and marks are ids of backends, never positions: a re-sort moves rows, not targets.
//! Shares come from `model`, painting is the view's.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use poise_ipc::name::Name;
use poise_ipc::status::{BackendStatus, GroupStatus};

use super::filter::{Filter, Subject, holds_text};
use super::model::{Condition, Model, Share};
use super::order::natural;

/// A column to sort by; groups always stay together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Name.
    #[default]
    Name,
    /// Size of the deviation, in whole points so that jitter moves no row.
    Dev,
    /// Observed share.
    Got,
    /// Configured weight.
    Weight,
    /// Condition, the worst first.
    State,
}

impl Sort {
    const ALL: [Self; 5] = [Self::Name, Self::Dev, Self::Got, Self::Weight, Self::State];

    /// The word for the summary line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Dev => "dev",
            Self::Got => "got",
            Self::Weight => "weight",
            Self::State => "state",
        }
    }

    /// The next column.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// The time over which shares are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Ten seconds.
    #[default]
    Short,
    /// A minute.
    Minute,
    /// Ten minutes.
    Long,
}

impl Window {
    /// Its length in milliseconds.
    pub const fn ms(self) -> u64 {
        match self {
            Self::Short => 10_000,
            Self::Minute => 60_000,
            Self::Long => 600_000,
        }
    }

    /// The words for the summary line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Short => "10 s",
            Self::Minute => "1 min",
            Self::Long => "10 min",
        }
    }

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Short => Self::Minute,
            Self::Minute => Self::Long,
            Self::Long => Self::Short,
        }
    }
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A group, above its backends.
    Group(Name),
    /// A backend, by id.
    Backend(u64),
}

/// The list and the look at it.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    /// The only group shown; all when `None`.
    pub scope: Option<Name>,
    /// What is shown.
    pub filter: Filter,
    /// The order within a group.
    pub sort: Sort,
    /// Whether the order is reversed.
    pub reverse: bool,
    /// The time over which shares are counted.
    pub window: Window,
    /// The selected backend.
    pub selected: Option<u64>,
    /// Marked backends.
    pub marks: BTreeSet<u64>,
    /// Where a range of marks began.
    pub range_from: Option<u64>,
    /// First line on the screen.
    pub top: usize,
    lines: Vec<Line>,
    /// Whether the list was ever made: only then is a first backend selected by itself.
    arranged: bool,
    backends_total: usize,
}

struct Candidate<'a> {
    group: &'a GroupStatus,
    backend: &'a BackendStatus,
    share: Share,
}

impl Subject for Candidate<'_> {
    fn has_text(&self, needle: &str, exact: bool) -> bool {
        holds_text(&format!("{}/{}", self.group.name, self.backend.name), needle, exact)
            || holds_text(&self.backend.address.to_string(), needle, exact)
    }

    fn state(&self) -> &str {
        Condition::of(self.backend).lower()
    }

    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "weight" => Some(f64::from(self.backend.weight)),
            "want" => Some(self.share.want),
            "got" => self.share.got,
            "dev" => self.share.dev(),
            "rps" => self.share.rps,
            "p99" => Some(self.backend.counters.latency_p99_us as f64 / 1_000.0),
            _ => None,
        }
    }
}

impl Balance {
    /// The lines, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Backends in the scope, before the filter.
    pub fn backends_total(&self) -> usize {
        self.backends_total
    }

    /// Backends shown, in order.
    pub fn shown(&self) -> impl Iterator<Item = u64> {
        self.lines.iter().filter_map(|line| match line {
            Line::Backend(id) => Some(*id),
            Line::Group(_) => None,
        })
    }

    /// What an edit acts on: the marked backends, or else the selected one.
    pub fn targets(&self) -> Vec<u64> {
        if self.marks.is_empty() { self.selected.into_iter().collect() } else { self.marks.iter().copied().collect() }
    }

    /// Makes the list anew from the model; selection and marks stay on their backends.
    ///
    /// When news arrive, rows that are selected or marked stay shown even if the filter no longer
    /// fits them, and a selected backend that is gone leaves nothing selected: only the operator
    /// (`by_user`) moves a selection onto another backend.
    pub fn arrange(&mut self, model: &Model, by_user: bool) {
        let before = self.position();
        let first_time = !std::mem::replace(&mut self.arranged, true);
        self.backends_total = 0;
        self.lines.clear();
        if self.scope.as_ref().is_some_and(|name| model.group(name).is_none()) {
            self.scope = None;
        }
        for group in &model.status().groups {
            if self.scope.as_ref().is_none_or(|name| *name == group.name) {
                self.arrange_group(model, group, !by_user);
            }
        }
        self.marks.retain(|id| model.backend(*id).is_some());
        let shown: Vec<u64> = self.shown().collect();
        if self.selected.is_none_or(|id| !shown.contains(&id)) {
            let nearest = before.unwrap_or(0).min(shown.len().saturating_sub(1));
            self.selected = shown.get(nearest).copied().filter(|_| by_user || first_time);
        }
    }

    fn arrange_group(&mut self, model: &Model, group: &GroupStatus, sticky: bool) {
        self.backends_total += group.backends.len();
        let shares = model.shares(group, self.window.ms());
        let all = group.backends.iter().zip(shares).map(|(backend, share)| Candidate { group, backend, share });
        let held = |id| sticky && (self.selected == Some(id) || self.marks.contains(&id));
        let mut rows: Vec<_> = all.filter(|row| self.filter.matches(row) || held(row.backend.id)).collect();
        rows.sort_by(|a, b| self.compare(a, b));
        if !rows.is_empty() || self.filter.is_empty() {
            self.lines.push(Line::Group(group.name.clone()));
            self.lines.extend(rows.iter().map(|row| Line::Backend(row.backend.id)));
        }
    }

    fn compare(&self, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        let points = |row: &Candidate<'_>| row.share.dev().unwrap_or(0.0).abs().round();
        let got = |row: &Candidate<'_>| row.share.got.unwrap_or(0.0).round();
        let by_column = match self.sort {
            Sort::Name => Ordering::Equal,
            Sort::Dev => points(b).total_cmp(&points(a)),
            Sort::Got => got(b).total_cmp(&got(a)),
            Sort::Weight => b.backend.weight.cmp(&a.backend.weight),
            Sort::State => Condition::of(a.backend).cmp(&Condition::of(b.backend)),
        };
        let order = by_column.then_with(|| natural(a.backend.name.as_str(), b.backend.name.as_str()));
        if self.reverse { order.reverse() } else { order }
    }

    fn position(&self) -> Option<usize> {
        let selected = self.selected?;
        self.shown().position(|id| id == selected)
    }

    /// Moves the selection by some backends; stops at the ends. An open range of marks follows.
    pub fn move_by(&mut self, delta: isize) {
        let shown: Vec<u64> = self.shown().collect();
        let last = shown.len().saturating_sub(1);
        let at = self.position().unwrap_or(0).saturating_add_signed(delta).min(last);
        self.selected = shown.get(at).copied();
        if let (Some(from), Some(to)) = (self.range_from, self.selected) {
            self.mark_between(&shown, from, to);
        }
    }

    fn mark_between(&mut self, shown: &[u64], from: u64, to: u64) {
        let at = |wanted| shown.iter().position(|id| *id == wanted);
        if let (Some(from), Some(to)) = (at(from), at(to)) {
            self.marks.extend(&shown[from.min(to)..=from.max(to)]);
        }
    }

    /// Scrolls so that the selection, and the group above a first backend, are on a list of `height` lines.
    pub fn scroll(&mut self, height: usize) {
        let selected = self.selected;
        let at = self.lines.iter().position(|line| matches!(line, Line::Backend(id) if Some(*id) == selected));
        let at = at.unwrap_or(0);
        let first = if at > 0 && matches!(self.lines[at - 1], Line::Group(_)) { at - 1 } else { at };
        let lowest = (at + 1).saturating_sub(height.max(1));
        self.top = self.top.min(first).max(lowest).min(self.lines.len().saturating_sub(height.min(self.lines.len())));
    }

    /// Shows only the next group, then all, in turn; `back` goes the other way.
    pub fn cycle_scope(&mut self, model: &Model, back: bool) {
        let names: Vec<&Name> = model.status().groups.iter().map(|g| &g.name).collect();
        let steps = names.len() + 1;
        let now = self.scope.as_ref().and_then(|name| names.iter().position(|n| *n == name)).map_or(0, |at| at + 1);
        let next = (now + if back { steps - 1 } else { 1 }) % steps;
        self.scope = next.checked_sub(1).map(|at| names[at].clone());
        self.selected = None;
        self.range_from = None;
    }
}

#[cfg(test)]
mod tests;
