//! The days on disk: which one a row belongs to, how long and how large they may be, and what becomes
//! of a file that is damaged.
//!
//! Rows are written in the order of their numbers, so that every number of a day is higher than those
//! of the days before it; the time of a row only decides when a new day begins. A clock that is set
//! back begins none. Only the recorder's thread calls it after the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use super::date::{DAY_MS, day_of};
use super::day::{Day, is_damage};
use super::gauges::Gauges;
use super::{Kept, Limits, file};
use crate::wall::now_ms;

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The folder or a file cannot be made.
    #[error("make {path}")]
    Make {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database of a day refuses.
    #[error("write {path}: {said}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        said: String,
    },
}

/// The days.
#[derive(Debug)]
pub(super) struct Days {
    folder: PathBuf,
    limits: Limits,
    gauges: Arc<Gauges>,
    first_seq: u64,
    current: Option<Day>,
    /// The day before, for rows that were begun in it.
    before: Option<Day>,
}

impl Days {
    /// Looks at what is there. What is damaged is moved aside.
    pub(super) fn open(folder: PathBuf, limits: Limits, gauges: Arc<Gauges>) -> Self {
        let mut this = Self { folder, limits, gauges, first_seq: 1, current: None, before: None };
        for day in file::days(&this.folder).into_iter().rev() {
            match Day::open(&this.folder, day, 0).and_then(|opened| Ok((opened.last_seq()?, opened))) {
                Ok((last_seq, opened)) => {
                    this.first_seq = this.first_seq.max(last_seq + 1);
                    this.current.get_or_insert(opened);
                }
                Err(error) => {
                    if !is_damage(&error) {
                        // It may be written later: no row of this run may have the number of one of its.
                        // There are fewer rows than milliseconds.
                        this.first_seq = this.first_seq.max(now_ms());
                    }
                    this.refused(day, &error);
                }
            }
        }
        this.measure();
        this
    }

    /// The first number that no row has.
    pub(super) const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub(super) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Writes rows, in the order of their numbers. After an error they can be written again.
    pub(super) fn write(&mut self, rows: &[&Kept]) -> Result<(), WriteError> {
        let written = self.write_in_days(rows);
        match &written {
            Ok(()) => {
                self.gauges.written();
                self.make_room();
            }
            Err(error) => self.gauges.failed(crate::log::chain(error)),
        }
        written
    }

