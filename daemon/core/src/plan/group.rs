//! Compiling groups: who is eligible, with which weight, and what stays shared.
//!
//! The policy of effective weight and fail-open lives here. A backend or a group of which nothing
//! changed is the very one of the plan before; [`compile`](super::compile()) calls this.

use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::Arc;

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Backend, CheckProtocol, FailOpen, Group, Scheduler};
use poise_ipc::status::Health;
use poise_ipc::{BackendPath, Name};

use super::{BackendId, BackendPlan, Compile, GroupPlan, Plan, Target};
use crate::live::BackendLive;
use crate::schedule::{Entrant, Shares, Walk};

/// The whole weight, in thousandths.
const FULL_PERMILLE: u16 = 1_000;

/// The groups of a configuration, compiled one by one in the order of their names.
pub(super) struct Groups<'a> {
    input: &'a Compile<'a>,
    previous: Option<&'a Plan>,
    rest: btree_map::Iter<'a, Name, Group>,
    /// In the same order as groups and backends, so one pass finds them all without a search.
    ids: Peekable<btree_map::Iter<'a, BackendPath, BackendId>>,
}

/// A backend of the configuration with what is known of it.
struct Known<'a> {
    id: BackendId,
    name: &'a Name,
    backend: &'a Backend,
    target: Target,
    ramp_permille: u16,
    health: Health,
}

/// What the backends of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outlook {
    /// Backends are used although all are down.
    failing_open: bool,
    /// What to say when nobody is eligible.
    none: Cause,
}

impl<'a> Groups<'a> {
    pub(super) fn new(input: &'a Compile<'a>, previous: Option<&'a Plan>) -> Self {
        let ids = input.identities.backends.iter().peekable();
        Self { input, previous, rest: input.config.groups.iter(), ids }
    }

    /// The backends of a group with identity and health, by name.
    fn known(&mut self, group_name: &Name, group: &'a Group) -> Vec<Known<'a>> {
        let mut known = Vec::with_capacity(group.backends.len());
        for (name, backend) in &group.backends {
            let wanted = (group_name, name);
            while self.ids.next_if(|(path, _)| (&path.group, &path.backend) < wanted).is_some() {}
            let Some((_, &id)) = self.ids.next_if(|(path, _)| (&path.group, &path.backend) == wanted) else { continue };
            let health = match group.health_check.protocol {
                CheckProtocol::Off => Health::Up,
                CheckProtocol::Tcp | CheckProtocol::Http | CheckProtocol::Udp => {
                    self.input.health.get(&id).copied().unwrap_or_default()
                }
            };
            let target = Target::of(&backend.address, self.input.resolved.get(&id).copied());
            let ramp_permille = self.input.ramps.get(&id).copied().unwrap_or(FULL_PERMILLE);
            known.push(Known { id, name, backend, target, ramp_permille, health });
        }
        known
    }
}

impl Iterator for Groups<'_> {
    type Item = Arc<GroupPlan>;

    fn next(&mut self) -> Option<Arc<GroupPlan>> {
        let (name, group) = self.rest.next()?;
        let before = self.previous.and_then(|plan| plan.group(name));
        let known = self.known(name, group);
        let outlook = Outlook::of(group.fail_open, &known);
        match before {
            Some(before) if before.is(group, outlook, &known) => Some(Arc::clone(before)),
            _ => Some(Arc::new(GroupPlan::new((name, group), outlook, &known, (before, self.input.workers)))),
        }
    }
}

impl Outlook {
    fn of(policy: FailOpen, known: &[Known<'_>]) -> Self {
        let mut candidates = known.iter().filter(|known| known.takes_new()).peekable();
        let none = if candidates.peek().is_some() { Cause::AllDown } else { Cause::NoBackend };
        let dead = none == Cause::AllDown && candidates.all(|known| known.health == Health::Down);
        Self { failing_open: dead && policy == FailOpen::AllDown, none }
    }
}

impl Known<'_> {
    /// Whether the operator wants it to take new work.
    fn takes_new(&self) -> bool {
        self.backend.state == AdminState::Enabled && self.backend.weight > 0
    }

