//! Questions about the health log: the rows in memory first, those on disk for what is older.
//!
//! A row has the same number in both, so that nothing falls between them or comes twice. Made by
//! control, answered on a thread that may wait for a disk.

use std::sync::Arc;

use poise_ipc::health::WhyAnswer;
use poise_ipc::message::{LogFilter, LogLevel, LogQuery};
use poise_ipc::status::{CheckRow, Health};
use poise_ipc::{BackendPath, limits};

use crate::recorder::{Order, ReadError, Reader};

/// Rows before a moment that are told with it.
const BEFORE_MAX: usize = 8;
/// Rows after it.
const AFTER_MAX: usize = 4;

/// A question, with what memory holds of its answer.
#[derive(Debug)]
pub struct Question {
    /// Newest first.
    pub(super) rows: Vec<Arc<CheckRow>>,
    /// Rows with a smaller number are on disk only.
    pub(super) first_seq: u64,
    pub(super) reader: Reader,
}

impl Question {
    /// The newest rows that a query asks for, oldest first. Blocks.
    ///
    /// # Errors
    /// [`ReadError`] when that takes too long or the disk refuses.
    pub fn logs(&self, query: &LogQuery) -> Result<Vec<CheckRow>, ReadError> {
        let limit = query.limit.clamp(1, limits::CHECK_ROWS_REPLY_MAX) as usize;
        let mut rows = self.newest(&query.filter, query.before_seq.unwrap_or(u64::MAX), limit)?;
        rows.reverse();
        Ok(rows)
    }

    /// How a backend was at a moment, as far as the log says; the exchange is not part of it. Blocks.
    ///
    /// # Errors
    /// [`ReadError`] when that takes too long or the disk refuses.
    pub fn why(&self, path: &BackendPath, at_ms: u64) -> Result<WhyAnswer, ReadError> {
        let all =
            LogFilter { group: Some(path.group.clone()), backend: Some(path.backend.clone()), ..LogFilter::default() };
        let until = |until_ms| LogFilter { until_ms: Some(until_ms), ..all.clone() };
        let since = |since_ms| LogFilter { since_ms, ..all.clone() };
        let turns = |filter| LogFilter { only: LogLevel::Transitions, ..filter };

        let before = self.newest(&until(at_ms), u64::MAX, BEFORE_MAX)?;
        let after = self.oldest(&since(at_ms), AFTER_MAX + 1)?.into_iter().filter(|row| row.first_ms > at_ms);
        let health = health_at(&before, at_ms);
        // A row that began before the moment may have turned after it, and one more may have done so.
        let transition = self.newest(&turns(until(at_ms)), u64::MAX, 2)?.into_iter().find(|row| row.last_ms <= at_ms);
        let transition = transition.filter(|row| row.transition == Some(health));
        let ended = self.oldest(&turns(since(at_ms)), 2)?.into_iter().find(|row| row.last_ms > at_ms);
        let led = match &transition {
            Some(row) => self.newest(&until(row.last_ms), u64::MAX, BEFORE_MAX)?,
            None => Vec::new(),
        };
        let mut rows: Vec<CheckRow> = led.into_iter().chain(before).chain(after.take(AFTER_MAX)).collect();
        rows.sort_unstable_by_key(|row| row.seq);
        rows.dedup_by_key(|row| row.seq);
        let since_ms = transition.as_ref().map_or(0, |row| row.last_ms);
        Ok(WhyAnswer { at_ms, health, since_ms, transition, exchange: None, rows, ended })
    }

    /// The reader of what is on disk.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    fn newest(&self, filter: &LogFilter, before_seq: u64, limit: usize) -> Result<Vec<CheckRow>, ReadError> {
        let held = self.rows.iter().filter(|row| row.seq < before_seq && filter.takes(row)).take(limit);
        let mut rows: Vec<CheckRow> = held.map(|row| CheckRow::clone(row)).collect();
        if rows.len() < limit {
            let before_seq = before_seq.min(self.first_seq);
            rows.append(&mut self.reader.rows(filter, before_seq, limit - rows.len(), Order::Newest)?);
        }
        Ok(rows)
    }

    fn oldest(&self, filter: &LogFilter, limit: usize) -> Result<Vec<CheckRow>, ReadError> {
        let mut rows = self.reader.rows(filter, self.first_seq, limit, Order::Oldest)?;
        let held = self.rows.iter().rev().filter(|row| filter.takes(row)).take(limit - rows.len());
        rows.extend(held.map(|row| CheckRow::clone(row)));
        Ok(rows)
    }
}

/// The health at a moment, by the rows that began before it, newest first.
fn health_at(rows: &[CheckRow], at_ms: u64) -> Health {
    match rows {
        [] => Health::Unknown,
        // The transition is the last verdict of its row.
        [row, rest @ ..] if row.transition.is_some() && row.last_ms > at_ms => {
            rest.first().map_or(Health::Unknown, |row| row.health)
        }
        [row, ..] => row.health,
    }
}
