//! Counters that the data path writes and control reads.
//!
//! Every worker has cells of its own, padded so that two workers never share a cache line; only
//! what a scheduler must know exactly (`inflight`) is shared. Counters belong to the identity of
//! a backend or listener and are carried from plan to plan.

mod carried;
mod group;
mod inflight;
mod latency;
mod leaving;
mod persistence;
mod route;
mod streaks;
mod windows;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;
use poise_ipc::cause::Cause;
use poise_ipc::status::{BackendCounters, ListenerCounters, TlsCounters, TlsFailure};

pub use group::{GroupCells, GroupLive};
pub use inflight::Inflight;
pub use latency::{LATENCY_US_MAX, Latency, LatencySnapshot};
pub use leaving::{Cuts, Leaving};
pub use persistence::PersistenceCells;
pub use route::{RouteCells, RouteLive, UnderWay};
pub use streaks::Streaks;
pub use windows::{STEP_MS, Windows};

use self::inflight::Gate;
use self::leaving::Word;
use crate::queue::Queue;

/// A counter or gauge of one worker. Written by that worker alone, read by control.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Adds to it.
    #[inline]
    pub fn add(&self, n: u64) {
        // One writer: a load and a store are enough, and cheaper than a locked add.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Takes from it (gauges).
    #[inline]
    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    /// Raises it to a value that is known to have been reached.
    pub fn raise(&self, to: u64) {
        self.0.fetch_max(to, Ordering::Relaxed);
    }

    /// Its value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Cells for so many workers, and behind them those for what an earlier process has counted.
fn rows<T: Default>(workers: usize) -> Box<[CachePadded<T>]> {
    (0..=workers).map(|_| CachePadded::default()).collect()
}

/// What one worker counts of one backend. Field meanings are those of [`BackendCounters`].
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of BackendCounters, documented there")]
pub struct BackendCells {
    pub picks: Cell,
    pub pinned: Cell,
    pub connections: Cell,
    pub connections_open: Cell,
    pub responses: [Cell; 5],
    pub connect_failures: Cell,
    pub failures: Cell,
    pub bytes_out: Cell,
    pub bytes_in: Cell,
    /// Time to the first byte of a response.
    pub latency: Latency,
    causes: Causes,
}

impl BackendCells {
    /// Counts an end by its cause.
    pub fn ended(&self, cause: Cause) {
        self.causes.count(cause);
    }
}

/// What all workers count of one backend.
#[derive(Debug)]
pub struct BackendLive {
    /// Connections or requests in flight, over all workers: the load that `wlc` compares.
    pub inflight: CachePadded<AtomicU32>,
    /// Failures in a row, over all workers.
    pub streaks: Streaks,
    gate: Gate,
    leaving: Word,
    /// Where it is waited for.
    queue: Arc<Queue>,
    /// When it is probed next, in milliseconds since the epoch; 0 while nothing is known of that.
    next_probe_ms: AtomicU64,
    workers: Box<[CachePadded<BackendCells>]>,
}

impl BackendLive {
    /// Cells for so many workers, of a backend whose group has this queue.
    pub fn new(workers: usize, queue: &Arc<Queue>) -> Self {
        Self {
            inflight: CachePadded::default(),
            streaks: Streaks::default(),
            gate: Gate::default(),
            leaving: Word::default(),
            queue: Arc::clone(queue),
            next_probe_ms: AtomicU64::new(0),
            workers: rows(workers),
        }
    }

    /// What of its connections has to go.
    #[inline]
    pub fn leaving(&self) -> Leaving {
        self.leaving.get()
    }

    /// Says what of its connections has to go. Returns what was said before.
    pub(crate) fn leave(&self, leaving: Leaving) -> Leaving {
        self.leaving.set(leaving)
    }

    /// Announces when it is probed next, in milliseconds since the epoch.
    pub fn announce_probe(&self, at_ms: u64) {
        self.next_probe_ms.store(at_ms, Ordering::Relaxed);
    }

    /// When it is probed next, in milliseconds since the epoch, if that was ever announced.
    pub fn next_probe_ms(&self) -> Option<u64> {
        Some(self.next_probe_ms.load(Ordering::Relaxed)).filter(|&at_ms| at_ms > 0)
    }

    /// The cells of a worker.
    #[inline]
    pub fn worker(&self, worker: usize) -> &BackendCells {
        &self.workers[worker]
    }

    /// Responses by class, 1xx to 5xx, of all workers.
    pub fn responses(&self) -> [u64; 5] {
        std::array::from_fn(|class| self.workers.iter().map(|w| w.responses[class].get()).sum())
    }

    /// Work that was given to it, and how much of that persistence decided.
    pub fn picks(&self) -> (u64, u64) {
        self.workers.iter().fold((0, 0), |(picks, pinned), w| (picks + w.picks.get(), pinned + w.pinned.get()))
    }

    /// Attempts to reach it that failed.
    pub fn unreached(&self) -> u64 {
        self.workers.iter().map(|w| w.connect_failures.get()).sum()
    }

    /// The sums over all workers; latency is control's to fill in.
    pub fn totals(&self) -> BackendCounters {
        let sum = |cell: fn(&BackendCells) -> &Cell| self.workers.iter().map(|w| cell(w).get()).sum::<u64>();
        BackendCounters {
            picks_total: sum(|w| &w.picks),
            pinned_total: sum(|w| &w.pinned),
            connections_total: sum(|w| &w.connections),
            connections_open: sum(|w| &w.connections_open),
            inflight: u64::from(self.inflight.load(Ordering::Relaxed)),
            responses_total: self.responses(),
            connect_failures_total: sum(|w| &w.connect_failures),
            failures_total: sum(|w| &w.failures),
            bytes_out_total: sum(|w| &w.bytes_out),
            bytes_in_total: sum(|w| &w.bytes_in),
            latency_p50_us: 0,
            latency_p99_us: 0,
            causes: Causes::totals(|| self.workers.iter().map(|worker| &worker.causes)),
        }
    }

    /// The latency counts of all workers; two of them give quantiles of the time between.
    pub fn latency(&self) -> LatencySnapshot {
        LatencySnapshot::of(self.workers.iter().map(|worker| &worker.latency))
    }
}

/// What one worker counts of one listener. Field meanings are those of [`ListenerCounters`].
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of ListenerCounters, documented there")]
pub struct ListenerCells {
    pub connections: Cell,
    pub connections_open: Cell,
    pub requests: Cell,
    pub bytes_in: Cell,
    pub bytes_out: Cell,
    pub responses: [Cell; 5],
    pub datagrams_in: Cell,
    pub datagrams_out: Cell,
    pub datagrams_dropped: Cell,
    pub flows_moved: Cell,
    /// Lines of the access log that found no room.
    pub lines_dropped: Cell,
    /// Time to the first byte of a response.
    pub latency: Latency,
    pub persistence: PersistenceCells,
    pub handshakes: Cell,
    pub resumed: Cell,
    /// Handshakes under way.
    pub handshakes_open: Cell,
    handshake_failures: [Cell; TlsFailure::ALL.len()],
    causes: Causes,
}

/// A cell for every cause, made at the first bad end: most objects never see one.
#[derive(Debug, Default)]
struct Causes(OnceLock<Box<[Cell; Cause::ALL.len()]>>);

impl Causes {
    #[cold]
    fn count(&self, cause: Cause) {
        let cells = self.0.get_or_init(|| Box::new(std::array::from_fn(|_| Cell::default())));
        cells[cause as usize].add(1);
    }

    /// Raises counts to what is known to have been reached.
    fn raise(&self, to: &[(Cause, u64)]) {
        if to.is_empty() {
            return;
        }
        let cells = self.0.get_or_init(|| Box::new(std::array::from_fn(|_| Cell::default())));
        for &(cause, count) in to {
            cells[cause as usize].raise(count);
        }
    }

    fn of(&self, cause: Cause) -> u64 {
        self.0.get().map_or(0, |cells| cells[cause as usize].get())
    }

    /// The sums over several; causes that never occurred are left out.
    fn totals<'c, I: Iterator<Item = &'c Self>>(all: impl Fn() -> I) -> Vec<(Cause, u64)> {
        let totals = Cause::ALL.into_iter().map(|cause| {
            let total = all().map(|causes| causes.of(cause)).sum::<u64>();
            (cause, total)
        });
        totals.filter(|(_, total)| *total > 0).collect()
    }
}

impl ListenerCells {
    /// Counts an end by its cause.
    pub fn ended(&self, cause: Cause) {
        self.causes.count(cause);
    }

    /// Counts a handshake that failed.
    pub fn handshake_failed(&self, failure: TlsFailure) {
        self.handshake_failures[failure as usize].add(1);
    }
}

/// What all workers count of one listener.
#[derive(Debug)]
pub struct ListenerLive {
    /// Lines of the access log that could not be written.
    lines_lost: AtomicU64,
    workers: Box<[CachePadded<ListenerCells>]>,
}

impl ListenerLive {
    /// Cells for so many workers.
    pub fn new(workers: usize) -> Self {
        Self { lines_lost: AtomicU64::default(), workers: rows(workers) }
    }

    /// The cells of a worker.
    #[inline]
    pub fn worker(&self, worker: usize) -> &ListenerCells {
        &self.workers[worker]
    }

    /// Connections that are open now, over all workers.
    pub fn open(&self) -> u64 {
        self.workers.iter().map(|worker| worker.connections_open.get()).sum()
    }

    /// Counts lines of the access log that could not be written.
    pub fn lines_lost(&self, count: u64) {
        self.lines_lost.fetch_add(count, Ordering::Relaxed);
    }

    /// The latency counts of all workers.
    pub fn latency(&self) -> LatencySnapshot {
        LatencySnapshot::of(self.workers.iter().map(|worker| &worker.latency))
    }

    /// The sums over all workers.
    pub fn totals(&self) -> ListenerCounters {
        let sum = |cell: fn(&ListenerCells) -> &Cell| self.workers.iter().map(|w| cell(w).get()).sum::<u64>();
        let failures = TlsFailure::ALL.into_iter().filter_map(|failure| {
            let n = self.workers.iter().map(|w| w.handshake_failures[failure as usize].get()).sum::<u64>();
            (n > 0).then_some((failure, n))
        });
        ListenerCounters {
            connections_total: sum(|w| &w.connections),
            connections_open: sum(|w| &w.connections_open),
            requests_total: sum(|w| &w.requests),
            bytes_in_total: sum(|w| &w.bytes_in),
            bytes_out_total: sum(|w| &w.bytes_out),
            causes: Causes::totals(|| self.workers.iter().map(|worker| &worker.causes)),
            responses_total: std::array::from_fn(|class| self.workers.iter().map(|w| w.responses[class].get()).sum()),
            datagrams_in_total: sum(|w| &w.datagrams_in),
            datagrams_out_total: sum(|w| &w.datagrams_out),
            datagrams_dropped_total: sum(|w| &w.datagrams_dropped),
            flows_moved_total: sum(|w| &w.flows_moved),
            access_log_dropped_total: sum(|w| &w.lines_dropped) + self.lines_lost.load(Ordering::Relaxed),
            persistence: PersistenceCells::totals(&self.workers.iter().map(|worker| &worker.persistence)),
            tls: TlsCounters {
                handshakes_total: sum(|w| &w.handshakes),
                resumed_total: sum(|w| &w.resumed),
                failures_total: failures.collect(),
                handshakes_open: sum(|w| &w.handshakes_open),
            },
        }
    }
}