    fn usable(&self, outlook: Outlook) -> bool {
        (self.health != Health::Down || outlook.failing_open) && self.target != Target::Unresolved
    }

    fn effective_weight(&self, outlook: Outlook) -> u32 {
        if !self.usable(outlook) || !self.takes_new() {
            return 0;
        }
        let ramped = u32::from(self.backend.weight) * u32::from(self.ramp_permille) / u32::from(FULL_PERMILLE);
        ramped.max(1)
    }

    fn accepts_pinned(&self, outlook: Outlook) -> bool {
        self.usable(outlook) && matches!(self.backend.state, AdminState::Enabled | AdminState::Draining)
    }

    fn compile(&self, outlook: Outlook, before: Option<&Arc<BackendPlan>>, workers: usize) -> Arc<BackendPlan> {
        if let Some(before) = before.filter(|before| before.is(self, outlook)) {
            return Arc::clone(before);
        }
        Arc::new(BackendPlan {
            id: self.id,
            name: self.name.clone(),
            settings: self.backend.clone(),
            target: self.target.clone(),
            effective_weight: self.effective_weight(outlook),
            accepts_pinned: self.accepts_pinned(outlook),
            health: self.health,
            live: before.map_or_else(|| Arc::new(BackendLive::new(workers)), |before| Arc::clone(&before.live)),
        })
    }
}

impl GroupPlan {
    fn new(
        (name, group): (&Name, &Group),
        outlook: Outlook,
        known: &[Known<'_>],
        (before, workers): (Option<&Arc<Self>>, usize),
    ) -> Self {
        let before_of = |known: &Known<'_>| before.and_then(|group| group.backend(known.id));
        let backends: Vec<_> = known.iter().map(|known| known.compile(outlook, before_of(known), workers)).collect();
        let weights = backends.iter().map(|backend| weight(group.scheduler, backend));
        let shares = Shares::new(weights.clone());
        // By load there is no sequence: nobody takes part in the walk, which then only keeps the phase.
        let walks = u32::from(matches!(group.scheduler, Scheduler::Rr | Scheduler::Wrr | Scheduler::Hash));
        let entrants: Vec<_> =
            backends.iter().zip(weights).map(|(b, weight)| Entrant { id: b.id, weight: weight * walks }).collect();
        let walk = match before {
            Some(before) if before.walk.fits(&entrants) => Arc::clone(&before.walk),
            _ => Arc::new(Walk::new(entrants, before.map(|before| &*before.walk))),
        };
        let mut by_id: Vec<_> = backends.iter().map(|backend| backend.id).zip(0..=u16::MAX).collect();
        by_id.sort_unstable();
        Self {
            name: name.clone(),
            settings: group.bare(),
            failing_open: outlook.failing_open,
            backends,
            by_id: by_id.into(),
            none: outlook.none,
            shares,
            walk,
            turn: before.map_or_else(Arc::default, |before| Arc::clone(&before.turn)),
        }
    }

    /// Whether compiling would give the same again.
    fn is(&self, group: &Group, outlook: Outlook, known: &[Known<'_>]) -> bool {
        self.settings == group.bare()
            && self.failing_open == outlook.failing_open
            && self.none == outlook.none
            && self.backends.len() == known.len()
            && self.backends.iter().zip(known).all(|(backend, known)| backend.is(known, outlook))
    }
}

/// What a backend weighs to the scheduler.
fn weight(scheduler: Scheduler, backend: &BackendPlan) -> u32 {
    match scheduler {
        Scheduler::Rr => backend.effective_weight.min(1),
        Scheduler::Wrr | Scheduler::Wlc | Scheduler::Hash | Scheduler::P2c => backend.effective_weight,
    }
}

impl BackendPlan {
    /// Whether compiling would give the same again.
    fn is(&self, known: &Known<'_>, outlook: Outlook) -> bool {
        self.id == known.id
            && self.name == *known.name
            && self.settings == *known.backend
            && self.target == known.target
            && self.effective_weight == known.effective_weight(outlook)
            && self.accepts_pinned == known.accepts_pinned(outlook)
            && self.health == known.health
    }
}
