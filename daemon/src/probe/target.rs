//! What is to be probed: the backends of a plan that have a check, with all that a probe needs.
//!
//! Backends of several groups that one probe can speak for are one target. It sends nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use poise_core::live::BackendLive;
use poise_core::plan::{self, BackendId, BackendPlan, GroupPlan, Plan, TlsStamp};
use poise_ipc::BackendPath;
use poise_ipc::model::{Address, AdminState, BackendProtocol, BackendTls, CheckProtocol, HealthCheck};
use poise_ipc::status::{Health, Verdict};

use crate::tls::{ClientTls, Published};

/// What is probed by one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// For whom, in the order of their ids; at least one.
    pub(super) members: Vec<Member>,
    /// What is probed, as configured: the backend's address, with the port of the check if it has one.
    pub(super) address: Address,
    /// Where the probe goes.
    pub(super) leads: plan::Target,
    /// What is asked, how often and how long; shared by the backends of a group.
    pub(super) check: Arc<HealthCheck>,
    /// How TLS is spoken to it by traffic, if it is.
    pub(super) tls: Option<Secured>,
    /// What HTTP is spoken to it.
    pub(super) speaks: BackendProtocol,
}

/// A backend that a probe speaks for.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its identity.
    pub(super) backend: BackendId,
    /// Its group and name.
    pub(super) path: BackendPath,
    /// What is known of it.
    pub(super) health: Health,
    /// Where its next probe is announced.
    pub(super) live: Arc<BackendLive>,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        (self.backend, &self.path, self.health) == (other.backend, &other.path, other.health)
            && Arc::ptr_eq(&self.live, &other.live)
    }
}

impl Eq for Member {}

/// How TLS is spoken to a backend. Two of them are the same when their stamps are.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    stamp: TlsStamp,
    /// What the group has set.
    group: BackendTls,
    /// The backend's own address: that of the target may have another port.
    pub(super) address: Address,
    pub(super) settings: Option<Arc<ClientTls>>,
}

impl PartialEq for Secured {
    fn eq(&self, other: &Self) -> bool {
        self.stamp == other.stamp
    }
}

impl Eq for Secured {}

impl Target {
    /// Time between the starts of two probes of a backend that is as it was.
    pub(super) fn interval(&self) -> Duration {
        ms(self.check.interval_ms)
    }

    /// Time that one probe may take.
    pub(super) fn timeout(&self) -> Duration {
        ms(self.check.timeout_ms)
    }

    /// The backend that the probe names.
    pub(super) fn path(&self) -> &BackendPath {
        &self.members[0].path
    }

    /// Whether TLS is spoken to it.
    pub(super) fn is_secured(&self) -> bool {
        self.tls.is_some() || self.check.protocol == CheckProtocol::Https
    }

    /// Time between the starts of two probes after this verdict: the shortest that one of its backends
    /// wants.
    pub(super) fn interval_after(&self, verdict: Option<&Verdict>) -> Duration {
        let check = &self.check;
        let fast = check.fast_interval_ms.unwrap_or(check.interval_ms);
        let down = check.down_interval_ms.unwrap_or(check.interval_ms);
        let wants = |member: &Member| match (verdict, member.health) {
            (Some(Verdict::Pass { .. }), Health::Down)
            | (Some(Verdict::Fail { .. }), Health::Up)
            | (Some(Verdict::Silent), Health::Up | Health::Down) => fast,
            (_, Health::Down) => down,
            (_, Health::Up | Health::Unknown) => check.interval_ms,
        };
        ms(self.members.iter().map(wants).min().unwrap_or(check.interval_ms))
    }

    /// Whether what goes over the wire is of interest beyond the verdict: around every change of health.
    pub(super) fn is_in_question(&self) -> bool {
        self.members.iter().any(|member| member.health != Health::Up)
    }

    /// Whether both ask the same question of the same address.
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        self.tls == other.tls && self.path() == other.path() && self.asks_alike(other)
    }

    /// Whether one probe, at one time, can speak for both.
    fn is_shared_with(&self, other: &Self) -> bool {
        let tls = match (&self.tls, &other.tls) {
            (Some(a), Some(b)) => (&a.group, &a.address) == (&b.group, &b.address),
            (a, b) => a.is_none() && b.is_none(),
        };
        let cadence =
            |check: &HealthCheck| (check.interval_ms, check.fast_interval_ms, check.down_interval_ms, check.timeout_ms);
        tls && self.asks_alike(other) && cadence(&self.check) == cadence(&other.check)
    }

    /// Whether both ask alike, TLS and the name of the asker aside.
    fn asks_alike(&self, other: &Self) -> bool {
        let request = |target: &Self| {
            let check = &target.check;
            (check.protocol, check.method, check.version, check.proxy, target.speaks, check.receive_max)
        };
        let (a, b) = (&self.check, &other.check);
        request(self) == request(other)
            && (&self.leads, &self.address) == (&other.leads, &other.address)
            && (&a.path, &a.host, &a.server_name, &a.headers) == (&b.path, &b.host, &b.server_name, &b.headers)
            && (&a.expect, &a.send, &a.receive) == (&b.expect, &b.send, &b.receive)
            && (&a.receive_regex, &a.service) == (&b.receive_regex, &b.service)
    }
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// The targets of a plan. Disabled backends are left alone; draining ones and those of weight 0
/// are asked like any other (S-40 has it otherwise, L-14).
pub(super) fn targets(plan: &Plan, tls: &Published) -> Vec<Target> {
    let mut found: HashMap<plan::Target, Vec<Target>> = HashMap::new();
    for group in plan.groups.iter().filter(|group| group.settings.health_check.protocol != CheckProtocol::Off) {
        let check = Arc::new(group.settings.health_check.clone());
        for backend in group.backends.iter().filter(|backend| backend.state() != AdminState::Disabled) {
            let target = target(group, &check, backend, tls);
            let there = found.entry(target.leads.clone()).or_default();
            match there.iter_mut().find(|other| other.is_shared_with(&target)) {
                Some(shared) => shared.members.extend(target.members),
                None => there.push(target),
            }
        }
    }
    let mut targets: Vec<_> = found.into_values().flatten().collect();
    for target in &mut targets {
        target.members.sort_unstable_by_key(|member| member.backend.0);
    }
    targets
}

/// A backend as a target of its own.
pub(super) fn target(group: &GroupPlan, check: &Arc<HealthCheck>, backend: &BackendPlan, tls: &Published) -> Target {
    let (address, leads) = (&backend.settings.address, &backend.target);
    let secured = |stamp| Secured {
        stamp,
        group: group.settings.tls.clone(),
        address: address.clone(),
        settings: tls.client(stamp),
    };
    let member = Member {
        backend: backend.id,
        path: BackendPath::new(group.name.clone(), backend.name.clone()),
        health: backend.standing.health,
        live: Arc::clone(&backend.live),
    };
    Target {
        members: vec![member],
        address: check.port.map_or_else(|| address.clone(), |port| address.at_port(port)),
        leads: check.port.map_or_else(|| leads.clone(), |port| leads.at_port(port)),
        check: Arc::clone(check),
        speaks: group.settings.backend_protocol,
        tls: backend.tls.map(secured),
    }
}

#[cfg(test)]
mod tests;
