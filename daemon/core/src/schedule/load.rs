//! Loads: what a scheduler that compares load has to know of a backend, close together.
//!
//! With 1,000 backends nearly every look at one is a look at cold memory. Here a sample costs two
//! such looks, at the entry and at the counter that it points to, instead of a walk through plan,
//! settings and limits. Plans differ in entries, counters are those of the identity.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic;

use crate::live::BackendLive;
use crate::plan::BackendPlan;

/// The loads of a group's backends, by position.
#[derive(Debug)]
pub(crate) struct Loads(Box<[Candidate]>);

#[derive(Debug)]
struct Candidate {
    live: Arc<BackendLive>,
    /// What it weighs now, in thousandths.
    weight_permille: u32,
    /// What it may work on at once.
    inflight_max: u32,
}

/// What one more connection or request would mean to a backend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    inflight: u64,
    weight: u64,
}

impl Loads {
    /// The loads of these backends.
    pub(crate) fn new(backends: &[Arc<BackendPlan>]) -> Self {
        let candidates = backends.iter().map(|backend| Candidate {
            live: Arc::clone(&backend.live),
            weight_permille: backend.weight_permille,
            inflight_max: backend.settings.max_connections.map_or(u32::MAX, |max| max.0),
        });
        Self(candidates.collect())
    }

    /// Whether a backend may work on one more.
    pub(super) fn has_room(&self, at: usize) -> bool {
        let candidate = &self.0[at];
        candidate.live.inflight.load(atomic::Ordering::Relaxed) < candidate.inflight_max
    }

    /// What one more would mean to a backend.
    pub(super) fn of(&self, at: usize) -> Load {
        let candidate = &self.0[at];
        let inflight = u64::from(candidate.live.inflight.load(atomic::Ordering::Relaxed)) + 1;
        Load { inflight, weight: u64::from(candidate.weight_permille) }
    }
}

impl Load {
    /// Compares load per weight without dividing.
    pub(super) fn compare(self, other: Self) -> Ordering {
        (self.inflight * other.weight).cmp(&(other.inflight * self.weight))
    }
}
