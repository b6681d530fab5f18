//! Balance: what every backend of a group was to get of its work, step by step, beside what it got.
//!
//! Work is weighed by the shares that were right at the moment at which it came. From the weights that are
//! configured now to the work that was given there is a chain of steps, and each step is one cause; so the
//! causes of a gap add up to it. Pure arithmetic; control takes the samples.

mod chance;

use std::collections::HashMap;

use poise_ipc::model::Scheduler;

pub use self::chance::by_chance;
use crate::health::policy::Use;
use crate::plan::{BackendId, BackendPlan, GroupPlan, takes_new};

#[cfg(test)]
mod tests;

/// Steps from the weights that were configured at a moment to the work that was due.
pub const STEPS: usize = 6;

/// A step; what it adds to or takes from a backend is one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The weights that were configured.
    Configured,
    /// Leases and ramps on them.
    Layered,
    /// Those only that the operator lets take work.
    Wanted,
    /// Those only that are used: health, ejection, damping; backups and fail-open.
    Used,
    /// Slow start.
    SlowStart,
    /// What persistence decided, and of the rest the same shares.
    Pinned,
}

/// What backends were to get and got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger(HashMap<BackendId, Entry>);

/// The same of one backend; steps as work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Work that was due after each step.
    pub due: [f64; STEPS],
    /// Work that it got.
    pub picks: u64,
    /// How much of that persistence decided.
    pub pinned: u64,
    /// Attempts to reach it that failed.
    pub unreached: u64,
}

/// What came to a backend between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// Work that it got.
    pub picks: u64,
    /// How much of that persistence decided.
    pub pinned: u64,
    /// Attempts to reach it that failed.
    pub unreached: u64,
}

/// The account of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Work that came.
    pub work: u64,
    /// How much of it persistence decided.
    pub pinned: u64,
    /// Attempts to reach a backend that failed.
    pub unreached: u64,
    /// Its backends, and those that are gone and had work.
    pub backends: Vec<Line>,
}

/// A backend in an account; shares are parts of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Who.
    pub id: BackendId,
    /// The share that the weights of now would give it.
    pub expected: f64,
    /// What each step added to it, the first one by how the weights were at the time.
    pub steps: [f64; STEPS],
    /// What no step explains.
    pub rest: f64,
    /// Work that it got.
    pub picks: u64,
}

impl Line {
    /// Its share of the work.
    pub fn observed(&self) -> f64 {
        self.expected + self.steps.iter().sum::<f64>() + self.rest
    }
}

impl Ledger {
    /// Books what came to a group, by the shares of now. `configured` gives the configured weights and `came`
    /// the work in the order of its backends.
    pub fn book(&mut self, group: &GroupPlan, configured: &[u16], came: &[Came]) {
        let (work, pinned) = came.iter().fold((0, 0), |(work, pinned), one| (work + one.picks, pinned + one.pinned));
        if work == 0 {
            return;
        }
        let free = work.saturating_sub(pinned) as f64;
        for ((backend, shares), came) in group.backends.iter().zip(shares(group, configured)).zip(came) {
            let entry = self.0.entry(backend.id).or_default();
            for (due, share) in entry.due.iter_mut().zip(shares) {
                *due += share * work as f64;
            }
            entry.due[Step::Pinned as usize] += came.pinned as f64 + shares[Step::SlowStart as usize] * free;
            entry.picks += came.picks;
            entry.pinned += came.pinned;
            entry.unreached += came.unreached;
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        for (id, more) in &other.0 {
            let entry = self.0.entry(*id).or_default();
            for (due, more) in entry.due.iter_mut().zip(more.due) {
                *due += more;
            }
            entry.picks += more.picks;
            entry.pinned += more.pinned;
            entry.unreached += more.unreached;
        }
    }

    /// Backends that are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was booked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was booked of a backend.
    pub fn entry(&self, id: BackendId) -> Option<&Entry> {
        self.0.get(&id)
    }

    /// The account of a group against the weights that are configured now; what was booked of others is not
    /// looked at unless it is in `gone`.
    pub fn account(&self, group: &GroupPlan, configured: &[u16], gone: &[BackendId]) -> Account {
        let now = shares(group, configured);
        let lines = group.backends.iter().map(|backend| backend.id).zip(now.iter().map(|steps| steps[0]));
        let lines = lines.chain(gone.iter().map(|id| (*id, 0.0)));
        let entries: Vec<_> =
            lines.map(|(id, share)| (id, share, self.0.get(&id).cloned().unwrap_or_default())).collect();
        let sum = |of: fn(&Entry) -> u64| entries.iter().map(|(.., entry)| of(entry)).sum::<u64>();
        let work = sum(|entry| entry.picks);
        let part = |amount: f64| if work == 0 { 0.0 } else { amount / work as f64 };
        let line = |(id, expected, entry): &(BackendId, f64, Entry)| {
            let (mut steps, mut before) = ([0.0; STEPS], if work == 0 { 0.0 } else { *expected });
            for (step, due) in steps.iter_mut().zip(entry.due) {
                *step = part(due) - before;
                before = part(due);
            }
            Line { id: *id, expected: *expected, steps, rest: part(entry.picks as f64) - before, picks: entry.picks }
        };
        Account {
            work,
            pinned: sum(|entry| entry.pinned),
            unreached: sum(|entry| entry.unreached),
            backends: entries.iter().map(line).collect(),
        }
    }
}

/// The weight of a backend, which stands there in its group, after a step.
type Weigh<'a> = &'a dyn Fn(usize, &BackendPlan) -> u32;

/// The shares of a group's backends after each step but the last, which depends on the work.
fn shares(group: &GroupPlan, configured: &[u16]) -> Vec<[f64; STEPS]> {
    let ranked = |weight: u32| if group.settings.scheduler == Scheduler::Rr { weight.min(1) } else { weight };
    let steps: [Weigh<'_>; STEPS - 1] = [
        &|at, backend| main(backend, configured.get(at).copied().unwrap_or_default().into()),
        &|_, backend| main(backend, backend.settings.weight.into()),
        &|_, backend| if takes_new(&backend.settings) { main(backend, backend.settings.weight.into()) } else { 0 },
        &|_, backend| if serves(group, backend) { backend.settings.weight.into() } else { 0 },
        &|_, backend| backend.weight_permille,
    ];
    let mut shares = vec![[0.0; STEPS]; group.backends.len()];
    let mut before: Option<usize> = None;
    for (step, weigh) in steps.into_iter().enumerate() {
        let weights: Vec<u32> = group.backends.iter().enumerate().map(|(at, b)| ranked(weigh(at, b))).collect();
        let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for (share, weight) in shares.iter_mut().zip(weights) {
            // Where nobody is left, the step says nothing.
            share[step] = match before {
                _ if sum > 0.0 => f64::from(weight) / sum,
                Some(before) => share[before],
                None => 0.0,
            };
        }
        before = Some(step);
    }
    shares
}

/// The weight of those that serve while all is well.
fn main(backend: &BackendPlan, weight: u32) -> u32 {
    if backend.settings.backup { 0 } else { weight }
}

/// Whether it is among those that are used now.
fn serves(group: &GroupPlan, backend: &BackendPlan) -> bool {
    takes_new(&backend.settings) && backend.used != Use::Not && backend.settings.backup == group.on_backups
}
