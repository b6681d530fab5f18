//! Logs as the console keeps them, of health and of refused messages: the newest rows, what is shown
//! of them, and where the operator looks.
//!
//! Follows by default. Any upward move pauses: rows then neither move nor change under the eye
//! until the end is asked for. What is kept is a stretch of the whole log: it grows backwards into the
//! past, and then forgets its newest rows first (`cut`). Asking the daemon is `update`'s.

use std::collections::{BTreeMap, VecDeque};

use poise_ipc::status::CheckRow;

use super::filter::{Filter, Subject};

/// A row of a log.
pub trait Row: Subject {
    /// Rows kept; what lies further back the daemon has, and the verbs show it.
    const ROWS_MAX: usize;

    /// Its number; a row that grows keeps it.
    fn seq(&self) -> u64;

    /// Whether it tells of a failure or a change.
    fn is_failure(&self) -> bool;
}

/// The health log.
pub type Log = Rows<CheckRow>;

/// Where the operator looks, by row number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// At the newest rows, whatever comes.
    #[default]
    Follow,
    /// At fixed rows.
    Paused {
        /// First row on the screen.
        top: u64,
        /// The selected row.
        cursor: u64,
    },
}

/// The rows and the look at them.
#[derive(Clone, Debug)]
pub struct Rows<R> {
    kept: VecDeque<R>,
    /// Rows that grew while paused, shown once the log follows again.
    grown: BTreeMap<u64, R>,
    /// Where the operator looks.
    pub look: Look,
    /// What is shown.
    pub filter: Filter,
    /// Whether only failures and transitions are asked for.
    pub failures_only: bool,
    /// Rows that came since the log was paused.
    pub new_count: u64,
    /// Rows that came and were lost, because this console or whoever kept them was too slow.
    pub lost_count: u64,
    /// Whether nothing older passes, so far as the daemon knows.
    pub begins: bool,
    /// Whether rows that are newer than those kept are not kept.
    pub cut: bool,
}

// By hand: a derive would ask it of the rows, too.
impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self {
            kept: VecDeque::new(),
            grown: BTreeMap::new(),
            look: Look::Follow,
            filter: Filter::default(),
            failures_only: false,
            new_count: 0,
            lost_count: 0,
            begins: false,
            cut: false,
        }
    }
}

