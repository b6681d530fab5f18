//! What the workers count of one route.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use poise_ipc::cause::Cause;
use poise_ipc::status::RouteCounters;

use super::{Causes, Cell, Latency, LatencySnapshot, PersistenceCells};

/// What one worker counts of one route. Field meanings are those of [`RouteCounters`].
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of RouteCounters, documented there")]
pub struct RouteCells {
    pub requests: Cell,
    /// Requests that have ended, however.
    pub done: Cell,
    pub bytes_in: Cell,
    pub bytes_out: Cell,
    pub responses: [Cell; 5],
    /// Time to the first byte of a response.
    pub latency: Latency,
    pub persistence: PersistenceCells,
    pub(super) causes: Causes,
}

impl RouteCells {
    /// Counts an end by its cause.
    pub fn ended(&self, cause: Cause) {
        self.causes.count(cause);
    }
}

/// A request that a route has taken, until it has ended; a tunnel lasts as long as it is open.
#[derive(Debug)]
pub struct UnderWay {
    live: Arc<RouteLive>,
    worker: usize,
}

impl UnderWay {
    /// Counts a request of a worker.
    pub fn begin(live: &Arc<RouteLive>, worker: usize) -> Self {
        live.worker(worker).requests.add(1);
        Self { live: Arc::clone(live), worker }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.live.worker(self.worker).done.add(1);
    }
}

/// What all workers count of one route.
#[derive(Debug)]
pub struct RouteLive {
    pub(super) workers: Box<[CachePadded<RouteCells>]>,
}

impl RouteLive {
    /// Cells for so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers: super::rows(workers) }
    }

    /// The cells of a worker.
    #[inline]
    pub fn worker(&self, worker: usize) -> &RouteCells {
        &self.workers[worker]
    }

    /// Whether any response was ever timed.
    pub fn is_timed(&self) -> bool {
        self.workers.iter().any(|worker| worker.latency.is_used())
    }

    /// The latency counts of all workers.
    pub fn latency(&self) -> LatencySnapshot {
        LatencySnapshot::of(self.workers.iter().map(|worker| &worker.latency))
    }

    /// The sums over all workers.
    pub fn totals(&self) -> RouteCounters {
        let sum = |cell: fn(&RouteCells) -> &Cell| self.workers.iter().map(|w| cell(w).get()).sum::<u64>();
        // In this order: what has ended by now had begun before.
        let done = sum(|w| &w.done);
        let requests_total = sum(|w| &w.requests);
        RouteCounters {
            requests_total,
            inflight: requests_total.saturating_sub(done),
            bytes_in_total: sum(|w| &w.bytes_in),
            bytes_out_total: sum(|w| &w.bytes_out),
            responses_total: std::array::from_fn(|class| self.workers.iter().map(|w| w.responses[class].get()).sum()),
            causes: Causes::totals(|| self.workers.iter().map(|worker| &worker.causes)),
            persistence: PersistenceCells::totals(&self.workers.iter().map(|worker| &worker.persistence)),
        }
    }
}
