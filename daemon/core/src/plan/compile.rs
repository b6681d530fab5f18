//! Compiling: configuration, identities and health become a plan.
//!
//! Pure but for the counters and tables that it carries on. Whatever did not change is shared with
//! the plan before, down to the single backend, so an edit that does not touch a backend leaves its
//! counters, its health and its turn alone. Compile again right before publishing if the plan in
//! force changed meanwhile: the sequence of picks goes on from where it stands at this moment.

use std::collections::HashMap;
use std::sync::Arc;

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Backend, CheckProtocol, FailOpen, Group, Listener, Persistence, Scheduler};
use poise_ipc::status::Health;
use poise_ipc::{BackendPath, Config, Name};

use super::{BackendId, BackendPlan, GroupPlan, Identities, ListenerId, ListenerPlan, Plan};
use crate::live::{BackendLive, ListenerLive};
use crate::persistence::{CookieRule, PersistencePlan, SourceTable};
use crate::schedule::{Entrant, Shares, Walk};
use crate::token::TokenKey;

/// What a plan is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Compile<'a> {
    /// A valid configuration.
    pub config: &'a Config,
    /// The identities of that configuration ([`Identities::follow`]).
    pub identities: &'a Identities,
    /// What is known of backends; those that are absent are unknown.
    pub health: &'a HashMap<BackendId, Health>,
    /// Number of the configuration.
    pub revision: u64,
    /// Worker threads, the same for the life of the process.
    pub workers: usize,
    /// The secret behind cookie tokens.
    pub key: &'a TokenKey,
}

/// A backend of the configuration with what is known of it.
struct Known<'g> {
    id: BackendId,
    name: &'g Name,
    backend: &'g Backend,
    health: Health,
}

/// Compiles a plan that follows `previous`.
pub fn compile(input: &Compile<'_>, previous: Option<&Plan>) -> Plan {
    let groups: Vec<_> = input.config.groups.iter().map(|(name, group)| input.group(name, group, previous)).collect();
    let listeners = input.config.listeners.iter().filter_map(|(name, listener)| {
        let group = groups.iter().find(|group| group.name == listener.group)?;
        let id = *input.identities.listeners.get(name)?;
        let before = previous.and_then(|plan| plan.listeners.get(&id));
        Some((id, input.listener((id, name), listener, group, before)))
    });
    Plan {
        generation: previous.map_or(1, |plan| plan.generation + 1),
        revision: input.revision,
        listeners: listeners.collect(),
        groups: groups.clone(),
    }
}

impl Compile<'_> {
    fn group(&self, name: &Name, group: &Group, previous: Option<&Plan>) -> Arc<GroupPlan> {
        let before = previous.and_then(|plan| plan.group(name));
        let known = self.known(name, group);
        let any = known.iter().any(|known| takes_new(known.backend));
        let up = known.iter().any(|known| takes_new(known.backend) && known.health != Health::Down);
        let failing_open = any && !up && group.fail_open == FailOpen::AllDown;
        let backends: Vec<_> = known
            .iter()
            .map(|known| self.backend(known, failing_open, before.and_then(|group| group.backend(known.id))))
            .collect();
        let none = if any { Cause::AllDown } else { Cause::NoBackend };
        let fresh = GroupPlan::new(name, group, (failing_open, none), backends, before);
        match before {
            Some(before) if before.same(&fresh) => Arc::clone(before),
            _ => Arc::new(fresh),
        }
    }

    /// The backends of a group with identity and health, by name.
    fn known<'g>(&self, group_name: &Name, group: &'g Group) -> Vec<Known<'g>> {
        let known = group.backends.iter().filter_map(|(name, backend)| {
            let id = *self.identities.backends.get(&BackendPath::new(group_name.clone(), name.clone()))?;
            let health = match group.health_check.protocol {
                CheckProtocol::Off => Health::Up,
                CheckProtocol::Tcp | CheckProtocol::Http => self.health.get(&id).copied().unwrap_or_default(),
            };
            Some(Known { id, name, backend, health })
        });
        known.collect()
    }

    fn backend(
        &self,
        &Known { id, name, backend, health }: &Known<'_>,
        failing_open: bool,
        before: Option<&Arc<BackendPlan>>,
    ) -> Arc<BackendPlan> {
        let usable = health != Health::Down || failing_open;
        let fresh = BackendPlan {
            id,
            name: name.clone(),
            address: backend.address,
            weight: backend.weight,
            effective_weight: if usable && takes_new(backend) { u32::from(backend.weight) } else { 0 },
            accepts_pinned: usable && backend.state != AdminState::Disabled,
            state: backend.state,
            health,
            live: before.map_or_else(|| Arc::new(BackendLive::new(self.workers)), |before| Arc::clone(&before.live)),
        };
        match before {
            Some(before) if before.same(&fresh) => Arc::clone(before),
            _ => Arc::new(fresh),
        }
    }

    fn listener(
        &self,
        (id, name): (ListenerId, &Name),
        listener: &Listener,
        group: &Arc<GroupPlan>,
        before: Option<&Arc<ListenerPlan>>,
    ) -> Arc<ListenerPlan> {
        let fresh = ListenerPlan {
            id,
            name: name.clone(),
            bind: listener.bind,
            protocol: listener.protocol,
            group: Arc::clone(group),
            idle_timeout_ms: listener.idle_timeout_ms,
            connect_timeout_ms: listener.connect_timeout_ms,
            response_timeout_ms: listener.response_timeout_ms,
            forwarded_for: listener.forwarded_for,
            persistence: self.persistence(&listener.persistence, group, before.map(|before| &before.persistence)),
            live: before.map_or_else(|| Arc::new(ListenerLive::new(self.workers)), |before| Arc::clone(&before.live)),
        };
        match before {
            Some(before) if before.same(&fresh) => Arc::clone(before),
            _ => Arc::new(fresh),
        }
    }

    fn persistence(
        &self,
        wanted: &Persistence,
        group: &GroupPlan,
        before: Option<&PersistencePlan>,
    ) -> PersistencePlan {
        match (wanted, before) {
            (Persistence::Off, _) => PersistencePlan::Off,
            (&Persistence::Source { timeout_ms }, Some(PersistencePlan::Source(table))) => {
                let same = table.timeout_ms() == timeout_ms;
                PersistencePlan::Source(if same { Arc::clone(table) } else { Arc::new(table.with_timeout(timeout_ms)) })
            }
            (&Persistence::Source { timeout_ms }, _) => {
                PersistencePlan::Source(Arc::new(SourceTable::new(timeout_ms, self.key)))
            }
            (Persistence::CookieInsert { cookie, timeout_ms }, _) => {
                let backends = group.backends.iter().map(|backend| backend.id);
                PersistencePlan::CookieInsert(CookieRule::new(cookie, *timeout_ms, self.key, backends))
            }
        }
    }
}

