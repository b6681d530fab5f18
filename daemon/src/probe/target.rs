//! What is to be probed: the backends of a plan that have a check, with all that a probe needs.

use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::{self, BackendId, BackendPlan, GroupPlan, Plan, TlsStamp};
use poise_ipc::BackendPath;
use poise_ipc::model::{Address, AdminState, BackendProtocol, CheckProtocol, HealthCheck};

use crate::tls::{ClientTls, Published};

/// A backend to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The backend.
    pub(super) backend: BackendId,
    /// Its group and name.
    pub(super) path: BackendPath,
    /// What is probed, as configured: the backend's address, with the port of the check if it has one.
    pub(super) address: Address,
    /// Where the probe goes.
    pub(super) leads: plan::Target,
    /// What is asked, how often and how long.
    pub(super) check: HealthCheck,
    /// How TLS is spoken to it, if it is.
    pub(super) tls: Option<Secured>,
    /// What HTTP is spoken to it.
    pub(super) speaks: BackendProtocol,
}

/// How TLS is spoken to a backend. Two of them are the same when their stamps are.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    stamp: TlsStamp,
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
    /// Time between the starts of two probes.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.check.interval_ms.into())
    }

    /// Time that one probe may take.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.check.timeout_ms.into())
    }

    /// Whether both ask the same question of the same address.
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        let question = |target: &Self| {
            let check = &target.check;
            (
                target.leads.clone(),
                check.protocol,
                check.method,
                check.path.clone(),
                check.host.clone(),
                check.expect.clone(),
                (check.send.clone(), check.receive.clone(), check.proxy),
                (target.tls.as_ref().map(|tls| tls.stamp), target.speaks),
            )
        };
        question(self) == question(other)
    }
}

/// The targets of a plan. Disabled backends are left alone; draining ones and those of weight 0
/// are asked like any other (S-40 has it otherwise, L-14).
pub(super) fn targets<'a>(plan: &'a Plan, tls: &'a Published) -> impl Iterator<Item = Target> + 'a {
    let checked = plan.groups.iter().filter(|group| group.settings.health_check.protocol != CheckProtocol::Off);
    checked.flat_map(move |group| {
        let probed = group.backends.iter().filter(|backend| backend.state() != AdminState::Disabled);
        probed.map(|backend| target(group, backend, tls))
    })
}

fn target(group: &GroupPlan, backend: &BackendPlan, tls: &Published) -> Target {
    let check = &group.settings.health_check;
    let (address, leads) = (&backend.settings.address, &backend.target);
    Target {
        backend: backend.id,
        path: BackendPath::new(group.name.clone(), backend.name.clone()),
        address: check.port.map_or_else(|| address.clone(), |port| address.at_port(port)),
        leads: check.port.map_or_else(|| leads.clone(), |port| leads.at_port(port)),
        check: check.clone(),
        speaks: group.settings.backend_protocol,
        tls: backend.tls.map(|stamp| Secured { stamp, address: address.clone(), settings: tls.client(stamp) }),
    }
}
