//! The health machine of every backend, followed over edits by identity.
//!
//! An edit that does not touch a backend leaves its health alone; a new address begins anew. It
//! decides nothing about traffic: the plan is compiled from what it says. Reconcile calls it.

mod tracked;

use std::collections::{BTreeSet, HashMap};

use poise_core::health::Standing;
use poise_core::plan::{BackendId, Identities, Plan};
use poise_ipc::Config;
use poise_ipc::message::{Ejected, Flapping, Transition};
use poise_ipc::model::{CheckProtocol, Switch};
use poise_ipc::status::HealthStatus;

pub use self::tracked::Told;
use self::tracked::{Step, Tracked};
use super::checks::Sample;
use crate::report::ProbeReport;
use crate::store::HealthRow;

/// The machines.
#[derive(Debug, Default)]
pub struct Trackers {
    tracked: HashMap<BackendId, Tracked>,
    standings: HashMap<BackendId, Standing>,
    /// Those that time alone may change.
    restless: BTreeSet<BackendId>,
    watch: Watch,
}

/// Whether any group ejects by what traffic meets: nobody is looked at where none does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    Off,
    /// From the next look on: what was met before does not count.
    Begins,
    On,
}

/// What a report brought about.
#[derive(Debug)]
pub struct Observed {
    /// For the log.
    pub sample: Sample,
    /// A change of health with how it is told, if there was one.
    pub transition: Option<(Transition, Told)>,
}

/// What time has brought about.
#[derive(Debug, Default)]
pub struct Stepped {
    /// Backends that are kept out no longer.
    pub released: Vec<BackendId>,
    /// Ejections that have ended.
    pub returned: Vec<Ejected>,
    /// Episodes that have ended.
    pub settled: Vec<Flapping>,
}

impl Trackers {
    /// What is known of every backend, for compiling a plan.
    pub fn standings(&self) -> &HashMap<BackendId, Standing> {
        &self.standings
    }

    /// Whether nothing is known against a backend.
    pub fn is_fit(&self, backend: BackendId) -> bool {
        self.standings.get(&backend).is_none_or(|standing| standing.is_fit())
    }

    /// Follows a configuration: keeps the machines of backends that stay, makes those of new ones
    /// (with the health that `restored` remembers), drops the rest. Returns what was dropped.
    pub fn follow(
        &mut self,
        config: &Config,
        identities: &Identities,
        restored: &HashMap<BackendId, HealthRow>,
    ) -> Vec<BackendId> {
        let is_watched = config.groups.values().any(|group| group.passive.mode == Switch::On);
        self.watch = match self.watch {
            _ if !is_watched => Watch::Off,
            Watch::Off => Watch::Begins,
            watch => watch,
        };
        let mut before = std::mem::take(&mut self.tracked);
        for (path, &id) in &identities.backends {
            let group = config.groups.get(&path.group);
            let Some(wanted) = group.and_then(|group| Some((group, group.backends.get(&path.backend)?))) else {
                continue;
            };
            let kept = before.remove(&id).filter(|kept| kept.address == wanted.1.address);
            self.tracked.insert(id, Tracked::follow(kept, path, wanted, restored.get(&id)));
        }
        self.standings = self.tracked.iter().map(|(&id, tracked)| (id, tracked.standing())).collect();
        let restless = self.tracked.iter().filter(|(_, tracked)| tracked.is_restless());
        self.restless = restless.map(|(&id, _)| id).collect();
        before.into_keys().filter(|id| !self.tracked.contains_key(id)).collect()
    }

