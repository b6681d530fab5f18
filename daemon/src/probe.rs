//! Probes: every backend that is to be checked is asked at its interval, and what was found is
//! reported.
//!
//! One task per target, which follows the plan and keeps its own cadence: an edit of one group
//! does not move the probes of another. A probe never overlaps with itself: the next one starts an
//! interval after the start of the last, or when that one has ended if it took longer. Health is
//! not decided here.

mod attempt;
mod cadence;
mod grpc;
mod http;
mod http2;
mod on_demand;
mod prepared;
mod replay;
mod target;
mod task;
mod tcp;
mod track;
mod udp;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use poise_core::plan::{BackendId, Plan};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::on_demand::Desk;
use self::target::{Target, targets};
use self::task::Probe;
use crate::published::Published;
use crate::report::{ProbeAsked, ProbeReport};
use crate::tls;

/// Probes under way at once: with a timeout of 5 s a thousand silent backends are still all
/// asked within 20 s, and a quarter of the smallest usual limit of descriptors is not exceeded.
pub const PROBES_MAX: usize = 256;

/// What the probes hang on.
#[derive(Debug)]
pub struct Sources {
    /// The plan in force.
    pub plans: Published,
    /// How TLS is spoken.
    pub tls: tls::Published,
    /// Changes with every plan.
    pub generation: watch::Receiver<u64>,
    /// Probes that somebody asks for.
    pub asked: mpsc::Receiver<ProbeAsked>,
}

/// Runs the probes of the plan in force until control takes no more reports or publishes no more
/// plans. `seed` moves the phases of all probes, so that two daemons with one configuration do
/// not ask at the same moments.
///
/// # Cancel safety
/// Dropping it ends every probe.
pub async fn run(mut sources: Sources, reports: mpsc::Sender<ProbeReport>, seed: u64) {
    let mut probes = Probes {
        seed,
        reports,
        turns: Arc::new(Semaphore::new(PROBES_MAX)),
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    let mut desk = Desk::default();
    sources.generation.mark_changed();
    loop {
        tokio::select! {
            changed = sources.generation.changed() => {
                if changed.is_err() {
                    return;
                }
                probes.follow(&sources.plans.load(), &sources.tls);
            }
            Some(asked) = sources.asked.recv() => desk.take(asked, &sources.plans.load(), &sources.tls),
            () = probes.reports.closed() => return,
        }
        // Those that have ended: their handles are the only thing left of them.
        while probes.tasks.try_join_next().is_some() {}
        desk.clear();
    }
}

/// The probes that are running.
struct Probes {
    seed: u64,
    reports: mpsc::Sender<ProbeReport>,
    turns: Arc<Semaphore>,
    /// Owns the tasks: dropping it ends them.
    tasks: JoinSet<()>,
    /// By the backend that they began with, or that has outlasted it.
    running: HashMap<BackendId, Running>,
}

struct Running {
    target: watch::Sender<Target>,
    task: AbortHandle,
}

impl Probes {
    /// Starts, retunes and ends probes as the plan wants them.
    fn follow(&mut self, plan: &Plan, tls: &tls::Published) {
        let mut before = std::mem::take(&mut self.running);
        let members = |running: &Running| running.target.borrow().members.iter().map(|m| m.backend).collect::<Vec<_>>();
        let known: HashSet<BackendId> = before.values().flat_map(members).collect();
        for target in targets(plan, tls) {
            // A probe that several backends share goes on as long as one of them had it to itself.
            let ids = || target.members.iter().map(|member| member.backend);
            let id = ids().find(|id| before.contains_key(id)).unwrap_or(target.members[0].backend);
            let running = if let Some(running) = before.remove(&id) {
                running.target.send_if_modified(|current| {
                    let changed = *current != target;
                    if changed {
                        *current = target;
                    }
                    changed
                });
                running
            } else {
                let is_known = ids().any(|id| known.contains(&id));
                self.start(id, target, is_known)
            };
            self.running.insert(id, running);
        }
        for gone in before.into_values() {
            gone.task.abort();
        }
    }

    fn start(&mut self, id: BackendId, target: Target, is_known: bool) -> Running {
        let (sender, receiver) = watch::channel(target);
        let probe = Probe::new(receiver, (self.seed, id), Arc::clone(&self.turns), self.reports.clone());
        Running { target: sender, task: self.tasks.spawn(probe.run(is_known)) }
    }
}
