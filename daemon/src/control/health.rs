//! The health machine of every backend, followed over edits by identity.
//!
//! An edit that does not touch a backend leaves its health alone; a new address begins anew. It
//! decides nothing about traffic: the plan is compiled from what it says. Reconcile calls it.

use std::collections::HashMap;

use poise_core::health::Machine;
use poise_core::plan::{BackendId, Identities};
use poise_ipc::message::Transition;
use poise_ipc::model::{Address, AdminState, Backend, CheckProtocol, HealthCheck, HealthLog};
use poise_ipc::status::{Health, HealthStatus, LastVerdict, Reason, Verdict};
use poise_ipc::{BackendPath, Config};

use super::checks::Sample;
use crate::report::ProbeReport;
use crate::store::HealthRow;

/// The machines.
#[derive(Debug, Default)]
pub struct Trackers {
    tracked: HashMap<BackendId, Tracked>,
    health: HashMap<BackendId, Health>,
}

#[derive(Debug)]
struct Tracked {
    path: BackendPath,
    address: Address,
    probed: Address,
    protocol: CheckProtocol,
    disabled: bool,
    rise: u16,
    fall: u16,
    machine: Machine,
    restored_since_ms: u64,
    /// Longest time between two probes of an undisturbed cadence.
    gap_ms_max: u64,
    keep: HealthLog,
    last: Option<LastVerdict>,
}

/// What a report brought about.
#[derive(Debug)]
pub struct Observed {
    /// For the log.
    pub sample: Sample,
    /// A change of health, if there was one.
    pub transition: Option<Transition>,
}

impl Trackers {
    /// The health of every backend, for compiling a plan.
    pub fn health(&self) -> &HashMap<BackendId, Health> {
        &self.health
    }

    /// Follows a configuration: keeps the machines of backends that stay, makes those of new ones
    /// (with the health that `restored` remembers), drops the rest. Returns what was dropped.
    pub fn follow(
        &mut self,
        config: &Config,
        identities: &Identities,
        restored: &HashMap<BackendId, HealthRow>,
    ) -> Vec<BackendId> {
        let mut before = std::mem::take(&mut self.tracked);
        for (path, &id) in &identities.backends {
            let group = config.groups.get(&path.group);
            let Some((check, backend)) = group.and_then(|g| Some((&g.health_check, g.backends.get(&path.backend)?)))
            else {
                continue;
            };
            let kept = before.remove(&id).filter(|kept| kept.address == backend.address);
            self.tracked.insert(id, Tracked::follow(kept, path, backend, check, restored.get(&id)));
        }
        self.health = self.tracked.iter().map(|(&id, tracked)| (id, tracked.machine.health())).collect();
        before.into_keys().filter(|id| !self.tracked.contains_key(id)).collect()
    }

    /// Takes a report. `None` when it does not count: the backend is gone, was given another
    /// address, or is no longer probed.
    pub fn observe(&mut self, report: ProbeReport) -> Option<Observed> {
        let tracked = self.tracked.get_mut(&report.backend)?;
        if tracked.disabled || tracked.protocol == CheckProtocol::Off || tracked.probed != report.address {
            return None;
        }
        let passed = report.verdict.passed();
        // What poised could not send says nothing about the backend.
        let change = match report.verdict {
            Verdict::Fail { reason: Reason::Local, .. } => None,
            Verdict::Silent => tracked.machine.observe_silence(report.at_ms),
            Verdict::Pass { .. } | Verdict::Fail { .. } => tracked.machine.observe(passed, report.at_ms),
        };
        tracked.last = Some(LastVerdict {
            at_ms: report.at_ms,
            verdict: report.verdict.clone(),
            latency_us: report.latency_us,
            phases: report.phases,
        });
        if let Some(change) = &change {
            self.health.insert(report.backend, change.to);
        }
        let sample = Sample {
            backend: report.backend,
            path: tracked.path.clone(),
            address: report.address.clone(),
            protocol: tracked.protocol,
            at_ms: report.at_ms,
            verdict: report.verdict.clone(),
            latency_us: report.latency_us,
            streak: tracked.machine.streak(),
            threshold: if passed { tracked.rise } else { tracked.fall },
            transition: change.as_ref().map(|change| change.to),
            health: tracked.machine.health(),
            exchange: report.exchange,
            gap_ms_max: tracked.gap_ms_max,
            keep: tracked.keep,
        };
        let transition = change.map(|change| Transition {
            group: tracked.path.group.clone(),
            backend: tracked.path.backend.clone(),
            from: change.from,
            to: change.to,
            verdict: report.verdict,
            streak: change.streak,
        });
        Some(Observed { sample, transition })
    }

    /// The health of a backend with its evidence.
    pub fn status(&self, backend: BackendId, now_ms: u64) -> HealthStatus {
        let Some(tracked) = self.tracked.get(&backend) else { return HealthStatus::default() };
        HealthStatus {
            health: tracked.machine.health(),
            since_ms: tracked.since_ms(),
            streak: tracked.machine.streak(),
            transitions_10min: tracked.machine.transitions(now_ms),
            last: tracked.last.clone(),
            ..HealthStatus::default()
        }
    }

    /// What the store remembers of a backend.
    pub fn row(&self, backend: BackendId) -> Option<HealthRow> {
        let tracked = self.tracked.get(&backend)?;
        Some(HealthRow { backend, health: tracked.machine.health(), since_ms: tracked.since_ms() })
    }
}

impl Tracked {
    fn follow(
        kept: Option<Self>,
        path: &BackendPath,
        backend: &Backend,
        check: &HealthCheck,
        restored: Option<&HealthRow>,
    ) -> Self {
        let probed = check.port.map_or_else(|| backend.address.clone(), |port| backend.address.at_port(port));
        // Without probes nothing could ever bring a backend up again.
        let checked = check.protocol != CheckProtocol::Off;
        let restored = restored.filter(|_| checked).map_or((Health::Unknown, 0), |row| (row.health, row.since_ms));
        let (mut machine, restored_since_ms, last) = match kept.filter(|_| checked) {
            Some(kept) => (kept.machine, kept.restored_since_ms, kept.last),
            None => (Machine::new(restored.0, check.rise, check.fall), restored.1, None),
        };
        machine.retune(check.rise, check.fall);
        Self {
            path: path.clone(),
            address: backend.address.clone(),
            probed,
            protocol: check.protocol,
            disabled: backend.state == AdminState::Disabled,
            rise: check.rise,
            fall: check.fall,
            machine,
            restored_since_ms,
            gap_ms_max: gap_ms_max(check),
            keep: check.log,
            last,
        }
    }

    /// When the health changed: by a verdict of this process, or before the last start.
    fn since_ms(&self) -> u64 {
        match self.machine.since_ms() {
            0 => self.restored_since_ms,
            since_ms => since_ms,
        }
    }
}

/// Longest time between the ends of two probes of an undisturbed cadence, in milliseconds: three of the
/// longest intervals, and the time that a probe may take.
fn gap_ms_max(check: &HealthCheck) -> u64 {
    let others = [check.fast_interval_ms, check.down_interval_ms].into_iter().flatten();
    let longest = others.fold(check.interval_ms, u32::max);
    3 * u64::from(longest) + u64::from(check.timeout_ms)
}

#[cfg(test)]
mod tests;