/// Whether the operator wants a backend to take new work.
fn takes_new(backend: &Backend) -> bool {
    backend.state == AdminState::Enabled && backend.weight > 0
}

impl GroupPlan {
    fn new(
        name: &Name,
        group: &Group,
        (failing_open, none): (bool, Cause),
        backends: Vec<Arc<BackendPlan>>,
        before: Option<&Arc<Self>>,
    ) -> Self {
        let weights = backends.iter().map(|backend| weight(group.scheduler, backend));
        let shares = Shares::new(weights.clone());
        // wlc has no sequence: nobody takes part in its walk, which then only keeps the phase.
        let walks = u32::from(group.scheduler != Scheduler::Wlc);
        let entrants: Vec<_> =
            backends.iter().zip(weights).map(|(b, weight)| Entrant { id: b.id, weight: weight * walks }).collect();
        let walk = match before {
            Some(before) if before.walk.fits(&entrants) => Arc::clone(&before.walk),
            _ => Arc::new(Walk::new(entrants, before.map(|before| &*before.walk))),
        };
        let mut by_id: Vec<_> = backends.iter().map(|backend| backend.id).zip(0..=u16::MAX).collect();
        by_id.sort_unstable();
        let turn = before.map_or_else(Arc::default, |before| Arc::clone(&before.turn));
        Self {
            name: name.clone(),
            scheduler: group.scheduler,
            health_check: group.health_check.clone(),
            failing_open,
            backends,
            by_id: by_id.into(),
            none,
            shares,
            walk,
            turn,
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.scheduler == other.scheduler
            && self.health_check == other.health_check
            && self.failing_open == other.failing_open
            && self.none == other.none
            && self.backends.len() == other.backends.len()
            && self.backends.iter().zip(&other.backends).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

/// What a backend weighs to the scheduler.
fn weight(scheduler: Scheduler, backend: &BackendPlan) -> u32 {
    match scheduler {
        Scheduler::Rr => backend.effective_weight.min(1),
        Scheduler::Wrr | Scheduler::Wlc => backend.effective_weight,
    }
}

impl BackendPlan {
    fn same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name == other.name
            && self.address == other.address
            && self.weight == other.weight
            && self.effective_weight == other.effective_weight
            && self.accepts_pinned == other.accepts_pinned
            && self.state == other.state
            && self.health == other.health
    }
}

impl ListenerPlan {
    fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.bind == other.bind
            && self.protocol == other.protocol
            && Arc::ptr_eq(&self.group, &other.group)
            && self.idle_timeout_ms == other.idle_timeout_ms
            && self.connect_timeout_ms == other.connect_timeout_ms
            && self.response_timeout_ms == other.response_timeout_ms
            && self.forwarded_for == other.forwarded_for
            && self.persistence.same(&other.persistence)
    }
}
