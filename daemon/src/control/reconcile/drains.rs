//! Drains: what the machines of core say of backends that are being emptied becomes words to the
//! data path, events and progress.
//!
//! Nothing of it is stored: after a restart the time of a drain begins anew, since what was open at
//! the backend ended with the process. It closes nothing itself.

use std::collections::HashMap;

use poise_core::drain::{Drains, Left};
use poise_core::plan::{BackendId, BackendPlan, GroupPlan, Plan};
use poise_ipc::message::Drained;
use poise_ipc::model::DrainEnd;
use poise_ipc::status::{DrainOutcome, DrainStatus};
use tracing::{info, warn};

use super::Reconcile;
use crate::control::bus::What;
use crate::control::ports::Ports;
use crate::wall::now_ms as wall_ms;

/// The drains, and how many clients are bound to each backend.
#[derive(Debug, Default)]
pub(super) struct Emptying {
    drains: Drains,
    pinned: HashMap<BackendId, u64>,
}

impl Emptying {
    /// Clients that source persistence binds to a backend, as last counted.
    pub(super) fn pinned(&self, backend: BackendId) -> u64 {
        self.pinned.get(&backend).copied().unwrap_or_default()
    }

    fn count_pinned(&mut self, plan: &Plan, now_ms: u64) {
        self.pinned.clear();
        for (id, held) in plan.listeners.values().filter_map(|l| l.source_table()).flat_map(|t| t.held(now_ms)) {
            *self.pinned.entry(id).or_default() += held;
        }
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Lets the drains follow the configuration that a plan was made of, before it is published:
    /// whoever is sent to a backend that was enabled again must not be cut there.
    pub(super) fn follow_drains(&mut self, plan: &Plan) {
        let now_ms = self.worker_ms();
        let config = self.layers.in_force.as_ref().unwrap_or(&self.state.config);
        self.emptying.drains.follow(config, &self.state.identities, now_ms, wall_ms());
        for backend in plan.groups.iter().flat_map(|group| &group.backends) {
            plan.leave(backend, self.emptying.drains.leaving(backend.id, now_ms));
        }
    }

    /// Looks how far the drains have come.
    pub(super) fn step_drains(&mut self) {
        if self.emptying.drains.is_empty() {
            return;
        }
        let plan = self.parts.publisher.published().load_full();
        let now_ms = self.worker_ms();
        self.emptying.count_pinned(&plan, now_ms);
        for group in &plan.groups {
            for backend in group.backends.iter().filter(|backend| backend.state().is_draining()) {
                self.step_drain(&plan, group, backend, now_ms);
            }
        }
    }

    fn step_drain(&mut self, plan: &Plan, group: &GroupPlan, backend: &BackendPlan, now_ms: u64) {
        let left = self.left(group, backend);
        let outcome = self.emptying.drains.observe(backend.id, left, now_ms);
        let leaving = self.emptying.drains.leaving(backend.id, now_ms);
        if leaving != backend.live.leaving() {
            plan.leave(backend, leaving);
            // Those who wait for a slot there go elsewhere.
            group.offer();
        }
        let Some(outcome) = outcome else { return };
        let then = backend.settings.drain.then;
        let drained =
            Drained { group: group.name.clone(), backend: backend.name.clone(), outcome, then, open: left.open };
        log(&drained);
        self.snapshot = None;
        self.parts.bus.publish(wall_ms(), What::Drained(drained));
    }

    fn left(&self, group: &GroupPlan, backend: &BackendPlan) -> Left {
        let counters = backend.live.totals();
        Left {
            // Idle connections of the pools are open too, and a request may have none yet.
            open: counters.connections_open.max(counters.inflight),
            queued: group.queue.queued_for(backend.id).into(),
            pinned: self.emptying.pinned(backend.id),
        }
    }

    /// Brings the count of bound clients up to date, for a status.
    pub(super) fn count_pinned(&mut self, plan: &Plan) {
        let now_ms = self.worker_ms();
        self.emptying.count_pinned(plan, now_ms);
    }

    /// How far the drain of a backend has come.
    pub(super) fn drain_status(&self, backend: BackendId) -> Option<DrainStatus> {
        self.emptying.drains.status(backend)
    }

    /// The time of the workers: that of everything they share.
    pub(super) fn worker_ms(&self) -> u64 {
        u64::try_from(self.parts.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn log(drained: &Drained) {
    let Drained { group, backend, outcome, then, open } = drained;
    match (outcome, then) {
        (DrainOutcome::Empty, _) => info!(%group, %backend, "backend is drained"),
        (DrainOutcome::Deadline, DrainEnd::Leave) => {
            warn!(%group, %backend, open, "the time of the drain is over: what is open stays");
        }
        (DrainOutcome::Deadline, DrainEnd::Close | DrainEnd::Reset) => {
            warn!(%group, %backend, open, %then, "the time of the drain is over: what is open ends");
        }
    }
}
