//! The health log in memory: the newest verdicts, equal ones in a row folded into one row.
//!
//! A row grows while its backend repeats the verdict, for a minute at the most, so that the order
//! of the rows stays close to the order of time. It counts nothing towards health; reconcile says
//! what each verdict brought about.

use std::collections::{HashMap, VecDeque};

use poise_core::plan::BackendId;
use poise_ipc::BackendPath;
use poise_ipc::limits::CHECK_ROWS_REPLY_MAX;
use poise_ipc::message::{LogFilter, LogLevel, LogQuery};
use poise_ipc::model::{Address, CheckProtocol};
use poise_ipc::status::{CheckRow, Health, Verdict};

/// Longest time that a row covers, in milliseconds.
pub const RUN_MS_MAX: u64 = 60_000;

/// One verdict with what it brought about.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Identity of the backend.
    pub backend: BackendId,
    /// Its name now.
    pub path: BackendPath,
    /// Where the probe went.
    pub address: Address,
    /// What it spoke.
    pub protocol: CheckProtocol,
    /// When it ended, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took, in microseconds.
    pub latency_us: u64,
    /// Equal outcomes in a row, this one included.
    pub streak: u32,
    /// How many in a row change the health.
    pub threshold: u16,
    /// The health that it brought about.
    pub transition: Option<Health>,
}

/// The log.
#[derive(Debug)]
pub struct CheckLog {
    rows: VecDeque<CheckRow>,
    rows_max: usize,
    first_seq: u64,
    open: HashMap<BackendId, OpenRun>,
}

/// A row that may still grow.
#[derive(Clone, Copy, Debug)]
struct OpenRun {
    seq: u64,
    latency_us_sum: u64,
}

impl CheckLog {
    /// An empty log of at most so many rows.
    pub fn new(rows_max: usize) -> Self {
        Self { rows: VecDeque::new(), rows_max: rows_max.max(1), first_seq: 1, open: HashMap::new() }
    }

    /// Rows that were dropped because the log was full.
    pub fn lost_total(&self) -> u64 {
        self.first_seq - 1
    }

    /// Takes a verdict: a new row, or an open one that grows.
    pub fn record(&mut self, sample: Sample) -> CheckRow {
        let (backend, ends) = (sample.backend, sample.transition.is_some());
        let (row, run) = match self.open.get(&backend).copied().and_then(|run| self.extend(run, &sample)) {
            Some(grown) => grown,
            None => self.append(sample),
        };
        if ends {
            // The transition stays the last verdict of its row.
            self.open.remove(&backend);
        } else {
            self.open.insert(backend, run);
        }
        row
    }

    /// Forgets the open row of a backend that is gone.
    pub fn close(&mut self, backend: BackendId) {
        self.open.remove(&backend);
    }

    /// The newest rows that match, oldest first.
    pub fn query(&self, query: &LogQuery) -> Vec<CheckRow> {
        let limit = query.limit.clamp(1, CHECK_ROWS_REPLY_MAX) as usize;
        let before = query.before_seq.unwrap_or(u64::MAX).saturating_sub(self.first_seq);
        let older = self.rows.len().min(usize::try_from(before).unwrap_or(usize::MAX));
        let mut found: Vec<CheckRow> = self
            .rows
            .range(..older)
            .rev()
            // No row before one that began so long ago can reach into the time asked for.
            .take_while(|row| row.first_ms.saturating_add(RUN_MS_MAX + RUN_MS_MAX) >= query.filter.since_ms)
            .filter(|row| matches(row, &query.filter))
            .take(limit)
            .cloned()
            .collect();
        found.reverse();
        found
    }

    fn extend(&mut self, run: OpenRun, sample: &Sample) -> Option<(CheckRow, OpenRun)> {
        let at = usize::try_from(run.seq.checked_sub(self.first_seq)?).ok()?;
        let row = self.rows.get_mut(at)?;
        let same = row.verdict == sample.verdict
            && row.address == sample.address
            && row.protocol == sample.protocol
            && row.group == sample.path.group
            && row.backend == sample.path.backend;
        if !same || sample.at_ms.saturating_sub(row.first_ms) >= RUN_MS_MAX {
            return None;
        }
        let latency_us_sum = run.latency_us_sum.saturating_add(sample.latency_us);
        row.count = row.count.saturating_add(1);
        row.last_ms = row.last_ms.max(sample.at_ms);
        row.latency_us_min = row.latency_us_min.min(sample.latency_us);
        row.latency_us_max = row.latency_us_max.max(sample.latency_us);
        row.latency_us_mean = latency_us_sum / u64::from(row.count);
        row.streak = sample.streak;
        row.threshold = sample.threshold;
        row.transition = sample.transition;
        Some((row.clone(), OpenRun { latency_us_sum, ..run }))
    }

    fn append(&mut self, sample: Sample) -> (CheckRow, OpenRun) {
        if self.rows.len() == self.rows_max {
            self.rows.pop_front();
            self.first_seq += 1;
        }
        let seq = self.first_seq + self.rows.len() as u64;
        let row = CheckRow {
            seq,
            group: sample.path.group,
            backend: sample.path.backend,
            address: sample.address.clone(),
            protocol: sample.protocol,
            verdict: sample.verdict,
            count: 1,
            first_ms: sample.at_ms,
            last_ms: sample.at_ms,
            latency_us_min: sample.latency_us,
            latency_us_mean: sample.latency_us,
            latency_us_max: sample.latency_us,
            streak: sample.streak,
            threshold: sample.threshold,
            transition: sample.transition,
        };
        self.rows.push_back(row.clone());
        (row, OpenRun { seq, latency_us_sum: sample.latency_us })
    }
}

/// Whether a row is among those that a filter asks for.
pub fn matches(row: &CheckRow, filter: &LogFilter) -> bool {
    let level = match filter.only {
        LogLevel::All => true,
        LogLevel::Failures => row.verdict.failed() || row.transition.is_some(),
        LogLevel::Transitions => row.transition.is_some(),
    };
    level
        && row.last_ms >= filter.since_ms
        && filter.group.as_ref().is_none_or(|group| *group == row.group)
        && filter.backend.as_ref().is_none_or(|backend| *backend == row.backend)
}

#[cfg(test)]
mod tests;
