//! What groups have counted: the sums over their backends, removed ones included, and what never
//! reached one.
//!
//! A backend that is removed may still be at work; its counters are held until nobody else does,
//! and then added up for good. So the totals of a group only ever grow. Reconcile keeps it in step.

use std::collections::HashMap;
use std::sync::Arc;

use poise_core::live::BackendLive;
use poise_core::plan::{BackendId, GroupPlan, Plan};
use poise_ipc::Name;
use poise_ipc::status::GroupCounters;

/// The counters of all groups of the plan.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<Name, Tally>);

#[derive(Debug, Default)]
struct Tally {
    /// The backends of the group, and those of before that are still at work.
    backends: HashMap<BackendId, Arc<BackendLive>>,
    /// What the others have counted.
    gone: GroupCounters,
}

impl Tallies {
    /// Takes the backends of a plan and lets go of those that are done; to be called for every plan
    /// and now and then in between.
    pub(super) fn follow(&mut self, plan: &Plan) {
        self.0.retain(|name, _| plan.group(name).is_some());
        for group in &plan.groups {
            self.0.entry(group.name.clone()).or_default().follow(group);
        }
    }

    /// The counters of a group.
    pub(super) fn group(&self, group: &GroupPlan) -> GroupCounters {
        let GroupCounters { requests_total, causes, .. } = group.live.totals();
        let tally = self.0.get(&group.name);
        let gone = tally.map(|tally| tally.gone.clone()).unwrap_or_default();
        let mut counters = GroupCounters { requests_total, ..gone };
        tally.into_iter().flat_map(|tally| tally.backends.values()).for_each(|live| counters.add(&live.totals()));
        for (cause, count) in causes {
            counters.ended(cause, count);
        }
        counters
    }
}

impl Tally {
    fn follow(&mut self, group: &GroupPlan) {
        for backend in &group.backends {
            self.backends.entry(backend.id).or_insert_with(|| Arc::clone(&backend.live));
        }
        let Self { backends, gone } = self;
        backends.retain(|&id, live| {
            let is_done = group.backend(id).is_none() && Arc::strong_count(live) == 1;
            if is_done {
                gone.add(&live.totals());
            }
            !is_done
        });
    }
}

#[cfg(test)]
mod tests;
