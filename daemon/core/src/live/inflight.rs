//! Slots of a backend: what it works on now, and how much that may be.
//!
//! The count is shared by all workers and exact, since schedulers compare it and limits bound it.
//! What the plan in force allows is kept beside it, where whoever leaves finds it without a plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::BackendLive;
use crate::plan::{BackendId, BackendPlan};

/// What the plan in force lets a backend take.
#[derive(Debug)]
pub(super) struct Gate {
    inflight_max: AtomicU32,
    takes_new: AtomicBool,
    takes_pinned: AtomicBool,
}

impl Default for Gate {
    /// Nothing new, until a plan says so.
    fn default() -> Self {
        let (takes_new, takes_pinned) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inflight_max: AtomicU32::new(u32::MAX), takes_new, takes_pinned }
    }
}

impl BackendLive {
    /// Sets what a plan lets the backend take.
    pub(crate) fn enforce(&self, inflight_max: Option<u32>, takes_new: bool, takes_pinned: bool) {
        self.gate.inflight_max.store(inflight_max.unwrap_or(u32::MAX), Ordering::Relaxed);
        self.gate.takes_new.store(takes_new, Ordering::Relaxed);
        self.gate.takes_pinned.store(takes_pinned, Ordering::Relaxed);
    }

    /// Whether it may work on one more connection or request.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.inflight.load(Ordering::Relaxed) < self.gate.inflight_max.load(Ordering::Relaxed)
    }

    /// Whether a slot at this backend, which is `own`, is what somebody waits for who wants this one.
    pub(crate) fn suits(&self, wants: Option<BackendId>, own: BackendId) -> bool {
        match wants {
            None => self.gate.takes_new.load(Ordering::Relaxed),
            Some(wanted) => wanted == own && self.gate.takes_pinned.load(Ordering::Relaxed) && !self.leaving().is_cut(),
        }
    }
}

/// A connection or request that a backend is working on; dropping it is its end, and whoever waits
/// is next.
#[derive(Debug)]
pub struct Inflight {
    backend: BackendId,
    live: Arc<BackendLive>,
}

impl Inflight {
    /// Counts one more in flight, whatever the limit.
    pub fn start(backend: &BackendPlan) -> Self {
        backend.live.inflight.fetch_add(1, Ordering::SeqCst);
        Self { backend: backend.id, live: Arc::clone(&backend.live) }
    }

    /// Counts one more in flight unless that would be too many.
    pub(crate) fn within_limit(backend: BackendId, live: &Arc<BackendLive>) -> Option<Self> {
        let inflight_max = live.gate.inflight_max.load(Ordering::Relaxed);
        let one_more = |inflight: u32| (inflight < inflight_max).then(|| inflight + 1);
        live.inflight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok()?;
        Some(Self { backend, live: Arc::clone(live) })
    }

    /// Whose it is.
    pub const fn backend(&self) -> BackendId {
        self.backend
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        // Before the look at the queue: see `Queue::is_waited_in`.
        self.live.inflight.fetch_sub(1, Ordering::SeqCst);
        if self.live.queue.is_waited_in() {
            self.live.queue.offer(self.backend, &self.live);
        }
    }
}
