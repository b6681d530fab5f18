//! The health log in memory: the newest verdicts, equal ones in a row folded into one row.
//!
//! A row grows while its backend repeats the verdict at its cadence, for a bounded time and within one
//! UTC day, so that every moment can be told from the rows: a probe that is missing ends a row. Rows
//! that are new, over, or have grown for a while are due to the recorder, under the same number. It
//! counts nothing towards health; reconcile says what each verdict brought about.

mod question;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use poise_core::plan::BackendId;
use poise_ipc::BackendPath;
use poise_ipc::health::Exchange;
use poise_ipc::message::{LogFilter, LogLevel};
use poise_ipc::model::{Address, CheckProtocol, HealthLog};
use poise_ipc::status::{CheckRow, Health, Verdict};

use crate::recorder::{Kept, Reader, day_of};

pub use question::Question;

/// Rows kept in memory: the newest of what the recorder has, and two for each of thousands of backends.
pub const ROWS_MAX: usize = 20_000;
/// Time after which a row that grows is due to the recorder again: what a kill may cost, in
/// milliseconds.
const DUE_MS: u64 = 10_000;

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
    /// The health after it.
    pub health: Health,
    /// What went over the wire, where the probe kept it.
    pub exchange: Option<Box<Exchange>>,
    /// Longest time between two probes of an undisturbed cadence, in milliseconds.
    pub gap_ms_max: u64,
    /// Which rows the recorder is to have.
    pub keep: HealthLog,
}

/// The log.
#[derive(Debug)]
pub struct CheckLog {
    rows: VecDeque<Held>,
    rows_max: usize,
    run_ms_max: u64,
    first_seq: u64,
    open: HashMap<BackendId, OpenRun>,
    /// The bytes of each backend's newest probe that brought any.
    bytes: HashMap<BackendId, Arc<Exchange>>,
    /// Those of its newest transition, by the number of the row.
    turned: HashMap<BackendId, (u64, Arc<Exchange>)>,
    due: Vec<Kept>,
}

/// A row with the backend that it is about.
#[derive(Debug)]
struct Held {
    backend: BackendId,
    row: Arc<CheckRow>,
}

/// A row that may still grow.
#[derive(Clone, Copy, Debug)]
struct OpenRun {
    seq: u64,
    latency_us_sum: u64,
    keep: LogLevel,
    /// How it stood when it was due to the recorder last.
    told_count: u32,
    told_ms: u64,
}

impl CheckLog {
    /// An empty log of at most so many rows, each over at most so many milliseconds; the first has the
    /// number `first_seq`.
    pub fn new(rows_max: usize, run_ms_max: u64, first_seq: u64) -> Self {
        Self {
            rows: VecDeque::new(),
            rows_max: rows_max.max(1),
            run_ms_max: run_ms_max.max(1),
            first_seq,
            open: HashMap::new(),
            bytes: HashMap::new(),
            turned: HashMap::new(),
            due: Vec::new(),
        }
    }

    /// Takes a verdict: a new row, or an open one that grows.
    pub fn record(&mut self, mut sample: Sample) -> CheckRow {
        let (backend, transition) = (sample.backend, sample.transition);
        if let Some(exchange) = sample.exchange.take() {
            self.bytes.insert(backend, Arc::from(exchange));
        }
        let grown = self.open.get(&backend).copied().and_then(|run| self.extend(run, &sample));
        let (run, row) = grown.unwrap_or_else(|| self.append(sample));
        self.open.insert(backend, run);
        if transition.is_some() {
            // The transition stays the last verdict of its row.
            self.turn(backend, &row);
            self.open.remove(&backend);
        } else if run.told_count == 0 || row.last_ms.saturating_sub(run.told_ms) >= DUE_MS {
            self.tell(backend, None);
        }
        CheckRow::clone(&row)
    }

    /// Ends the open row of a backend that is gone, and forgets its bytes.
    pub fn close(&mut self, backend: BackendId) {
        self.end(backend);
        self.bytes.remove(&backend);
        self.turned.remove(&backend);
    }

