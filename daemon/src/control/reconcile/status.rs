//! Status: everything at one moment, from configuration, plan, machines, counters and sockets.
//!
//! Built on demand and shared among all who ask within a moment, so that a hundred consoles cost
//! as much as ten. It changes nothing.

use std::net::IpAddr;
use std::sync::Arc;

use poise_core::health::policy::Use;
use poise_core::live::RouteLive;
use poise_core::persistence::SourceTable;
use poise_core::plan::{BackendPlan, GroupPlan, ListenerPlan, Plan};
use poise_core::route::RoutePlan;
use poise_ipc::Name;
use poise_ipc::model::{AdminState, CheckProtocol, Group, Listener};
use poise_ipc::status::{
    BackendStatus, Configured, DaemonStatus, GroupStatus, HealthStatus, ListenerStatus, RouteStatus, RuleHits, Status,
};

use super::Reconcile;
use crate::control::latency::Latencies;
use crate::control::ports::Ports;
use crate::wall::now_ms;

/// How old a shared snapshot may be, in milliseconds: the shortest interval of a subscription.
pub(super) const SNAPSHOT_MS_MAX: u64 = 100;

impl<P: Ports + 'static> Reconcile<P> {
    /// The generation of the plan in force.
    pub(super) fn generation(&self) -> u64 {
        self.parts.publisher.published().load().generation
    }

    /// The last status, if it is recent and nothing was published since.
    pub(super) fn recent_status(&self) -> Option<Arc<Status>> {
        let (taken_ms, status) = self.snapshot.as_ref()?;
        (now_ms().abs_diff(*taken_ms) < SNAPSHOT_MS_MAX).then(|| Arc::clone(status))
    }

    /// The status now.
    pub(super) fn fresh_status(&mut self) -> Arc<Status> {
        let at_ms = now_ms();
        let plan = self.parts.publisher.published().load_full();
        self.count_pinned(&plan);
        self.step_drains();
        let status = Arc::new(Status {
            at_ms,
            daemon: self.daemon_status(),
            revision: self.state.revision,
            generation: plan.generation,
            listeners: self.state.config.listeners.iter().map(|(name, l)| self.listener(name, l, &plan)).collect(),
            groups: self.in_force().groups.iter().map(|(name, g)| self.group(name, g, &plan, at_ms)).collect(),
            findings: self.state.findings.clone(),
            certificates: self.parts.tls.statuses(&self.state.config, at_ms),
            recorder: self.parts.recorder.status(),
            hook: self.parts.hook.status(),
            window: self.window.status(),
            layers: self.layer_statuses(),
            layers_ended: self.layers.ended(),
        });
        self.snapshot = Some((at_ms, Arc::clone(&status)));
        status
    }

    fn daemon_status(&self) -> DaemonStatus {
        let facts = &self.parts.facts;
        DaemonStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: facts.host.clone(),
            pid: std::process::id(),
            started_ms: facts.started_ms,
            workers: facts.workers,
            config_file: self.file_name(),
            drift: self.file.drift,
            records_lost_total: self.parts.records.lost_total(),
            read_only: facts.read_only,
            predecessors: self.predecessors.clone(),
        }
    }

    fn listener(&self, name: &Name, listener: &Listener, plan: &Plan) -> ListenerStatus {
        let id = self.state.identities.listeners.get(name);
        let live = id.and_then(|id| plan.listeners.get(id));
        let status = ListenerStatus::of(name.clone(), listener);
        ListenerStatus {
            bind: id.and_then(|&id| self.parts.ports.address(id)).unwrap_or_else(|| listener.bind.clone()),
            counters: live.map(|listener| listener.live.totals()).unwrap_or_default(),
            remembered: live.and_then(|listener| listener.source_table()).map(SourceTable::totals),
            access: live.map(|listener| access(listener)).unwrap_or_default(),
            routes: live.map(|listener| routes(listener, &self.latencies)).unwrap_or_default(),
            untracked_total: live.map_or(0, |listener| listener.limiter.untracked_total()),
            latency: live.map(|l| self.latencies.listener(l.id, &l.live.latency())).unwrap_or_default(),
            ..status
        }
    }

    fn group(&self, name: &Name, group: &Group, plan: &Plan, at_ms: u64) -> GroupStatus {
        let planned = plan.group(name);
        let queue = planned.map(|planned| planned.queue.status()).unwrap_or_default();
        GroupStatus {
            name: name.clone(),
            scheduler: group.scheduler,
            health_check: group.health_check.clone(),
            fail_open: group.fail_open,
            failing_open: planned.is_some_and(|planned| planned.failing_open),
            backends: planned.map_or_else(Vec::new, |planned| self.backends(planned, at_ms)),
            on_backups: planned.is_some_and(|planned| planned.on_backups),
            queued: queue.queued.into(),
            queue_wait_ms: queue.since_ms.map_or(0, |since_ms| at_ms.saturating_sub(since_ms)),
            latency: planned.map(|planned| self.latencies.group(planned)).unwrap_or_default(),
            counters: planned.map(|planned| self.tallies.group(planned)).unwrap_or_default(),
        }
    }

    fn backends(&self, group: &GroupPlan, at_ms: u64) -> Vec<BackendStatus> {
        let is_probed = |backend: &BackendPlan| {
            group.settings.health_check.protocol != CheckProtocol::Off && backend.state() != AdminState::Disabled
        };
        let status = |backend: &Arc<BackendPlan>| {
            let mut status = self.backend(&group.name, backend, at_ms);
            status.queued = group.queue.queued_for(backend.id).into();
            status.health.next_ms = backend.live.next_probe_ms().filter(|_| is_probed(backend));
            status
        };
        group.backends.iter().map(status).collect()
    }

    fn source(&self, to: IpAddr, at_ms: u64) -> Option<IpAddr> {
        self.sources.of(to, at_ms, |to| self.parts.ports.source(to))
    }

    /// What is configured of a backend, where layers have something else in force.
    fn configured(&self, group: &Name, backend: &BackendPlan) -> Option<Configured> {
        let settings = self.state.config.groups.get(group)?.backends.get(&backend.name)?;
        let (is, was) = (&backend.settings, Configured { weight: settings.weight, state: settings.state });
        (is.weight != was.weight || is.state != was.state).then_some(was)
    }

    fn backend(&self, group: &Name, backend: &BackendPlan, at_ms: u64) -> BackendStatus {
        let mut counters = backend.live.totals();
        let latency = self.latencies.backend(backend.id, &backend.live.latency(), &mut counters);
        BackendStatus {
            id: backend.id.0,
            effective_weight: backend.effective_weight,
            health: HealthStatus { kept: backend.used == Use::Kept, ..self.trackers.status(backend.id, at_ms) },
            counters,
            ramp_permille: backend.ramp_permille,
            source: backend.target.ip().and_then(|to| self.source(to.ip(), at_ms)),
            pinned_entries: self.emptying.pinned(backend.id),
            drain: self.drain_status(backend.id),
            latency,
            resolved: backend.target.ip().filter(|_| backend.settings.address.ip().is_none()),
            configured: self.configured(group, backend),
            ..BackendStatus::of(group.clone(), backend.name.clone(), &backend.settings)
        }
    }
}

/// The routes of a listener, with what none of them takes; nothing where there are none.
fn routes(listener: &ListenerPlan, latencies: &Latencies) -> Vec<RouteStatus> {
    let counted = listener.routes.iter().filter_map(|route| Some((route, route.live.as_ref()?)));
    let status = |(route, live): (&Arc<RoutePlan>, &Arc<RouteLive>)| RouteStatus {
        name: route.name.clone(),
        groups: match route.name {
            Some(_) => route.settings.groups().cloned().collect(),
            None => listener.settings.group.iter().cloned().collect(),
        },
        redirects: route.settings.redirect.is_on(),
        counters: live.totals(),
        latency: latencies.route(route),
        settings: route.settings.clone(),
    };
    counted.map(status).collect()
}

/// What each rule of a listener has decided, as the configuration words it.
fn access(listener: &ListenerPlan) -> Vec<RuleHits> {
    let lists = &listener.settings.access;
    let allow = lists.allow.iter().map(|rule| (rule, true));
    let rules = allow.chain(lists.deny.iter().map(|rule| (rule, false)));
    let counted = rules.zip(listener.access.hits());
    counted.map(|((rule, allow), hits_total)| RuleHits { rule: rule.to_string(), allow, hits_total }).collect()
}
