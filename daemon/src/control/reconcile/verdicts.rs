//! Verdicts: counted by the health machines, logged, told; a flip makes a new plan at once.
//!
//! The daemon's own decisions are published first and stored afterwards, with retries: a disk that
//! is full never keeps a dead backend in rotation.

use std::collections::HashMap;

use poise_core::plan::{BackendId, Plan};
use poise_ipc::health::BackendQuery;
use poise_ipc::message::{Ejected, ErrorCode, ErrorReply, Flapping, Reply, Transition};
use poise_ipc::status::Health;
use poise_ipc::{BackendPath, Name};
use tracing::{info, warn};

use super::Reconcile;
use crate::control::bus::What;
use crate::control::command::Answer;
use crate::control::health::{Stepped, Told};
use crate::control::ports::Ports;
use crate::report::ProbeReport;
use crate::store::HealthRow;
use crate::wall::now_ms;

impl<P: Ports + 'static> Reconcile<P> {
    /// Takes reports; their flips make one plan.
    pub(super) fn observe(&mut self, reports: impl Iterator<Item = ProbeReport>) {
        let mut transitions = Vec::new();
        for report in reports {
            let (backend, at_ms) = (report.backend, report.at_ms);
            let Some(observed) = self.trackers.observe(report) else { continue };
            let row = self.log.record(observed.sample);
            self.hand_over();
            self.parts.bus.publish(at_ms, What::Checked(row));
            if let Some(transition) = observed.transition {
                self.unstored.extend(self.trackers.row(backend, at_ms).map(|row| (backend, row)));
                transitions.push((at_ms, backend, transition));
            }
        }
        if transitions.is_empty() {
            return;
        }
        let failed_open = self.publish();
        for (at_ms, backend, (transition, told)) in transitions {
            self.look_into(backend, &transition);
            match told {
                Told::Transition => {
                    log_transition(&transition, self.generation());
                    self.parts.bus.publish(at_ms, What::Transition(transition));
                }
                Told::Began(flapping) => self.tell_flapping(at_ms, flapping),
                Told::Within => {}
            }
        }
        self.tell_fail_open(&failed_open, now_ms());
    }

    /// Ejects those that traffic met failing, and lets those in again whose time is over.
    pub(super) fn step_health(&mut self, plan: &Plan) {
        let now_ms = now_ms();
        let Stepped { released, mut returned, settled } = self.trackers.step(now_ms);
        let ejected = self.trackers.look(plan, now_ms);
        let rows = released.iter().filter_map(|&id| Some((id, self.trackers.row(id, now_ms)?)));
        self.unstored.extend(rows);
        if !released.is_empty() || !ejected.is_empty() {
            let failed_open = self.publish();
            self.tell_fail_open(&failed_open, now_ms);
        }
        returned.extend(ejected);
        for news in returned {
            self.tell_ejected(now_ms, news);
        }
        for flapping in settled {
            self.tell_flapping(now_ms, flapping);
        }
    }

    /// Lets a backend in again that an ejection or damping keeps out.
    pub(super) fn readmit(&mut self, query: BackendQuery) -> Answer {
        let (path, now_ms) = (BackendPath::new(query.group, query.backend), now_ms());
        let Some(&id) = self.state.identities.backends.get(&path) else {
            return Err(ErrorReply::new(ErrorCode::NotFound, format!("there is no backend {path}")));
        };
        let (was_out, returned) = self.trackers.readmit(id, now_ms);
        self.unstored.extend(self.trackers.row(id, now_ms).map(|row| (id, row)));
        if was_out {
            info!(backend = %path, "backend is readmitted by an operator");
            let failed_open = self.publish();
            self.tell_fail_open(&failed_open, now_ms);
        }
        if let Some(news) = returned {
            self.tell_ejected(now_ms, news);
        }
        Ok(Reply::Readmitted { was_out })
    }

    fn tell_ejected(&self, at_ms: u64, news: Ejected) {
        let Ejected { group, backend, ejection } = &news;
        let (why, streak) = (ejection.why, ejection.streak);
        if ejection.active {
            let out_for_ms = ejection.until_ms.saturating_sub(at_ms);
            warn!(%group, %backend, %why, streak, out_for_ms, "backend is ejected by what traffic meets");
        } else {
            info!(%group, %backend, %why, "backend is used again after its ejection");
        }
        self.parts.bus.publish(at_ms, What::Ejected(news));
    }

    fn tell_flapping(&self, at_ms: u64, flapping: Flapping) {
        let Flapping { group, backend, transitions, .. } = &flapping;
        if flapping.active {
            let out_for_s = flapping.until_ms.map(|until_ms| until_ms.saturating_sub(at_ms) / 1_000);
            warn!(%group, %backend, transitions, out_for_s, "backend comes and goes: its transitions are told no more");
        } else {
            info!(%group, %backend, transitions, "backend has settled");
        }
        self.parts.bus.publish(at_ms, What::Flapping(flapping));
    }

    /// Makes the machines follow the configuration.
    pub(super) fn follow(&mut self, restored: &HashMap<BackendId, HealthRow>) {
        let config = self.layers.in_force.as_ref().unwrap_or(&self.state.config);
        for gone in self.trackers.follow(config, &self.state.identities, restored) {
            self.log.close(gone);
            self.hand_over();
            self.latencies.forget(gone);
            self.unstored.remove(&gone);
            self.refusals.forget(gone);
        }
    }

    /// Hands changed health to the store; what it does not take stays for the next round.
    pub(super) fn store_health(&mut self) {
        if self.unstored.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.unstored).into_values().collect();
        if let Err(rows) = self.parts.store.health(rows) {
            self.unstored = rows.into_iter().map(|row| (row.backend, row)).collect();
        }
    }

    /// Tells which groups began or ceased to use backends although all are down.
    pub(super) fn tell_fail_open(&mut self, before: &[Name], now_ms: u64) {
        for group in self.failing_open.iter().filter(|group| !before.contains(group)) {
            warn!(%group, "no backend with weight is up: the group fails open");
            self.parts.bus.publish(now_ms, What::FailOpen { group: group.clone(), active: true });
        }
        for group in before.iter().filter(|group| !self.failing_open.contains(group)) {
            info!(%group, "the group no longer fails open");
            self.parts.bus.publish(now_ms, What::FailOpen { group: group.clone(), active: false });
        }
    }
}

/// One sentence pattern for every transition.
fn log_transition(transition: &Transition, generation: u64) {
    let Transition { group, backend, from, to, verdict, streak } = transition;
    match to {
        Health::Down => warn!(%group, %backend, %from, reason = %verdict, streak, generation, "backend went down"),
        Health::Up => info!(%group, %backend, %from, reason = %verdict, streak, generation, "backend came up"),
        Health::Unknown => info!(%group, %backend, %from, streak, generation, "backend is unknown"),
    }
}