    /// Ends all rows, as before a stop.
    pub fn close_all(&mut self) {
        for backend in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(backend);
        }
    }

    /// The rows that are due to the recorder, in the order of their numbers as far as possible.
    pub fn take_due(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.due)
    }

    /// What a question about a filter needs of the log; of the newest rows, if those are all it needs,
    /// so many that match.
    pub fn question(&self, filter: &LogFilter, newest: Option<(u64, usize)>, reader: Reader) -> Question {
        let (before_seq, count) = newest.unwrap_or((u64::MAX, usize::MAX));
        let older = usize::try_from(before_seq.saturating_sub(self.first_seq)).unwrap_or(usize::MAX);
        // Looking for a text in every line is not for the caller's thread.
        let exact = filter.text.is_none();
        let rows = self.rows.range(..older.min(self.rows.len())).rev().map(|held| &held.row);
        // No row before one that began so long ago can reach into the time asked for.
        let reaches = |row: &&Arc<CheckRow>| row.first_ms.saturating_add(2 * self.run_ms_max) >= filter.since_ms;
        let wanted = |row: &&Arc<CheckRow>| {
            if exact { filter.takes(row) } else { filter.takes_time(row) && filter.takes_backend(row) }
        };
        let rows = rows.take_while(reaches).filter(wanted).take(if exact { count } else { usize::MAX });
        Question { rows: rows.cloned().collect(), first_seq: self.first_seq, reader }
    }

    /// The bytes of a backend's newest transition, with the number of its row.
    pub fn turned(&self, backend: BackendId) -> Option<(u64, Arc<Exchange>)> {
        self.turned.get(&backend).cloned()
    }

    fn held(&self, seq: u64) -> Option<&Held> {
        self.rows.get(usize::try_from(seq.checked_sub(self.first_seq)?).ok()?)
    }

    fn extend(&mut self, run: OpenRun, sample: &Sample) -> Option<(OpenRun, Arc<CheckRow>)> {
        let at = usize::try_from(run.seq.checked_sub(self.first_seq)?).ok()?;
        let held = &mut self.rows.get_mut(at)?.row;
        if !continues(held, sample, self.run_ms_max) {
            return None;
        }
        // Nobody else holds it unless a question is being answered.
        let row = Arc::make_mut(held);
        let latency_us_sum = run.latency_us_sum.saturating_add(sample.latency_us);
        row.count = row.count.saturating_add(1);
        row.last_ms = sample.at_ms;
        row.latency_us_min = row.latency_us_min.min(sample.latency_us);
        row.latency_us_max = row.latency_us_max.max(sample.latency_us);
        row.latency_us_mean = latency_us_sum / u64::from(row.count);
        row.streak = sample.streak;
        row.threshold = sample.threshold;
        row.transition = sample.transition;
        row.health = sample.health;
        Some((OpenRun { latency_us_sum, keep: sample.keep.into(), ..run }, Arc::clone(held)))
    }

    fn append(&mut self, sample: Sample) -> (OpenRun, Arc<CheckRow>) {
        self.end(sample.backend);
        if self.rows.len() == self.rows_max {
            self.evict();
        }
        let seq = self.first_seq + self.rows.len() as u64;
        let run = OpenRun {
            seq,
            latency_us_sum: sample.latency_us,
            keep: sample.keep.into(),
            told_count: 0,
            told_ms: sample.at_ms,
        };
        let row = CheckRow {
            seq,
            group: sample.path.group,
            backend: sample.path.backend,
            address: sample.address,
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
            health: sample.health,
        };
        let row = Arc::new(row);
        self.rows.push_back(Held { backend: sample.backend, row: Arc::clone(&row) });
        (run, row)
    }

    /// Drops the oldest row; the recorder has it.
    fn evict(&mut self) {
        let Some(oldest) = self.rows.front() else { return };
        let (backend, seq) = (oldest.backend, oldest.row.seq);
        if self.open.get(&backend).is_some_and(|run| run.seq == seq) {
            self.end(backend);
        }
        self.rows.pop_front();
        self.first_seq += 1;
    }

    /// Ends the open row of a backend.
    fn end(&mut self, backend: BackendId) {
        let grown = self.open.get(&backend).and_then(|run| Some(self.held(run.seq)?.row.count > run.told_count));
        if grown == Some(true) {
            self.tell(backend, None);
        }
        self.open.remove(&backend);
    }

    /// Takes the bytes of a row that ends with a transition.
    fn turn(&mut self, backend: BackendId, row: &CheckRow) {
        let exchange = self.bytes.remove(&backend);
        match &exchange {
            Some(exchange) => self.turned.insert(backend, (row.seq, Arc::clone(exchange))),
            None => self.turned.remove(&backend),
        };
        self.tell(backend, exchange);
    }

    /// The open row of a backend is due to the recorder, unless its group keeps no such rows.
    fn tell(&mut self, backend: BackendId, exchange: Option<Arc<Exchange>>) {
        let Some(mut run) = self.open.get(&backend).copied() else { return };
        let Some(row) = self.held(run.seq).map(|held| Arc::clone(&held.row)) else { return };
        (run.told_count, run.told_ms) = (row.count, row.last_ms);
        self.open.insert(backend, run);
        if run.keep.takes(&row) {
            self.due.push(Kept { row, exchange });
        }
    }
}

/// Whether a verdict goes on with a row: what it found is the same, no probe is missing between them,
/// and the row is not yet as long as rows may be.
fn continues(row: &CheckRow, sample: &Sample, run_ms_max: u64) -> bool {
    let same = row.verdict == sample.verdict
        && row.address == sample.address
        && row.protocol == sample.protocol
        && row.group == sample.path.group
        && row.backend == sample.path.backend
        && (row.health == sample.health || sample.transition.is_some());
    same && sample.at_ms >= row.last_ms
        && sample.at_ms - row.last_ms <= sample.gap_ms_max
        && sample.at_ms - row.first_ms < run_ms_max
        && day_of(sample.at_ms) == day_of(row.first_ms)
}

#[cfg(test)]
mod tests;
