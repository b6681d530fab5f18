//! Latency of listeners, routes, groups and backends over the last seconds and minutes, from counts that
//! only ever grow.
//!
//! The workers count times to the first byte into fixed buckets; here the counts of the last turn
//! are kept, and the difference goes into rotating windows (`poise_core::live::Windows`). A group is
//! the sum of its backends. Reconcile keeps it in step.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use poise_core::live::{LatencySnapshot, RouteLive, Windows};
use poise_core::plan::{BackendId, GroupPlan, ListenerId, Plan};
use poise_core::route::RoutePlan;
use poise_ipc::Name;
use poise_ipc::status::{BackendCounters, LatencyWindows};

/// The windows of everything in the plan.
#[derive(Debug, Default)]
pub struct Latencies {
    backends: Meters<BackendId>,
    listeners: Meters<ListenerId>,
    /// Of those that were ever timed.
    routes: Meters<Counted>,
    groups: HashMap<Name, Windows>,
}

/// A route, which is where its counters are: it may be another than one of before of its name.
#[derive(Clone, Debug)]
struct Counted(Arc<RouteLive>);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Counted {}

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// The windows of everything of one kind that has cells of its own.
#[derive(Debug)]
struct Meters<K>(HashMap<K, Meter>);

impl<K> Default for Meters<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Debug, Default)]
struct Meter {
    /// The counts at the last turn.
    last: LatencySnapshot,
    windows: Windows,
}

impl<K: Eq + Hash> Meters<K> {
    /// Takes the counts now. Returns what came since the last turn.
    fn turn(&mut self, of: K, now: LatencySnapshot) -> LatencySnapshot {
        let meter = self.0.entry(of).or_default();
        let recent = now.since(&meter.last);
        meter.windows.turn(&recent);
        meter.last = now;
        recent
    }

    /// What came since the last turn.
    fn recent(&self, of: &K, now: &LatencySnapshot) -> LatencySnapshot {
        self.0.get(of).map_or_else(|| now.clone(), |meter| now.since(&meter.last))
    }

    fn quantiles(&self, of: &K, now: &LatencySnapshot) -> LatencyWindows {
        let recent = self.recent(of, now);
        match self.0.get(of) {
            Some(meter) => meter.windows.quantiles(&recent),
            None => Windows::default().quantiles(&recent),
        }
    }
}

impl Latencies {
    /// Takes the counts now and forgets what is gone; to be called every
    /// [`STEP_MS`](poise_core::live::STEP_MS).
    pub fn turn(&mut self, plan: &Plan) {
        self.listeners.0.retain(|id, _| plan.listeners.contains_key(id));
        for (&id, listener) in &plan.listeners {
            self.listeners.turn(id, listener.live.latency());
        }
        // One that nobody else holds has no requests and never will.
        self.routes.0.retain(|route, _| Arc::strong_count(&route.0) > 1);
        for route in plan.listeners.values().flat_map(|listener| listener.routes.iter()) {
            if let Some(live) = route.live.as_ref().filter(|live| live.is_timed()) {
                self.routes.turn(Counted(Arc::clone(live)), live.latency());
            }
        }
        self.groups.retain(|name, _| plan.group(name).is_some());
        for group in &plan.groups {
            let mut sum = LatencySnapshot::default();
            for backend in &group.backends {
                sum.merge(&self.backends.turn(backend.id, backend.live.latency()));
            }
            self.groups.entry(group.name.clone()).or_default().turn(&sum);
        }
    }

    /// Forgets a backend that is gone.
    pub fn forget(&mut self, backend: BackendId) {
        self.backends.0.remove(&backend);
    }

    /// The windows of a listener.
    pub fn listener(&self, id: ListenerId, now: &LatencySnapshot) -> LatencyWindows {
        self.listeners.quantiles(&id, now)
    }

    /// The windows of a route that has counters.
    pub fn route(&self, route: &RoutePlan) -> LatencyWindows {
        match route.live.as_ref().filter(|live| live.is_timed()) {
            Some(live) => self.routes.quantiles(&Counted(Arc::clone(live)), &live.latency()),
            None => LatencyWindows::default(),
        }
    }

    /// The windows of a group.
    pub fn group(&self, group: &GroupPlan) -> LatencyWindows {
        let mut recent = LatencySnapshot::default();
        for backend in &group.backends {
            recent.merge(&self.backends.recent(&backend.id, &backend.live.latency()));
        }
        match self.groups.get(&group.name) {
            Some(windows) => windows.quantiles(&recent),
            None => Windows::default().quantiles(&recent),
        }
    }

    /// The windows of a backend; fills in the quantiles of its last 10 s.
    pub fn backend(&self, id: BackendId, now: &LatencySnapshot, counters: &mut BackendCounters) -> LatencyWindows {
        let windows = self.backends.quantiles(&id, now);
        counters.latency_p50_us = windows.seconds_10.p50_us;
        counters.latency_p99_us = windows.seconds_10.p99_us;
        windows
    }
}

#[cfg(test)]
mod tests;
