//! Compiling: configuration, identities and health become a plan.
//!
//! Pure but for the counters and tables that it carries on. Whatever did not change is shared with
//! the plan before, down to the single backend, so an edit that does not touch a backend leaves its
//! counters, its health and its turn alone. Compile again right before publishing if the plan in
//! force changed meanwhile: the sequence of picks goes on from where it stands at this moment.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use poise_ipc::model::{Access, Listener, Persistence, PersistenceKind, Protocol};
use poise_ipc::{Config, Name};

use super::group::Groups;
use super::routes::RouteCompiler;
use super::{BackendId, GroupPlan, Identities, ListenerId, ListenerPlan, Plan, TlsStamp};
use crate::access::AccessPlan;
use crate::health::Standing;
use crate::http::bounds::Bounds;
use crate::http::forwarded::Forwarding;
use crate::limit::Limiter;
use crate::live::ListenerLive;
use crate::persistence::{CookieRule, PersistencePlan, SourceRule, SourceTable};
use crate::token::TokenKey;

/// What a plan is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Compile<'a> {
    /// A valid configuration.
    pub config: &'a Config,
    /// The identities of that configuration ([`Identities::follow`]).
    pub identities: &'a Identities,
    /// What is known of backends; those that are absent are unknown.
    pub standings: &'a HashMap<BackendId, Standing>,
    /// The last answers to the names of backends.
    pub resolved: &'a HashMap<BackendId, SocketAddr>,
    /// Thousandths of their weight that backends have in slow start; those that are absent have all.
    pub ramps: &'a HashMap<BackendId, u16>,
    /// What stands for the TLS settings of groups; those that are absent speak none.
    pub tls: &'a BTreeMap<Name, TlsStamp>,
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
        cuts: previous.map_or_else(Arc::default, |plan| Arc::clone(&plan.cuts)),
    };
    for (name, listener) in &input.config.listeners {
        let Some(&id) = input.identities.listeners.get(name) else { continue };
        let before = previous.and_then(|plan| plan.listeners.get(&id));
        let group = match &listener.group {
            Some(group) => plan.group(group).map(Arc::clone),
            None => Some(
                before
                    .filter(|before| before.settings.group.is_none())
                    .map_or_else(|| Arc::new(GroupPlan::nobody(name)), |before| Arc::clone(&before.group)),
            ),
        };
        if let Some(group) = group {
            let listener = input.listener((id, name), listener, (&plan, &group), before);
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
        (plan, group): (&Plan, &Arc<GroupPlan>),
        before: Option<&Arc<ListenerPlan>>,
    ) -> Arc<ListenerPlan> {
        let persistence = self.persistence(
            (&listener.persistence, listener.protocol),
            std::slice::from_ref(group),
            before.map(|before| &before.persistence),
        );
        let routes = RouteCompiler { input: self, plan, listener, before: before.map(|before| &before.routes) };
        let routes = routes.compile(group, &persistence);
        let fresh = ListenerPlan {
            id,
            name: name.clone(),
            settings: listener.clone(),
            group: Arc::clone(group),
            persistence,
            routes,
            forwarding: Forwarding::new(listener, &self.key.via(id)),
            bounds: Bounds::of(&listener.limits),
            access: access(&listener.access, before),
            limiter: before.map_or_else(|| Arc::new(Limiter::new(self.key)), |before| Arc::clone(&before.limiter)),
            live: before.map_or_else(|| Arc::new(ListenerLive::new(self.workers)), |before| Arc::clone(&before.live)),
        };
        match before {
            Some(before) if before.same(&fresh) => Arc::clone(before),
            _ => Arc::new(fresh),
        }
    }

    /// What a listener or route that leads to these groups remembers its clients by.
    pub(super) fn persistence(
        &self,
        (wanted, protocol): (&Persistence, Protocol),
        groups: &[Arc<GroupPlan>],
        before: Option<&PersistencePlan>,
    ) -> PersistencePlan {
        let rule = SourceRule::of(wanted);
        match (wanted.kind, before) {
            (PersistenceKind::Off | PersistenceKind::Inherit, _) => PersistencePlan::Off,
            (PersistenceKind::Source, Some(PersistencePlan::Source(table))) => {
                let same = table.rule() == rule;
                PersistencePlan::Source(if same { Arc::clone(table) } else { Arc::new(table.with_rule(rule)) })
            }
            (PersistenceKind::Source, _) => PersistencePlan::Source(Arc::new(SourceTable::new(rule, self.key))),
            (PersistenceKind::CookieInsert | PersistenceKind::CookieRewrite, before) => {
                let backends = groups.iter().flat_map(|group| &group.backends).map(|backend| backend.id);
                let is_https = protocol == Protocol::Https;
                let before = before.and_then(PersistencePlan::cookie);
                PersistencePlan::Cookie(Arc::new(CookieRule::new(wanted, is_https, self.key, backends, before)))
            }
        }
    }
}

/// Compiles access lists, unless they are those of before.
fn access(lists: &Access, before: Option<&Arc<ListenerPlan>>) -> Arc<AccessPlan> {
    match before {
        Some(before) if before.settings.access == *lists => Arc::clone(&before.access),
        _ => Arc::new(AccessPlan::new(lists, before.map(|before| &*before.access))),
    }
}

impl ListenerPlan {
    fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.settings == other.settings
            && Arc::ptr_eq(&self.group, &other.group)
            && self.persistence.same(&other.persistence)
            && Arc::ptr_eq(&self.routes, &other.routes)
    }
}
