//! The task of one target: when it is probed, and what is reported.
//!
//! The interval follows what is known of the backends and what the last probe found. It speaks to no
//! backend itself (`attempt`) and decides nothing about health.

use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::BackendId;
use poise_ipc::status::{Reason, Verdict};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::attempt;
use super::cadence::Cadence;
use super::prepared::Prepared;
use super::target::Target;
use super::track::{Detail, Trail};
use crate::report::ProbeReport;
use crate::wall;

/// The task.
pub(super) struct Probe {
    following: watch::Receiver<Target>,
    cadence: Cadence,
    turns: Arc<Semaphore>,
    reports: mpsc::Sender<ProbeReport>,
    target: Target,
    prepared: Prepared,
    /// When the last probe began.
    began: Option<Instant>,
    /// What the last one found that counts.
    last: Option<Verdict>,
    due: Instant,
}

impl Probe {
    /// For a target that is followed; the seed and the backend say when it has its turns.
    pub(super) fn new(
        mut following: watch::Receiver<Target>,
        (seed, backend): (u64, BackendId),
        turns: Arc<Semaphore>,
        reports: mpsc::Sender<ProbeReport>,
    ) -> Self {
        let target = following.borrow_and_update().clone();
        let (prepared, cadence) = (Prepared::new(&target), Cadence::new(seed, backend.0));
        let due = Instant::now();
        Self { following, cadence, turns, reports, target, prepared, began: None, last: None, due }
    }

    /// Probes until nobody wants it any more. Of a backend that is known already nobody waits long for
    /// the first verdict.
    pub(super) async fn run(mut self, is_known: bool) {
        let interval = self.target.interval();
        let phase = if is_known { self.cadence.after_edit(interval) } else { self.cadence.phase(interval) };
        self.set_due(Instant::now() + phase);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(self.due) => {}
                changed = self.following.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.follow();
                    continue;
                }
            }
            if self.turn().await.is_none() {
                return;
            }
        }
    }

    /// Takes what has changed: a new question is asked soon, a new interval holds from the last probe on.
    fn follow(&mut self) {
        let target = self.following.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.target, target);
        let (now, soon) = (Instant::now(), self.cadence.after_edit(self.target.interval()));
        if !self.target.asks_as(&before) {
            self.prepared = Prepared::new(&self.target);
            self.last = None;
            self.set_due(self.due.min(now + soon));
            return;
        }
        let Some(began) = self.began else {
            return self.set_due(self.due.min(now + self.cadence.phase(self.target.interval())));
        };
        let due = began + self.cadence.again(self.target.interval_after(self.last.as_ref()));
        if due != self.due {
            // All that an edit makes due would otherwise be asked at once.
            self.set_due(if due > now { due } else { now + soon });
        }
    }

    /// One probe. None when nobody takes reports any more.
    async fn turn(&mut self) -> Option<()> {
        let turn = self.turns.acquire().await.ok()?;
        let began = Instant::now();
        let (verdict, trail) = attempt::probe(&self.target, &self.prepared, Detail::Usual).await;
        drop(turn);
        self.began = Some(began);
        if !matches!(verdict, Verdict::Fail { reason: Reason::Local, .. }) {
            self.last = Some(verdict.clone());
        }
        let interval = self.target.interval_after(self.last.as_ref());
        let due = began + self.cadence.next(interval);
        self.set_due(due.max(Instant::now()));
        self.report(verdict, &trail).await
    }

    async fn report(&self, verdict: Verdict, trail: &Trail) -> Option<()> {
        // What was found of a target that has changed meanwhile says nothing about it.
        let members = {
            let now = self.following.borrow();
            if !now.asks_as(&self.target) {
                return Some(());
            }
            now.members.iter().map(|member| member.backend).collect::<Vec<_>>()
        };
        let is_kept = verdict.failed() || self.target.is_in_question();
        let at_ms = wall::now_ms();
        for backend in members {
            let report = ProbeReport {
                backend,
                address: self.target.address.clone(),
                at_ms,
                verdict: verdict.clone(),
                latency_us: trail.latency_us,
                phases: trail.phases,
                exchange: is_kept.then(|| Box::new(trail.exchange.clone())),
            };
            // A full channel makes this probe late, never the daemon large.
            self.reports.send(report).await.ok()?;
        }
        Some(())
    }

    /// Sets when the next probe is due, and announces it.
    fn set_due(&mut self, due: Instant) {
        self.due = due;
        let wait = due.saturating_duration_since(Instant::now());
        let at_ms = wall::now_ms().saturating_add(ms(wait));
        self.target.members.iter().for_each(|member| member.live.announce_probe(at_ms));
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
