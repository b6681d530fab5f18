//! What the workers count of one group beside what they count of its backends.
//!
//! A request that reached a backend is in that backend's cells; here is what came at all, and what
//! ended before a backend was chosen. Control adds the two up.

use crossbeam_utils::CachePadded;
use poise_ipc::cause::Cause;
use poise_ipc::status::GroupCounters;

use super::{Causes, Cell};
use crate::plan::{BackendId, GroupPlan};

/// What one worker counts of one group.
#[derive(Debug, Default)]
pub struct GroupCells {
    /// `tcp`: connections, `udp`: flows, `http`: requests that came for it.
    requests: Cell,
    causes: Causes,
}

/// What all workers count of one group.
#[derive(Debug)]
pub struct GroupLive {
    workers: Box<[CachePadded<GroupCells>]>,
}

impl GroupLive {
    /// Cells for so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| CachePadded::default()).collect() }
    }

    /// The sums over all workers; what its backends count is control's to add.
    pub fn totals(&self) -> GroupCounters {
        GroupCounters {
            requests_total: self.workers.iter().map(|worker| worker.requests.get()).sum(),
            causes: Causes::totals(|| self.workers.iter().map(|worker| &worker.causes)),
            ..GroupCounters::default()
        }
    }
}

impl GroupPlan {
    /// A worker has a connection, flow or request for it.
    #[inline]
    pub fn came(&self, worker: usize) {
        // The group of a listener that has none counts nothing.
        if let Some(cells) = self.live.workers.get(worker) {
            cells.requests.add(1);
        }
    }

    /// Counts an end by its cause: at the backend that was at work, or here when none was.
    pub fn ended(&self, worker: usize, backend: Option<BackendId>, cause: Cause) {
        match backend.and_then(|id| self.backend(id)) {
            Some(backend) => backend.live.worker(worker).ended(cause),
            None => {
                if let Some(cells) = self.live.workers.get(worker) {
                    cells.causes.count(cause);
                }
            }
        }
    }
}
