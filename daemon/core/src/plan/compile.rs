//! Compiling: configuration, identities and health become a plan.
//!
//! Pure but for the counters and tables that it carries on. Whatever did not change is shared with
//! the plan before, down to the single backend, so an edit that does not touch a backend leaves its
//! counters, its health and its turn alone. Compile again right before publishing if the plan in
//! force changed meanwhile: the sequence of picks goes on from where it stands at this moment.

use std::collections::HashMap;
use std::sync::Arc;

use poise_ipc::model::{Listener, Persistence};
use poise_ipc::status::Health;
use poise_ipc::{Config, Name};

use super::group::Groups;
use super::{BackendId, GroupPlan, Identities, ListenerId, ListenerPlan, Plan};
use crate::live::ListenerLive;
use crate::persistence::{CookieRule, PersistencePlan, SourceTable};
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

/// Compiles a plan that follows `previous`.
pub fn compile(input: &Compile<'_>, previous: Option<&Plan>) -> Plan {
    let mut plan = Plan {
        generation: previous.map_or(1, |plan| plan.generation + 1),
        revision: input.revision,
        listeners: HashMap::with_capacity(input.config.listeners.len()),
        groups: Groups::new(input, previous).collect(),
    };
    for (name, listener) in &input.config.listeners {
        let found = input.identities.listeners.get(name).zip(plan.group(&listener.group));
        if let Some((&id, group)) = found {
            let before = previous.and_then(|plan| plan.listeners.get(&id));
            let listener = input.listener((id, name), listener, group, before);
            plan.listeners.insert(id, listener);
        }
    }
    plan
}

impl Compile<'_> {
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
            (Persistence::CookieInsert { cookie, timeout_ms }, before) => {
                let backends = group.backends.iter().map(|backend| backend.id);
                let before = match before {
                    Some(PersistencePlan::CookieInsert(rule)) => Some(rule),
                    _ => None,
                };
                PersistencePlan::CookieInsert(CookieRule::new((cookie, *timeout_ms), self.key, backends, before))
            }
        }
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
