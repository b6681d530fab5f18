//! What groups have counted: the sums over their backends, removed ones included, and what never
//! reached one.
//!
//! A backend that is removed may still be at work; its counters are held until nobody else does,
//! and then added up for good. So the totals of a group only ever grow. Reconcile keeps it in step.

use std::collections::HashMap;
use std::sync::Arc;

use poise_core::live::BackendLive;
use poise_core::plan::{BackendId, GroupPlan, ListenerId, Plan};
use poise_ipc::Name;
use poise_ipc::status::GroupCounters;

use crate::upgrade::{BackendCounted, Counted, GroupCounted, ListenerCounted};

/// The counters of all groups of the plan.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<Name, Tally>);

#[derive(Debug, Default)]
struct Tally {
    /// The backends of the group, and those of before that are still at work.
    backends: HashMap<BackendId, Arc<BackendLive>>,
    /// What the others have counted.
    beside: Beside,
}

/// What counts on after the single writer has ended: connections that drain.
#[derive(Debug)]
pub struct Counting {
    plan: Arc<Plan>,
    /// What groups have counted beside the backends of the plan, without the groups themselves.
    beside: HashMap<Name, Beside>,
}

/// What was counted beside the backends at hand.
#[derive(Clone, Debug, Default)]
struct Beside {
    /// By backends that are no longer there.
    gone: GroupCounters,
    /// By another process.
    carried: GroupCounters,
}

impl Counting {
    /// Connections that are open.
    pub(crate) fn open(&self) -> u64 {
        self.plan.listeners.values().map(|listener| listener.live.open()).sum()
    }

    /// What has been counted in all, by identity.
    pub(crate) fn counted(&self) -> Counted {
        let plan = &self.plan;
        let listeners = plan.listeners.values().map(|listener| ListenerCounted {
            listener: listener.id.0,
            counters: listener.live.totals(),
            routes: listener.routes.iter().filter_map(|r| Some((r.name.clone(), r.live.as_ref()?.totals()))).collect(),
        });
        let backends = plan.groups.iter().flat_map(|group| &group.backends);
        let backends =
            backends.map(|backend| BackendCounted { backend: backend.id.0, counters: backend.live.totals() });
        let groups = plan.groups.iter().map(|group| {
            let mut counters = self.beside.get(&group.name).map(Beside::sum).unwrap_or_default();
            counters.join(&group.live.totals());
            GroupCounted { group: group.name.clone(), counters }
        });
        Counted { listeners: listeners.collect(), backends: backends.collect(), groups: groups.collect() }
    }

    /// Another process has counted so much in all.
    pub(crate) fn carry(&mut self, counted: Counted) {
        carry(&self.plan, &counted);
        for GroupCounted { group, counters } in counted.groups {
            if let Some(beside) = self.beside.get_mut(&group) {
                beside.carried = counters;
            }
        }
    }
}

impl Beside {
    fn sum(&self) -> GroupCounters {
        let mut sum = self.gone.clone();
        sum.join(&self.carried);
        sum
    }
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

    /// Another process has counted so much in all: totals go on where that one stands.
    pub(super) fn carry(&mut self, plan: &Plan, counted: Counted) {
        carry(plan, &counted);
        self.follow(plan);
        for GroupCounted { group, counters } in counted.groups {
            if let Some(tally) = self.0.get_mut(&group) {
                tally.beside.carried = counters;
            }
        }
    }

    /// What counts on with a plan.
    pub(super) fn counting(&self, plan: &Arc<Plan>) -> Counting {
        let beside = self.0.iter().map(|(name, tally)| (name.clone(), tally.beside.clone()));
        Counting { plan: Arc::clone(plan), beside: beside.collect() }
    }

    /// The counters of a group.
    pub(super) fn group(&self, group: &GroupPlan) -> GroupCounters {
        let GroupCounters { requests_total, causes, .. } = group.live.totals();
        let tally = self.0.get(&group.name);
        let mut counters = tally.map(|tally| tally.beside.sum()).unwrap_or_default();
        counters.requests_total += requests_total;
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
        let Self { backends, beside: Beside { gone, .. } } = self;
        backends.retain(|&id, live| {
            let is_done = group.backend(id).is_none() && Arc::strong_count(live) == 1;
            if is_done {
                gone.add(&live.totals());
            }
            !is_done
        });
    }
}

/// What an earlier process has counted goes on in the counters of a plan.
fn carry(plan: &Plan, counted: &Counted) {
    for one in &counted.listeners {
        let Some(listener) = plan.listeners.get(&ListenerId(one.listener)) else { continue };
        listener.live.carry(&one.counters);
        for (name, counters) in &one.routes {
            let live = listener.routes.iter().filter(|route| route.name == *name).find_map(|route| route.live.as_ref());
            if let Some(live) = live {
                live.carry(counters);
            }
        }
    }
    let known = plan.groups.iter().flat_map(|group| &group.backends);
    let known: HashMap<_, _> = known.map(|backend| (backend.id.0, backend)).collect();
    for one in &counted.backends {
        let Some(backend) = known.get(&one.backend) else {
            tracing::warn!(backend = one.backend, "counters of a backend that is not known");
            continue;
        };
        backend.live.carry(&one.counters);
    }
}

#[cfg(test)]
mod tests;
