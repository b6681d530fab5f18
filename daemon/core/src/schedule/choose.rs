//! Choosing a backend of a group: the scheduler's pick, another one after a failed dial, or the one
//! that persistence remembers.
//!
//! No lock and no allocation. Failover has a cursor of its own: what a dead backend cannot take is
//! spread over the others by weight and the exact sequence of first picks is not touched, so shares
//! over picks that reach their backend stay exact. The data path counts what it does with a choice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poise_ipc::model::Scheduler;

use crate::plan::{BackendId, BackendPlan, Choice, GroupPlan};

/// Backends that `wlc` compares one by one; above that it samples.
const SCAN_MAX: usize = 64;
/// Samples of `wlc`: two already avoid the worst (power of two choices), four come close to the best.
const SAMPLES: u64 = 4;
/// Places of the sequence that failover tries before it takes whoever was not tried.
const SKIPS_MAX: u64 = 64;

impl GroupPlan {
    /// The backend for new work: by the shared sequence (`rr`, `wrr`) or by load (`wlc`).
    #[inline]
    pub fn choose(&self) -> Choice<'_> {
        let chosen = match self.scheduler {
            Scheduler::Rr | Scheduler::Wrr => self.walk.next(),
            Scheduler::Wlc => self.least_loaded(&[]),
        };
        self.choice(chosen)
    }

    /// A backend other than those tried, in proportion to weight; for a second dial.
    pub fn choose_except(&self, tried: &[BackendId]) -> Choice<'_> {
        let chosen = match self.scheduler {
            Scheduler::Rr | Scheduler::Wrr => self.step_aside(tried),
            Scheduler::Wlc => self.least_loaded(tried),
        };
        self.choice(chosen)
    }

    /// The backend that persistence remembers, if it may still be used: it is in this group and
    /// not disabled, nor down unless the group fails open. Draining and weight 0 do not matter.
    pub fn pinned(&self, id: BackendId) -> Option<&Arc<BackendPlan>> {
        self.backend(id).filter(|backend| backend.accepts_pinned)
    }

    /// A backend by identity, whatever its state.
    pub fn backend(&self, id: BackendId) -> Option<&Arc<BackendPlan>> {
        let found = self.by_id.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(&self.backends[usize::from(self.by_id[found].1)])
    }

    fn choice(&self, chosen: Option<usize>) -> Choice<'_> {
        chosen.map_or(Choice::NoneEligible(self.none), |at| Choice::Backend(&self.backends[at]))
    }

    fn may_try(&self, at: usize, tried: &[BackendId]) -> bool {
        !tried.contains(&self.backends[at].id)
    }

    /// The next place of failover's own walk that holds a backend not yet tried.
    fn step_aside(&self, tried: &[BackendId]) -> Option<usize> {
        for _ in 0..SKIPS_MAX {
            let at = self.walk.sample(self.aside.0.fetch_add(1, Ordering::Relaxed))?;
            if self.may_try(at, tried) {
                return Some(at);
            }
        }
        self.any_except(tried)
    }

    /// Whoever is eligible and was not tried, in turn.
    fn any_except(&self, tried: &[BackendId]) -> Option<usize> {
        let others = || self.eligible.iter().map(|&at| usize::from(at)).filter(|&at| self.may_try(at, tried));
        let turn = self.aside.0.fetch_add(1, Ordering::Relaxed);
        others().nth((turn % others().count().max(1) as u64) as usize)
    }

    fn least_loaded(&self, tried: &[BackendId]) -> Option<usize> {
        let turn = self.aside.0.fetch_add(1, Ordering::Relaxed);
        if self.eligible.len() <= SCAN_MAX {
            let all = self.eligible.iter().map(|&at| usize::from(at));
            return self.least_of(all.filter(|&at| self.may_try(at, tried)), turn);
        }
        let samples = (0..SAMPLES).filter_map(|n| self.walk.sample(scatter(turn * SAMPLES + n)));
        let best = self.least_of(samples.filter(|&at| self.may_try(at, tried)), turn);
        best.or_else(|| self.any_except(tried))
    }

    /// The one with the least load per weight; equals take turns.
    fn least_of(&self, candidates: impl Iterator<Item = usize>, turn: u64) -> Option<usize> {
        let mut best: Option<(u64, u64)> = None;
        let mut equals = [0; SCAN_MAX];
        let mut count = 0;
        for at in candidates {
            let backend = &self.backends[at];
            let load = u64::from(backend.live.inflight.load(Ordering::Relaxed)) + 1;
            let weight = u64::from(backend.effective_weight);
            let order = best.map_or(std::cmp::Ordering::Less, |(l, w)| (load * w).cmp(&(l * weight)));
            match order {
                std::cmp::Ordering::Greater => continue,
                std::cmp::Ordering::Less => (best, count) = (Some((load, weight)), 0),
                std::cmp::Ordering::Equal => {}
            }
            equals[count] = at;
            count += 1;
        }
        (count > 0).then(|| equals[(turn % count as u64) as usize])
    }
}

/// A cursor of choices that are not the exact sequence's; relaxed, since only its motion matters.
#[derive(Debug, Default)]
pub(crate) struct Aside(crossbeam_utils::CachePadded<AtomicU64>);

/// Spreads consecutive numbers over all of `u64` (the finalizer of SplitMix64), so that samples are
/// not neighbours of the sequence.
fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests;
