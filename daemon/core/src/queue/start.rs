//! Beginning work at a backend within its limit: who is full is passed over, and when everybody is
//! full the answer is to wait.
//!
//! The scheduler chooses; nothing here changes its order while nobody is full. Called by the
//! relays, and by whoever publishes a plan.

use std::net::IpAddr;
use std::sync::Arc;

use poise_ipc::cause::Cause;

use crate::live::Inflight;
use crate::plan::{BackendId, BackendPlan, Choice, GroupPlan, Plan};

/// Backends that a choice may find full although they had room a moment ago, before it waits: each
/// lost its room to another worker.
const RACES_MAX: usize = 8;

/// The outcome of an attempt to begin.
#[derive(Debug)]
pub enum Start<'a> {
    /// At this backend, which counts it.
    Begun(&'a Arc<BackendPlan>, Inflight),
    /// Every backend that may be used is full: wait in the group's queue.
    Full,
    /// There is no backend to wait for, because of this.
    NoneEligible(Cause),
}

impl GroupPlan {
    /// Begins new work of a client at the scheduler's choice, or at another that has room; never at
    /// one of `tried`. Whoever waits already is first.
    pub fn start(&self, client: IpAddr, tried: &[BackendId]) -> Start<'_> {
        if self.queue.has_unbound() && self.shares.len() > 0 {
            return Start::Full;
        }
        let mut choice = if tried.is_empty() { self.choose(client) } else { self.choose_except(client, tried) };
        let mut passed = Vec::new();
        for _ in 0..RACES_MAX {
            match choice {
                Choice::Backend(backend) => match Inflight::within_limit(backend.id, &backend.live) {
                    Some(slot) => return Start::Begun(backend, slot),
                    None if passed.is_empty() => passed.extend(tried.iter().copied().chain([backend.id])),
                    None => passed.push(backend.id),
                },
                Choice::NoneEligible(_) if self.has_full(tried) => return Start::Full,
                Choice::NoneEligible(cause) => return Start::NoneEligible(cause),
            }
            choice = self.choose_except(client, &passed);
        }
        Start::Full
    }

    /// Begins work at the backend that persistence remembers; `None` is to wait for it.
    pub fn start_pinned(&self, backend: &BackendPlan) -> Option<Inflight> {
        let is_waited_in = self.queue.is_waited_in();
        (!is_waited_in).then(|| Inflight::within_limit(backend.id, &backend.live)).flatten()
    }

    /// Whether somebody who was not tried is only full.
    fn has_full(&self, tried: &[BackendId]) -> bool {
        let mut others = self.shares.positions().map(|at| &self.backends[at]);
        others.any(|backend| !tried.contains(&backend.id) && !backend.live.has_room())
    }

    /// Hands free slots to those who wait. Needed by who joined the queue, with the plan in force,
    /// and after a plan was published.
    pub fn offer(&self) {
        if self.queue.is_waited_in() {
            self.queue.release(|id| self.pinned(id).is_some());
            self.backends.iter().for_each(|backend| self.queue.offer(backend.id, &backend.live));
        }
    }

    fn enforce(&self) {
        let mut takers = self.shares.positions().peekable();
        for (at, backend) in self.backends.iter().enumerate() {
            let inflight_max = backend.settings.max_connections.map(|max| max.0);
            let takes_new = takers.next_if_eq(&at).is_some();
            backend.live.enforce(inflight_max, takes_new, backend.accepts_pinned);
        }
    }
}

impl Plan {
    /// Makes the limits of this plan those that hold. To be called right before it is published,
    /// so that nobody acts on the plan without them.
    pub fn enforce(&self) {
        self.groups.iter().for_each(|group| group.enforce());
        self.listeners.values().for_each(|listener| listener.limiter.enforce(&listener.settings.limits));
    }

    /// Lets those who wait have what this plan has room for. To be called after it is published.
    pub fn offer(&self) {
        self.groups.iter().for_each(|group| group.offer());
    }
}
