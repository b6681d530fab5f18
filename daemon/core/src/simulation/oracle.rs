//! What must be true, said naively: shares in every window, and who may be used.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Config, FailOpen, FailOpenUse, FailOpenWhen, Scheduler};
use poise_ipc::status::Health;

use crate::plan::{BackendId, BackendPlan, GroupPlan};
use crate::simulation::name;

/// The picks of a group since a weight changed.
#[derive(Default)]
pub(super) struct Shares {
    weights: HashMap<BackendId, u32>,
    window: VecDeque<BackendId>,
    picks: usize,
}

impl Shares {
    /// Starts again if the plan's weights are other ones.
    pub(super) fn follow(&mut self, group: &GroupPlan) {
        let weight = |permille: u32| match group.scheduler() {
            Scheduler::Rr => permille.min(1),
            Scheduler::Wrr | Scheduler::Wlc | Scheduler::Hash | Scheduler::P2c => permille,
        };
        let unit = group.backends.iter().map(|backend| weight(backend.weight_permille)).fold(0, gcd).max(1);
        let backends = group.backends.iter().map(|backend| (backend.id, weight(backend.weight_permille) / unit));
        let weights: HashMap<_, _> = backends.collect();
        if weights != self.weights {
            *self = Self { weights, ..Self::default() };
        }
    }

    /// Takes a pick; within a window of the sum of the weights nobody may be off by more than one,
    /// and once a cycle has passed by nothing.
    pub(super) fn pick(&mut self, id: BackendId) {
        let cycle: u32 = self.weights.values().sum();
        let cycle = cycle as usize;
        self.picks += 1;
        self.window.push_back(id);
        if self.window.len() > cycle {
            self.window.pop_front();
        }
        if self.window.len() == cycle {
            let allowed = u32::from(self.picks < 2 * cycle);
            for (id, &weight) in &self.weights {
                let got = self.window.iter().filter(|&picked| picked == id).count();
                let got = u32::try_from(got).expect("windows are short");
                assert!(got.abs_diff(weight) <= allowed, "{id:?} got {got} of {weight} after {} picks", self.picks);
            }
        }
    }
}

/// Who of group `app` may take new work and why nobody may, from the configuration and health alone.
pub(super) fn eligible(config: &Config, group: &GroupPlan) -> Result<Vec<BackendId>, Cause> {
    let settings = &config.groups[&name("app")];
    let wanted = group.backends.iter().filter(|backend| {
        let backend = &settings.backends[&backend.name];
        backend.state == AdminState::Enabled && backend.weight > 0
    });
    let (backups, others): (Vec<_>, Vec<_>) = wanted.partition(|b| settings.backends[&b.name].backup);
    let all = |backends: &[&Arc<BackendPlan>]| backends.iter().map(|backend| backend.id).collect::<Vec<_>>();
    let fit = |backends: &[&Arc<BackendPlan>]| {
        let fit = |backend: &&&Arc<BackendPlan>| backend.standing.health != Health::Down && !backend.standing.is_out;
        backends.iter().filter(fit).map(|backend| backend.id).collect::<Vec<_>>()
    };
    let nobody = if others.is_empty() && backups.is_empty() { Cause::NoBackend } else { Cause::AllDown };
    let mut usable = fit(&others);
    // One by one the freshest failure comes back, until there are enough.
    let mut rest: Vec<_> = others.iter().filter(|backend| !usable.contains(&backend.id)).collect();
    rest.sort_by_key(|backend| backend.standing.unfit_since_ms);
    while usable.len() < settings.min_usable.of(others.len())
        && let Some(at) = freshest(&rest)
    {
        usable.push(rest.remove(at).id);
    }
    usable.sort_by_key(|id| others.iter().position(|backend| backend.id == *id));
    let FailOpen { when, below, using } = settings.fail_open;
    let spare = if usable.is_empty() { fit(&backups) } else { Vec::new() };
    let short = match when {
        FailOpenWhen::Never => false,
        FailOpenWhen::AllDown => usable.is_empty() && spare.is_empty(),
        FailOpenWhen::Below => spare.is_empty() && (usable.is_empty() || usable.len() < below.of(others.len())),
    };
    let used = match (short, using) {
        (true, FailOpenUse::Reject) => Vec::new(),
        (true, _) if others.is_empty() => all(&backups),
        (true, _) => all(&others),
        (false, _) if usable.is_empty() => spare,
        (false, _) => usable,
    };
    if used.is_empty() { Err(nobody) } else { Ok(used) }
}

/// The one that failed last; of several the first by name.
fn freshest(backends: &[&&Arc<BackendPlan>]) -> Option<usize> {
    let since = |at: usize| backends[at].standing.unfit_since_ms;
    (0..backends.len()).max_by(|&a, &b| since(a).cmp(&since(b)).then(backends[b].name.cmp(&backends[a].name)))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Health by looking back over all verdicts.
pub(super) fn health(verdicts: &[(bool, u16, u16)]) -> Health {
    let mut health = Health::Unknown;
    for end in 1..=verdicts.len() {
        let (passed, rise, fall) = verdicts[end - 1];
        let row = verdicts[..end].iter().rev().take_while(|&&(last, ..)| last == passed).count();
        health = match (health, passed) {
            (Health::Unknown, true) => Health::Up,
            (Health::Unknown, false) => Health::Down,
            (Health::Down, true) if row >= usize::from(rise) => Health::Up,
            (Health::Up, false) if row >= usize::from(fall) => Health::Down,
            (health, _) => health,
        };
    }
    health
}