    /// Goes on where another process stood.
    pub fn take_up<'s>(&mut self, known: impl Iterator<Item = (BackendId, &'s HealthStatus)>, now_ms: u64) {
        for (id, status) in known {
            let Some(tracked) = self.tracked.get_mut(&id) else { continue };
            tracked.take_up(status, now_ms);
            self.standings.insert(id, tracked.standing());
            if tracked.is_restless() {
                self.restless.insert(id);
            }
        }
    }

    /// Takes a report. `None` when it does not count: the backend is gone, was given another
    /// address, or is no longer probed.
    pub fn observe(&mut self, report: ProbeReport) -> Option<Observed> {
        let tracked = self.tracked.get_mut(&report.backend)?;
        if tracked.disabled || tracked.protocol == CheckProtocol::Off || tracked.probed != report.address {
            return None;
        }
        let change = tracked.observe(&report);
        if change.is_some() {
            self.standings.insert(report.backend, tracked.standing());
        }
        if tracked.is_restless() {
            self.restless.insert(report.backend);
        }
        let (streak, threshold) = tracked.streak();
        let sample = Sample {
            backend: report.backend,
            path: tracked.path.clone(),
            address: report.address.clone(),
            protocol: tracked.protocol,
            at_ms: report.at_ms,
            verdict: report.verdict.clone(),
            latency_us: report.latency_us,
            streak,
            threshold,
            transition: change.as_ref().map(|(change, _)| change.to),
            health: tracked.standing().health,
            exchange: report.exchange,
            gap_ms_max: tracked.gap_ms_max,
            keep: tracked.keep,
        };
        let transition = change.map(|(change, told)| {
            let transition = Transition {
                group: tracked.path.group.clone(),
                backend: tracked.path.backend.clone(),
                from: change.from,
                to: change.to,
                verdict: report.verdict,
                streak: change.streak,
            };
            (transition, told)
        });
        Some(Observed { sample, transition })
    }

    /// Brings those to a moment that time alone may change.
    pub fn step(&mut self, now_ms: u64) -> Stepped {
        let mut stepped = Stepped::default();
        for id in std::mem::take(&mut self.restless) {
            let Some(tracked) = self.tracked.get_mut(&id) else { continue };
            let Step { released, returned, settled } = tracked.step(now_ms);
            if released {
                self.standings.insert(id, tracked.standing());
                stepped.released.push(id);
            }
            stepped.returned.extend(returned);
            stepped.settled.extend(settled);
            if tracked.is_restless() {
                self.restless.insert(id);
            }
        }
        stepped
    }

    /// Looks at what traffic has met at the backends of a plan. Returns whom that ejects.
    pub fn look(&mut self, plan: &Plan, now_ms: u64) -> Vec<Ejected> {
        let mut ejected = Vec::new();
        let watch = self.watch;
        if watch == Watch::Off {
            return ejected;
        }
        self.watch = Watch::On;
        for backend in plan.groups.iter().flat_map(|group| &group.backends) {
            if watch == Watch::Begins {
                backend.live.streaks.reset();
            }
            let Some(tracked) = self.tracked.get_mut(&backend.id) else { continue };
            let Some(news) = tracked.look(&backend.live.streaks, now_ms) else { continue };
            self.standings.insert(backend.id, tracked.standing());
            self.restless.insert(backend.id);
            ejected.push(news);
        }
        ejected
    }

    /// Lets a backend in again. Returns whether it was kept out, and the ejection that ends by it.
    pub fn readmit(&mut self, backend: BackendId, now_ms: u64) -> (bool, Option<Ejected>) {
        let Some(tracked) = self.tracked.get_mut(&backend) else { return (false, None) };
        let readmitted = tracked.readmit(now_ms);
        self.standings.insert(backend, tracked.standing());
        readmitted
    }

    /// The health of a backend with its evidence.
    pub fn status(&self, backend: BackendId, now_ms: u64) -> HealthStatus {
        self.tracked.get(&backend).map(|tracked| tracked.status(now_ms)).unwrap_or_default()
    }

    /// What the store remembers of a backend.
    pub fn row(&self, backend: BackendId, now_ms: u64) -> Option<HealthRow> {
        self.tracked.get(&backend).map(|tracked| tracked.row(backend, now_ms))
    }
}

#[cfg(test)]
mod tests;
