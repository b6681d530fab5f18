//! Trip wires: what groups have done since a window was opened or a ramp began, and whether that is
//! more than a wire bears.
//!
//! A sample is taken once a second while there are wires, and when one is laid: nothing from before
//! a change can touch its wire. Samples are kept for as long as wires look back. Reconcile asks.

use std::collections::{BTreeSet, HashMap, VecDeque};

use poise_core::live::LatencySnapshot;
use poise_core::plan::{GroupPlan, Plan};
use poise_ipc::Name;
use poise_ipc::message::{Limit, TRIP_SAMPLES_MIN, TRIP_WINDOW_MS, Trip};
use poise_ipc::model::AdminState;
use poise_ipc::status::GroupCounters;

#[cfg(test)]
mod tests;

/// Time between two samples.
pub(super) const SAMPLE_MS: u64 = 1_000;
/// Samples that are kept: those of the time that wires look back, and those taken when wires are laid.
const SAMPLES_MAX: usize = 64;

/// The samples.
#[derive(Debug, Default)]
pub(super) struct Wires(VecDeque<Sample>);

#[derive(Debug)]
struct Sample {
    at_ms: u64,
    groups: HashMap<Name, Tally>,
}

/// What a group has done, so far.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Requests that ended with an answer.
    answered: u64,
    /// Those of them that ended with a 5xx.
    errors: u64,
    latency: LatencySnapshot,
}

/// A wire that was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    /// What was measured, over what.
    pub(super) why: String,
}

impl Tally {
    fn of(group: &GroupPlan, counters: &GroupCounters) -> Self {
        let own: u64 = counters.causes.iter().filter(|(cause, _)| cause.status() >= Some(500)).map(|(_, n)| n).sum();
        let mut latency = LatencySnapshot::default();
        group.backends.iter().for_each(|backend| latency.merge(&backend.live.latency()));
        let [_, rest @ ..] = counters.responses_total;
        Self { answered: rest.iter().sum::<u64>() + own, errors: counters.responses_total[4] + own, latency }
    }
}

impl Wires {
    /// Takes a sample of the groups that wires look at.
    pub(super) fn sample(
        &mut self,
        plan: &Plan,
        groups: &BTreeSet<Name>,
        counters: impl Fn(&GroupPlan) -> GroupCounters,
        now_ms: u64,
    ) {
        let looked_at = plan.groups.iter().filter(|group| groups.contains(&group.name));
        let groups = looked_at.map(|group| (group.name.clone(), Tally::of(group, &counters(group)))).collect();
        self.0.push_back(Sample { at_ms: now_ms, groups });
        let old = |sample: &Sample| sample.at_ms + TRIP_WINDOW_MS + SAMPLE_MS < now_ms;
        while self.0.len() > SAMPLES_MAX || self.0.front().is_some_and(old) {
            self.0.pop_front();
        }
    }

    /// Whether nothing has been looked at for as long as wires look back.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.0.back().is_none_or(|last| now_ms >= last.at_ms + SAMPLE_MS)
    }

    /// Forgets everything: there are no wires.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first of these wires, laid at `since_ms`, that is touched; wires without a group look at
    /// each of `groups`. `is_usable` says whether a backend may serve.
    pub(super) fn touched(
        &self,
        trips: &[Trip],
        groups: &BTreeSet<Name>,
        since_ms: u64,
        plan: &Plan,
        is_usable: impl Fn(&GroupPlan) -> u64,
    ) -> Option<Touched> {
        let look = |trip: &Trip, name: &Name| {
            let group = plan.group(name)?;
            let measured = match trip.limit {
                Limit::Up { under } => {
                    let usable = is_usable(group);
                    (usable < u64::from(under)).then(|| format!("{usable} usable"))
                }
                Limit::Errors { over_ppm } => self.errors(name, since_ms, over_ppm),
                Limit::P99 { over_ms } => self.slow(name, since_ms, over_ms),
            }?;
            Some(Touched { why: format!("{}: {measured} in group {name}", trip.limit) })
        };
        trips.iter().find_map(|trip| match &trip.group {
            Some(name) => look(trip, name),
            None => groups.iter().find_map(|name| look(trip, name)),
        })
    }

    /// What a group has done in the time that wires look back, but not before `since_ms`, and over how
    /// long that was.
    fn since(&self, group: &Name, since_ms: u64) -> Option<(Tally, u64)> {
        let last = self.0.back()?;
        let from_ms = since_ms.max(last.at_ms.saturating_sub(TRIP_WINDOW_MS));
        let first = self.0.iter().find(|sample| sample.at_ms >= from_ms && sample.groups.contains_key(group))?;
        let (was, is) = (first.groups.get(group)?, last.groups.get(group)?);
        let done = Tally {
            answered: is.answered.saturating_sub(was.answered),
            errors: is.errors.saturating_sub(was.errors),
            latency: is.latency.since(&was.latency),
        };
        Some((done, last.at_ms - first.at_ms))
    }

    fn errors(&self, group: &Name, since_ms: u64, over_ppm: u32) -> Option<String> {
        let (Tally { answered, errors, .. }, over) = self.since(group, since_ms)?;
        let too_many = u128::from(errors) * 1_000_000 > u128::from(answered) * u128::from(over_ppm);
        (answered >= TRIP_SAMPLES_MIN && too_many)
            .then(|| format!("{errors} of {answered} responses 5xx in {}", seconds(over)))
    }

    fn slow(&self, group: &Name, since_ms: u64, over_ms: u32) -> Option<String> {
        let (Tally { latency, .. }, over) = self.since(group, since_ms)?;
        let p99_us = latency.quantile(990);
        (latency.count() >= TRIP_SAMPLES_MIN && p99_us > u64::from(over_ms) * 1_000)
            .then(|| format!("p99 {} ms of {} responses in {}", p99_us / 1_000, latency.count(), seconds(over)))
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// Backends of a group that are enabled, have weight and are not known to be unfit.
pub(super) fn usable(group: &GroupPlan, is_fit: impl Fn(poise_core::plan::BackendId) -> bool) -> u64 {
    let counts = |b: &&std::sync::Arc<poise_core::plan::BackendPlan>| {
        b.settings.state == AdminState::Enabled && b.settings.weight > 0 && is_fit(b.id)
    };
    group.backends.iter().filter(counts).count() as u64
}
