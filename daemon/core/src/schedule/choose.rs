//! Choosing a backend of a group: the scheduler's pick, another one after a failed dial, or the one
//! that persistence remembers.
//!
//! No lock and no allocation. Failover has a cursor of its own: what a dead backend cannot take is
//! spread over the others by weight and the exact sequence of first picks is not touched, so shares
//! over picks that reach their backend stay exact. The data path counts what it does with a choice.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

use crossbeam_utils::CachePadded;
use poise_ipc::model::Scheduler;

use super::load::Load;
use crate::plan::{BackendId, BackendPlan, Choice, GroupPlan};

/// Backends that `wlc` compares one by one; above that it samples.
const SCAN_MAX: usize = 64;
/// Samples of `wlc`: two already avoid the worst (power of two choices), four come close to the best.
const SAMPLES: usize = 4;
/// Draws for each of the two samples of `p2c`, since one may be a backend that does not count.
const DRAWS_MAX: usize = 4;
/// Places of the sequence that failover tries before it takes whoever was not tried.
const SKIPS_MAX: usize = 64;

impl GroupPlan {
    /// The backend for new work of `client`: by the shared sequence (`rr`, `wrr`), by load (`wlc`,
    /// `p2c`) or by the client's address (`hash`).
    #[inline]
    pub fn choose(&self, client: IpAddr) -> Choice<'_> {
        let chosen = match self.scheduler() {
            Scheduler::Rr | Scheduler::Wrr => self.walk.next(),
            Scheduler::Wlc => self.least_loaded(&[]),
            Scheduler::P2c => self.better_of_two(&[]),
            Scheduler::Hash => self.rendezvous.as_ref().and_then(|order| order.first(client)),
        };
        self.choice(chosen)
    }

    /// A backend other than those tried, in proportion to weight or next in the order of `client`
    /// (`hash`); for a second dial, and to step over one that is full. When everybody was tried there
    /// is none, and why the last dial failed says more than the cause given here.
    pub fn choose_except(&self, client: IpAddr, tried: &[BackendId]) -> Choice<'_> {
        let chosen = match self.scheduler() {
            Scheduler::Rr | Scheduler::Wrr => self.step_aside(tried),
            Scheduler::Wlc => self.least_loaded(tried),
            Scheduler::P2c => self.better_of_two(tried),
            Scheduler::Hash => {
                self.rendezvous.as_ref().and_then(|order| order.first_of(client, |at| self.may_try(at, tried)))
            }
        };
        self.choice(chosen)
    }

    /// The backend that persistence remembers, if it may still be used: it is in this group and
    /// not disabled, nor down unless the group fails open, nor at the end of its drain. A soft drain
    /// and weight 0 do not matter.
    pub fn pinned(&self, id: BackendId) -> Option<&Arc<BackendPlan>> {
        self.backend(id).filter(|backend| backend.takes_pinned())
    }

    /// A backend by identity, whatever its state.
    pub fn backend(&self, id: BackendId) -> Option<&Arc<BackendPlan>> {
        let found = self.by_id.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(&self.backends[usize::from(self.by_id[found].1)])
    }

    fn choice(&self, chosen: Option<usize>) -> Choice<'_> {
        chosen.map_or(Choice::NoneEligible(self.none), |at| Choice::Backend(&self.backends[at]))
    }

    /// Whether a backend is worth a try: it was not tried and is not full.
    fn may_try(&self, at: usize, tried: &[BackendId]) -> bool {
        self.loads.has_room(at) && (tried.is_empty() || !tried.contains(&self.backends[at].id))
    }

    /// The next place of failover's own walk that holds a backend not yet tried.
    fn step_aside(&self, tried: &[BackendId]) -> Option<usize> {
        for _ in 0..SKIPS_MAX {
            let at = self.shares.at(spread(self.turn.next()))?;
            if self.may_try(at, tried) {
                return Some(at);
            }
        }
        self.any_except(tried)
    }

    /// Whoever is eligible and was not tried, in turn.
    fn any_except(&self, tried: &[BackendId]) -> Option<usize> {
        let others = || self.shares.positions().filter(|&at| self.may_try(at, tried));
        others().nth(self.turn.among(others().count()))
    }

    fn least_loaded(&self, tried: &[BackendId]) -> Option<usize> {
        if self.shares.len() <= SCAN_MAX {
            return self.least_of(self.shares.positions().filter(|&at| self.may_try(at, tried)));
        }
        let samples = (0..SAMPLES).filter_map(|_| self.shares.at(scatter(self.turn.next())));
        let best = self.least_of(samples.filter(|&at| self.may_try(at, tried)));
        best.or_else(|| self.any_except(tried))
    }

    /// The less loaded of two samples, which are two backends unless one has nearly all the weight.
    fn better_of_two(&self, tried: &[BackendId]) -> Option<usize> {
        let draw = |other: Option<usize>| {
            let mut draws = (0..DRAWS_MAX).filter_map(|_| self.shares.at(scatter(self.turn.next())));
            draws.find(|&at| Some(at) != other && self.may_try(at, tried))
        };
        let Some(one) = draw(None) else { return self.any_except(tried) };
        if self.shares.len() == 1 {
            return Some(one);
        }
        let Some(two) = draw(Some(one)) else { return Some(one) };
        Some(if self.loads.of(two).compare(self.loads.of(one)).is_lt() { two } else { one })
    }

    /// The one with the least load per weight; equals take turns.
    fn least_of(&self, candidates: impl Iterator<Item = usize>) -> Option<usize> {
        let mut best: Option<Load> = None;
        let mut equals = [0; SCAN_MAX];
        let mut count = 0;
        for at in candidates.take(SCAN_MAX) {
            let load = self.loads.of(at);
            match best.map_or(Ordering::Less, |best| load.compare(best)) {
                Ordering::Greater => continue,
                Ordering::Less => (best, count) = (Some(load), 0),
                Ordering::Equal => {}
            }
            equals[count] = at;
            count += 1;
        }
        (count > 0).then(|| equals[self.turn.among(count)])
    }
}

/// The cursor of choices beside the exact sequence. Relaxed, since only its motion matters.
#[derive(Debug, Default)]
pub(crate) struct Turn(CachePadded<AtomicU64>);

impl Turn {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, atomic::Ordering::Relaxed)
    }

    /// A turn among `count`; 0 if there is no choice.
    fn among(&self, count: usize) -> usize {
        if count <= 1 { 0 } else { usize::try_from(self.next() % count as u64).unwrap_or(0) }
    }
}

/// Spreads consecutive numbers evenly over all of `u64` (multiples of the golden ratio), so that
/// any stretch of them gives every backend about its share.
fn spread(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Scatters consecutive numbers over all of `u64` (finalizer of `SplitMix64`): samples of `wlc` must
/// not always meet the same neighbours.
pub(super) fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests;
