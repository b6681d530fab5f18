//! Probes: every backend that is to be checked is asked at its interval, and what was found is
//! reported.
//!
//! One task per target, which follows the plan and keeps its own cadence: an edit of one group
//! does not move the probes of another. A probe never overlaps with itself: the next one starts an
//! interval after the start of the last, or when that one has ended if it took longer. Health is
//! not decided here.

mod attempt;
mod cadence;
mod http;
mod http2;
mod target;
mod udp;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::{BackendId, Plan};
use poise_ipc::status::Phases;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use self::cadence::Cadence;
use self::target::{Target, targets};
use crate::published::Published;
use crate::report::ProbeReport;
use crate::{tls, wall};

/// Probes under way at once: with a timeout of 5 s a thousand silent backends are still all
/// asked within 20 s, and a quarter of the smallest usual limit of descriptors is not exceeded.
pub const PROBES_MAX: usize = 256;

/// Runs the probes of the plan in force until control takes no more reports or publishes no more
/// plans. `seed` moves the phases of all probes, so that two daemons with one configuration do
/// not ask at the same moments.
///
/// # Cancel safety
/// Dropping it ends every probe.
pub async fn run(
    published: Published,
    tls: tls::Published,
    mut generation: watch::Receiver<u64>,
    reports: mpsc::Sender<ProbeReport>,
    seed: u64,
) {
    let mut probes = Probes {
        seed,
        tls,
        reports,
        turns: Arc::new(Semaphore::new(PROBES_MAX)),
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    loop {
        generation.mark_unchanged();
        probes.follow(&published.load());
        tokio::select! {
            changed = generation.changed() => if changed.is_err() { return },
            () = probes.reports.closed() => return,
        }
        // Those that have ended: their handles are the only thing left of them.
        while probes.tasks.try_join_next().is_some() {}
    }
}

/// The probes that are running.
struct Probes {
    seed: u64,
    tls: tls::Published,
    reports: mpsc::Sender<ProbeReport>,
    turns: Arc<Semaphore>,
    /// Owns the tasks: dropping it ends them.
    tasks: JoinSet<()>,
    running: HashMap<BackendId, Running>,
}

struct Running {
    target: watch::Sender<Target>,
    task: AbortHandle,
}

impl Probes {
    /// Starts, retunes and ends probes as the plan wants them.
    fn follow(&mut self, plan: &Plan) {
        let mut before = std::mem::take(&mut self.running);
        let tls = self.tls.clone();
        for target in targets(plan, &tls) {
            let id = target.backend;
            let running = match before.remove(&id) {
                Some(running) => {
                    running.target.send_if_modified(|current| {
                        let changed = *current != target;
                        if changed {
                            *current = target;
                        }
                        changed
                    });
                    running
                }
                None => self.start(target),
            };
            self.running.insert(id, running);
        }
        for gone in before.into_values() {
            gone.task.abort();
        }
    }

    fn start(&mut self, target: Target) -> Running {
        let cadence = Cadence::new(self.seed, target.backend.0);
        let (sender, receiver) = watch::channel(target);
        let probe = Probe { target: receiver, cadence, turns: Arc::clone(&self.turns), reports: self.reports.clone() };
        Running { target: sender, task: self.tasks.spawn(probe.run()) }
    }
}

/// The task of one target.
struct Probe {
    target: watch::Receiver<Target>,
    cadence: Cadence,
    turns: Arc<Semaphore>,
    reports: mpsc::Sender<ProbeReport>,
}

impl Probe {
    async fn run(mut self) {
        let mut target = self.target.borrow_and_update().clone();
        let mut due = Instant::now() + self.cadence.phase(target.interval());
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                changed = self.target.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let next = self.target.borrow_and_update().clone();
                    due = due.min(Instant::now() + self.cadence.after_edit(&target, &next));
                    target = next;
                    continue;
                }
            }
            let Ok(turn) = self.turns.acquire().await else { return };
            let began = Instant::now();
            let verdict = attempt::probe(&target).await;
            drop(turn);
            let report = ProbeReport {
                backend: target.backend,
                address: target.address.clone(),
                at_ms: wall::now_ms(),
                verdict,
                latency_us: micros(began.elapsed()),
                phases: Phases::default(),
                exchange: None,
            };
            // A full channel makes this probe late, never the daemon large. What was found of a
            // target that has changed meanwhile says nothing about it.
            if !self.target.has_changed().unwrap_or(false) && self.reports.send(report).await.is_err() {
                return;
            }
            due = (began + self.cadence.next(target.interval())).max(Instant::now());
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