    fn write_in_days(&mut self, rows: &[&Kept]) -> Result<(), WriteError> {
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let day = self.day_for(first);
            let file = self.opened(day, first.row.seq)?;
            let path = file.path.clone();
            let len = rest.iter().take_while(|kept| self.day_for(kept) == day).count();
            let (these, others) = rest.split_at(len);
            if let Err(error) = self.with(day, |file| file.write(these)) {
                self.refused(day, &error);
                return Err(WriteError::Database { path, said: error.to_string() });
            }
            rest = others;
        }
        Ok(())
    }

    /// The day whose file a row belongs to.
    fn day_for(&self, kept: &Kept) -> u64 {
        let day = day_of(kept.row.first_ms);
        match &self.current {
            Some(current) if kept.row.seq < current.first_seq => day.min(current.date.saturating_sub(1)),
            Some(current) => day.max(current.date),
            None => day,
        }
    }

    /// The file of a day, opened for a row of this number.
    fn opened(&mut self, day: u64, seq: u64) -> Result<&Day, WriteError> {
        match &self.current {
            Some(current) if day == current.date => {}
            Some(current) if day < current.date => {
                if self.before.as_ref().is_none_or(|open| open.date != day) {
                    self.before = Some(self.make(day, 0)?);
                }
                return Ok(self.before.as_ref().expect("made above"));
            }
            _ => {
                let made = self.make(day, seq)?;
                self.before = self.current.replace(made);
            }
        }
        Ok(self.current.as_ref().expect("made above"))
    }

    fn make(&mut self, day: u64, first_seq: u64) -> Result<Day, WriteError> {
        let path = file::of(&self.folder, day);
        let made = file::make_folder(&self.folder).and_then(|()| file::make(&path));
        made.map_err(|source| WriteError::Make { path: path.clone(), source })?;
        Day::open(&self.folder, day, first_seq).map_err(|error| {
            self.refused(day, &error);
            WriteError::Database { path, said: error.to_string() }
        })
    }

    /// Takes an error of a day: one that is damaged is moved aside, so that a new one can begin.
    fn refused(&mut self, day: u64, error: &rusqlite::Error) {
        if is_damage(error) {
            let path = file::of(&self.folder, day);
            self.close(day);
            file::move_aside(&path);
            self.gauges.failed(format!("{} is damaged and was moved aside: {error}", path.display()));
            warn!(path = %path.display(), %error, "a day of the health log is damaged and was moved aside");
        }
    }

    /// Looks at a day that a reader could not make sense of.
    pub(super) fn examine(&mut self, path: &Path) {
        let day = file::days(&self.folder).into_iter().find(|&day| file::of(&self.folder, day) == path);
        let Some(day) = day else { return };
        match Day::open(&self.folder, day, 0).and_then(|opened| opened.check()) {
            Ok(None) => {}
            Ok(Some(said)) => {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
                self.refused(day, &rusqlite::Error::SqliteFailure(code, Some(said)));
            }
            Err(error) => self.refused(day, &error),
        }
    }

    /// Removes the days that are too old at this moment, and closes what no row is written to.
    pub(super) fn tidy(&mut self, now_ms: u64) {
        self.before = None;
        let too_old = |day: &u64| (day + 1) * DAY_MS + self.limits.retention_ms < now_ms;
        for day in file::days(&self.folder).into_iter().filter(too_old).collect::<Vec<_>>() {
            self.close(day);
            file::remove(&self.folder, day);
        }
        self.measure();
    }

    /// Removes the oldest rows until there is room again for what comes next.
    fn make_room(&mut self) {
        // An eighth stays free for the next writes and for the log files of `SQLite`.
        let full = self.limits.bytes_max / 8 * 7;
        let mut bytes = file::bytes(&self.folder);
        if bytes > full && file::remove_aside(&self.folder) {
            bytes = file::bytes(&self.folder);
        }
        if bytes <= full {
            let oldest_ms = self.gauges.status().oldest_ms.or_else(|| self.oldest_ms());
            self.gauges.measured(bytes, oldest_ms);
            return;
        }
        while file::bytes(&self.folder) > full && self.prune() {}
        self.measure();
    }

    /// Removes some of the oldest rows; whether there is more to remove.
    fn prune(&mut self) -> bool {
        let days = file::days(&self.folder);
        let Some((&oldest, others)) = days.split_first() else { return false };
        let left = match self.with(oldest, Day::prune) {
            Ok(left) => left,
            Err(error) => {
                self.gauges.failed(format!("make room: {error}"));
                self.refused(oldest, &error);
                return false;
            }
        };
        if !left && !others.is_empty() {
            self.close(oldest);
            file::remove(&self.folder, oldest);
        }
        left || !others.is_empty()
    }

    /// Does something with a day, open or not.
    fn with<T>(&mut self, day: u64, act: impl FnOnce(&mut Day) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let open = [&mut self.current, &mut self.before].into_iter().flatten().find(|open| open.date == day);
        match open {
            Some(open) => act(open),
            None => act(&mut Day::open(&self.folder, day, 0)?),
        }
    }

    fn close(&mut self, day: u64) {
        for open in [&mut self.current, &mut self.before] {
            open.take_if(|open| open.date == day);
        }
    }

    fn measure(&mut self) {
        let oldest_ms = self.oldest_ms();
        self.gauges.measured(file::bytes(&self.folder), oldest_ms);
    }

    fn oldest_ms(&mut self) -> Option<u64> {
        let oldest = file::days(&self.folder).first().copied()?;
        self.with(oldest, |day| Ok(day.oldest_ms())).ok()?
    }
}

#[cfg(test)]
mod tests;
