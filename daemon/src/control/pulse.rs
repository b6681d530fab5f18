//! The pulse of traffic: how much work every backend got lately, which forecasts are made from.
//!
//! A few fine samples and a minute of coarse ones, so a fixed room per backend. The newest samples that
//! hold enough work of a group are taken: what was long ago (a warm-up, other weights) says little of what
//! comes next.

use std::collections::{HashMap, VecDeque};

use poise_core::forecast::{Seen, SeenGroup};
use poise_core::plan::{BackendId, GroupPlan, Plan};

/// Samples of the last seconds, one for every call of [`Pulse::beat`].
const FINE_MAX: usize = 5;
/// Samples of the last minute, one for every so many calls.
const COARSE_MAX: usize = 15;
const COARSE_EVERY: u64 = 10;
/// Work of a group that is enough to tell where pinned clients are.
const ENOUGH: u64 = 400;
/// Work that is enough to tell how many clients are new.
const ENOUGH_NEW: u64 = 100;

/// The last minute.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    fine: VecDeque<Sample>,
    coarse: VecDeque<Sample>,
    beats: u64,
}

#[derive(Clone, Debug)]
struct Sample {
    at_ms: u64,
    /// Nothing was counted by this process before it.
    is_first: bool,
    picks: HashMap<BackendId, (u64, u64)>,
}

impl Pulse {
    /// Takes a sample; to be called every 400 ms.
    pub(super) fn beat(&mut self, plan: &Plan, now_ms: u64) {
        let sample = Sample { at_ms: now_ms, is_first: self.beats == 0, picks: picks(plan) };
        if self.beats.is_multiple_of(COARSE_EVERY) {
            push(&mut self.coarse, COARSE_MAX, sample.clone());
        }
        push(&mut self.fine, FINE_MAX, sample);
        self.beats += 1;
    }

    /// The work that was seen lately.
    pub(super) fn seen(&self, plan: &Plan, now_ms: u64) -> Seen {
        let now = Sample { at_ms: now_ms, is_first: false, picks: picks(plan) };
        let groups = plan.groups.iter().filter_map(|group| Some((group.name.clone(), self.group(group, &now)?)));
        Seen(groups.collect())
    }

    fn group(&self, group: &GroupPlan, now: &Sample) -> Option<SeenGroup> {
        let work = |sample: &Sample| group.backends.iter().map(|backend| now.since(sample, backend.id).0).sum::<u64>();
        // The newest first: every coarse sample is older than the fine ones, or one of them.
        let all = || self.fine.iter().rev().chain(self.coarse.iter().rev());
        let oldest = self.coarse.front()?;
        let newest = |enough: u64| all().find(|sample| work(sample) >= enough).unwrap_or(oldest);
        let (whole, recent) = (newest(ENOUGH), newest(ENOUGH_NEW));
        let works = group.backends.iter().map(|backend| now.since(recent, backend.id));
        let (all, pinned) = works.fold((0, 0), |(all, pinned), one| (all + one.0, pinned + one.1));
        // Since the start of the process everybody was new once: that says nothing of who will be.
        let anew = if recent.is_first && pinned > 0 { 0 } else { all - pinned };
        Some(SeenGroup {
            picks: group.backends.iter().map(|backend| (backend.id, now.since(whole, backend.id))).collect(),
            span_ms: now.at_ms.saturating_sub(whole.at_ms),
            anew: (anew, all),
        })
    }
}

impl Sample {
    /// Work since an earlier sample, and how much of that persistence decided.
    fn since(&self, earlier: &Self, id: BackendId) -> (u64, u64) {
        let (picks, pinned) = self.picks.get(&id).copied().unwrap_or_default();
        let (before, pinned_before) = earlier.picks.get(&id).copied().unwrap_or_default();
        let picks = picks.saturating_sub(before);
        (picks, pinned.saturating_sub(pinned_before).min(picks))
    }
}

fn push(samples: &mut VecDeque<Sample>, max: usize, sample: Sample) {
    if samples.len() == max {
        samples.pop_front();
    }
    samples.push_back(sample);
}

fn picks(plan: &Plan) -> HashMap<BackendId, (u64, u64)> {
    let backends = plan.groups.iter().flat_map(|group| &group.backends);
    backends.map(|backend| (backend.id, backend.live.picks())).collect()
}
