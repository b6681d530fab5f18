//! Backends of this host that refuse: looked into once, so that the finding says why (S-07); and
//! those that checks call well and clients do not (S-33).
//!
//! The kernel's lists are read beside the writer. What was found stands until the backend comes up
//! or goes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use poise_core::plan::BackendId;
use poise_ipc::BackendPath;
use poise_ipc::advice::{self, Finding};
use poise_ipc::message::Transition;
use poise_ipc::status::{Health, Phase, Reason, Verdict};
use tokio::task::{JoinError, JoinSet};

use super::Reconcile;
use crate::control::blindness::sees_the_port_alone;
use crate::control::elsewhere::listening_on;
use crate::control::ports::Ports;
use crate::wall::now_ms;

/// Readings at once; a refusal beyond them stays unexplained until the next.
const READINGS_MAX: usize = 8;

/// What was found for a backend: where it is dialled, and where something listens.
pub(super) type Reading = (BackendId, SocketAddr, Vec<IpAddr>);

/// Refusals and what explains them.
#[derive(Default)]
pub(super) struct Refusals {
    pub(super) readings: JoinSet<Reading>,
    explained: BTreeMap<BackendId, (SocketAddr, Vec<IpAddr>)>,
}

impl Refusals {
    /// Forgets a backend that is gone.
    pub(super) fn forget(&mut self, backend: BackendId) {
        self.explained.remove(&backend);
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Looks into a backend that went down because it refuses, and forgets one that came up.
    pub(super) fn look_into(&mut self, backend: BackendId, transition: &Transition) {
        if self.refusals.explained.remove(&backend).is_some() {
            self.judge();
        }
        let refuses =
            matches!(transition.verdict, Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, .. });
        if transition.to != Health::Down || !refuses || self.refusals.readings.len() >= READINGS_MAX {
            return;
        }
        let plan = self.parts.publisher.published().load_full();
        let group = plan.group(&transition.group);
        let Some(target) = group.and_then(|group| group.backend(backend)?.target.ip()) else { return };
        let is_local = self.sources.is_local(target.ip(), now_ms(), |to| self.parts.ports.source(to));
        if is_local {
            self.refusals.readings.spawn_blocking(move || (backend, target, listening_on(target.port())));
        }
    }

    /// Takes what was found.
    pub(super) fn looked_into(&mut self, outcome: Result<Reading, JoinError>) {
        let Ok((backend, target, found)) = outcome else { return };
        if !found.is_empty() {
            self.refusals.explained.insert(backend, (target, found));
            self.judge();
        }
    }

    /// What explains refusals of backends that are still there.
    pub(super) fn refusal_findings(&self) -> Vec<Finding> {
        let backends = self.state.identities.backends.iter();
        let explained = backends.filter_map(|(path, id)| {
            let (target, found) = self.refusals.explained.get(id)?;
            Some(advice::listens_elsewhere(path, *target, found))
        });
        explained.collect()
    }

    /// Checks that pass where clients are failed.
    pub(super) fn blind_checks(&self) -> Vec<Finding> {
        let is_blind = |path: &BackendPath, id| {
            let group = self.state.config.groups.get(&path.group);
            group.is_some_and(sees_the_port_alone) && self.blindness.holds(id)
        };
        let backends = self.state.identities.backends.iter().filter(|(path, id)| is_blind(path, **id));
        backends.map(|(path, _)| advice::blind_check(path)).collect()
    }
}