impl<R: Row> Rows<R> {
    /// Number of rows kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Forgets the rows, as before asking for others.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.grown.clear();
        self.look = Look::Follow;
        self.new_count = 0;
        (self.begins, self.cut) = (false, false);
    }

    /// Takes a row: a new one, or one that grew.
    pub fn take(&mut self, row: R) {
        let paused = self.look != Look::Follow;
        match self.position(row.seq()) {
            Ok(_) if paused => drop(self.grown.insert(row.seq(), row)),
            Ok(at) => self.kept[at] = row,
            Err(at) => {
                self.new_count += u64::from(paused);
                // Rows do not go under the eye: while it rests, the new ones wait at the daemon.
                self.cut |= paused && self.kept.len() >= R::ROWS_MAX;
                if self.cut && at == self.kept.len() {
                    return;
                }
                self.kept.insert(at, row);
                if self.kept.len() > R::ROWS_MAX {
                    self.kept.pop_front();
                    self.begins = false;
                }
            }
        }
    }

    /// Takes rows older than those kept, oldest first; for each too many the newest one goes.
    pub fn extend_back(&mut self, rows: Vec<R>) {
        let oldest = self.oldest();
        for row in rows.into_iter().rev().filter(|row| row.seq() < oldest) {
            self.kept.push_front(row);
        }
        if self.kept.len() > R::ROWS_MAX {
            self.kept.truncate(R::ROWS_MAX);
            self.cut = true;
        }
    }

    /// Takes rows in place of those kept and looks at one of them, which has so many lines around it.
    pub fn jump(&mut self, rows: Vec<R>, seq: u64, height: usize) {
        self.clear();
        self.kept = rows.into();
        self.cut = true;
        self.look = Look::Paused { top: seq, cursor: seq };
        let around = self.kept.iter().rev().filter(|row| row.seq() <= seq && self.shown(row));
        let top = around.take(height / 2 + 1).last().map_or(seq, Row::seq);
        self.look = Look::Paused { top, cursor: seq };
    }

    /// Number of the oldest row kept; the highest number when there is none.
    pub fn oldest(&self) -> u64 {
        self.kept.front().map_or(u64::MAX, Row::seq)
    }

    /// Whether the eye is so near the oldest row that older ones should be fetched.
    pub fn wants_older(&self, height: usize) -> bool {
        let Look::Paused { top, .. } = self.look else { return false };
        let above = self.kept.iter().take_while(|row| row.seq() < top).filter(|row| self.shown(row));
        !self.begins && !self.kept.is_empty() && above.take(height).count() < height
    }

    /// Whether what is known fills less than the screen while it follows, and memory has room for more.
    pub fn is_thin(&self, height: usize, page: usize) -> bool {
        let has_room = self.kept.len() + 2 * page <= R::ROWS_MAX;
        self.look == Look::Follow && !self.begins && !self.is_empty() && has_room && self.shown_count() < height
    }

    /// Whether newer rows than those kept are needed: the selected one is the last that is shown.
    pub fn wants_newer(&self) -> bool {
        let Look::Paused { cursor, .. } = self.look else { return false };
        self.cut && !self.kept.iter().rev().take_while(|row| row.seq() > cursor).any(|row| self.shown(row))
    }

    /// Takes rows newer than those kept, oldest first; for each too many the oldest one goes.
    pub fn extend_forward(&mut self, rows: Vec<R>) {
        let newest = self.newest();
        self.kept.extend(rows.into_iter().filter(|row| row.seq() > newest));
        while self.kept.len() > R::ROWS_MAX {
            self.kept.pop_front();
            self.begins = false;
        }
    }

    fn position(&self, seq: u64) -> Result<usize, usize> {
        // Nearly always the newest row or one of the few that still grow: look from the end first.
        match self.kept.back() {
            Some(last) if last.seq() < seq => Err(self.kept.len()),
            _ => self.kept.binary_search_by_key(&seq, Row::seq),
        }
    }

    fn shown(&self, row: &R) -> bool {
        (!self.failures_only || row.is_failure()) && (self.filter.is_empty() || self.filter.matches(row))
    }

    /// Rows on a screen of `height` lines, oldest first.
    pub fn page(&self, height: usize) -> Vec<&R> {
        match self.look {
            Look::Follow => {
                let mut page: Vec<_> = self.kept.iter().rev().filter(|row| self.shown(row)).take(height).collect();
                page.reverse();
                page
            }
            Look::Paused { top, .. } => {
                let from = self.kept.partition_point(|row| row.seq() < top);
                self.kept.iter().skip(from).filter(|row| self.shown(row)).take(height).collect()
            }
        }
    }

    /// How many of the kept rows are shown.
    pub fn shown_count(&self) -> usize {
        self.kept.iter().filter(|row| self.shown(row)).count()
    }

    /// Follows again.
    pub fn follow(&mut self) {
        for (seq, row) in std::mem::take(&mut self.grown) {
            if let Ok(at) = self.position(seq) {
                self.kept[at] = row;
            }
        }
        self.look = Look::Follow;
        self.new_count = 0;
    }

    /// Moves the selection by some rows; upwards from the end pauses. Downwards past the end stays paused.
    pub fn move_by(&mut self, delta: isize, height: usize) {
        if self.look == Look::Follow {
            if delta >= 0 {
                return;
            }
            self.pause(height);
        }
        let Look::Paused { cursor, .. } = self.look else { return };
        let far = delta.unsigned_abs();
        let target = if delta < 0 {
            let before = self.kept.iter().rev().filter(|row| row.seq() < cursor && self.shown(row));
            before.take(far).last()
        } else {
            self.kept.iter().filter(|row| row.seq() > cursor && self.shown(row)).take(far).last()
        };
        if let Some(seq) = target.map(Row::seq) {
            self.select(seq, height);
        }
    }

    /// Goes to the oldest row.
    pub fn to_top(&mut self, height: usize) {
        if let Some(seq) = self.kept.iter().find(|row| self.shown(row)).map(Row::seq) {
            self.pause(height);
            self.select(seq, height);
        }
    }

    /// Goes to the nearest row that `wanted` accepts, below or above; says whether there was one.
    pub fn seek(&mut self, below: bool, height: usize, wanted: impl Fn(&R) -> bool) -> bool {
        let cursor = match self.look {
            Look::Paused { cursor, .. } => cursor,
            Look::Follow => u64::MAX,
        };
        let fits = |row: &&R| self.shown(row) && wanted(row);
        let found = if below {
            self.kept.iter().filter(|row| row.seq() > cursor).find(fits)
        } else {
            self.kept.iter().rev().filter(|row| row.seq() < cursor).find(fits)
        };
        let Some(seq) = found.map(Row::seq) else { return false };
        self.pause(height);
        self.select(seq, height);
        true
    }

    /// The selected row: the newest one shown while the log follows.
    pub fn selected(&self) -> Option<&R> {
        match self.look {
            Look::Follow => self.kept.iter().rev().find(|row| self.shown(row)),
            Look::Paused { cursor, .. } => self.position(cursor).ok().and_then(|at| self.kept.get(at)),
        }
    }

    /// Number of the newest row; 0 when there is none.
    pub fn newest(&self) -> u64 {
        self.kept.back().map_or(0, Row::seq)
    }

    /// Stops where the screen is.
    fn pause(&mut self, height: usize) {
        if self.look != Look::Follow {
            return;
        }
        let page = self.page(height);
        if let (Some(first), Some(last)) = (page.first(), page.last()) {
            self.look = Look::Paused { top: first.seq(), cursor: last.seq() };
        }
    }

    /// Selects a row and brings it onto the screen.
    fn select(&mut self, seq: u64, height: usize) {
        let Look::Paused { top, cursor } = &mut self.look else { return };
        *cursor = seq;
        if seq <= *top {
            *top = seq;
            return;
        }
        let page = self.page(height);
        if page.last().is_some_and(|last| last.seq() >= seq) {
            return;
        }
        let above = self.kept.iter().rev().filter(|row| row.seq() <= seq && self.shown(row)).take(height.max(1)).last();
        let new_top = above.map_or(seq, Row::seq);
        if let Look::Paused { top, .. } = &mut self.look {
            *top = new_top;
        }
    }
}

mod checks;
#[cfg(test)]
mod tests;
