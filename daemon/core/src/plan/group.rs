//! Compiling groups: who is eligible, with which weight, and what stays shared.
//!
//! Effective weight lives here; who is used is decided by `health::policy`. A backend or a group of which nothing
//! changed is the very one of the plan before; [`compile`](super::compile()) calls this.

use std::collections::HashMap;
use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::Arc;

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Backend, BackendProtocol, CheckProtocol, Group, Scheduler};
use poise_ipc::status::Health;
use poise_ipc::{BackendPath, Name};

use super::{BackendId, BackendPlan, Compile, GroupPlan, Plan, Target, TlsStamp};
use crate::health::Standing;
use crate::health::policy::{self, Member, Outlook, Policy, Use};
use crate::live::{BackendLive, GroupLive};
use crate::queue::Queue;
use crate::ramp::RAMP_PERMILLE_FULL;
use crate::schedule::{Contender, Entrant, Loads, Rendezvous, Shares, Walk};

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
    ramp_permille: Option<u16>,
    standing: Standing,
    /// Why it is used, by the policy of its group.
    used: Use,
    protocol: BackendProtocol,
    tls: Option<TlsStamp>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(input: &'a Compile<'a>, previous: Option<&'a Plan>) -> Self {
        let ids = input.identities.backends.iter().peekable();
        Self { input, previous, rest: input.config.groups.iter(), ids }
    }

    /// The backends of a group with identity and health, by name.
    fn known(&mut self, group_name: &Name, group: &'a Group) -> Vec<Known<'a>> {
        let mut known = Vec::with_capacity(group.backends.len());
        let tls = self.input.tls.get(group_name).copied();
        for (name, backend) in &group.backends {
            let wanted = (group_name, name);
            while self.ids.next_if(|(path, _)| (&path.group, &path.backend) < wanted).is_some() {}
            let Some((_, &id)) = self.ids.next_if(|(path, _)| (&path.group, &path.backend) == wanted) else { continue };
            let standing = standing_of(group, id, self.input.standings);
            let target = Target::of(&backend.address, self.input.resolved.get(&id).copied());
            let ramp_permille = self.input.ramps.get(&id).copied();
            let protocol = group.backend_protocol;
            let used = Use::Not;
            known.push(Known { id, name, backend, target, ramp_permille, standing, used, protocol, tls });
        }
        known
    }
}

impl Iterator for Groups<'_> {
    type Item = Arc<GroupPlan>;

    fn next(&mut self) -> Option<Arc<GroupPlan>> {
        let (name, group) = self.rest.next()?;
        let mut known = self.known(name, group);
        let before = self.previous.and_then(|plan| plan.group(name).or_else(|| plan.group_of(known.first()?.id)));
        let outlook = judge(group, &mut known, before.map_or(&[], |before| &before.good));
        match before {
            Some(before) if before.name == *name && before.is(group, &outlook, &known) => Some(Arc::clone(before)),
            _ => Some(Arc::new(GroupPlan::new((name, group), &outlook, &known, (before, self.input.workers)))),
        }
    }
}

/// Whether the operator wants a backend to take new work.
pub(crate) fn takes_new(backend: &Backend) -> bool {
    backend.state == AdminState::Enabled && backend.weight > 0
}

/// What is known of a backend: without probes it counts as up.
pub(crate) fn standing_of(group: &Group, id: BackendId, standings: &HashMap<BackendId, Standing>) -> Standing {
    let known = standings.get(&id).copied().unwrap_or_default();
    match group.health_check.protocol {
        CheckProtocol::Off => Standing { health: Health::Up, ..known },
        _ => known,
    }
}

/// What comes of the policy of a group; says of each backend why it is used.
fn judge(group: &Group, known: &mut [Known<'_>], good: &[BackendId]) -> Outlook {
    let member = |known: &Known<'_>| Member {
        takes_new: known.takes_new(),
        backup: known.backend.backup,
        reachable: known.target != Target::Unresolved,
        standing: known.standing,
        was_good: good.binary_search(&known.id).is_ok(),
    };
    let members: Vec<_> = known.iter().map(member).collect();
    let policy = Policy { fail_open: group.fail_open, min_usable: group.min_usable };
    let outlook = policy::decide(policy, &members);
    known.iter_mut().zip(&outlook.uses).for_each(|(known, used)| known.used = *used);
    outlook
}

/// Those that are usable while there are enough of them; otherwise those of before.
fn good(outlook: &Outlook, known: &[Known<'_>], before: Option<&Arc<GroupPlan>>) -> Arc<[BackendId]> {
    if !outlook.enough {
        return before.map_or_else(Arc::default, |before| Arc::clone(&before.good));
    }
    let usable = known.iter().filter(|known| known.takes_new() && !known.backend.backup && known.used != Use::Not);
    let mut good: Vec<_> = usable.map(|known| known.id).collect();
    good.sort_unstable();
    match before {
        Some(before) if *before.good == *good => Arc::clone(&before.good),
        _ => good.into(),
    }
}

impl Known<'_> {
    fn takes_new(&self) -> bool {
        takes_new(self.backend)
    }

    /// Whether work may go to it at all, whatever the operator wants of it.
    fn usable(&self, on_backups: bool) -> bool {
        self.used != Use::Not && (!self.backend.backup || on_backups)
    }

    /// What it weighs now, in thousandths.
    fn weight_permille(&self, on_backups: bool) -> u32 {
        let serves = self.usable(on_backups) && self.takes_new() && self.backend.backup == on_backups;
        let permille = self.ramp_permille.unwrap_or(RAMP_PERMILLE_FULL);
        if serves { u32::from(self.backend.weight) * u32::from(permille) } else { 0 }
    }

    fn accepts_pinned(&self, on_backups: bool) -> bool {
        self.usable(on_backups) && matches!(self.backend.state, AdminState::Enabled | AdminState::Draining)
    }

    fn compile(
        &self,
        on_backups: bool,
        before: Option<&Arc<BackendPlan>>,
        (workers, queue): (usize, &Arc<Queue>),
    ) -> Arc<BackendPlan> {
        if let Some(before) = before.filter(|before| before.is(self, on_backups)) {
            return Arc::clone(before);
        }
        Arc::new(BackendPlan {
            id: self.id,
            name: self.name.clone(),
            settings: self.backend.clone(),
            target: self.target.clone(),
            effective_weight: self.weight_permille(on_backups).div_ceil(RAMP_PERMILLE_FULL.into()),
            weight_permille: self.weight_permille(on_backups),
            ramp_permille: self.ramp_permille,
            accepts_pinned: self.accepts_pinned(on_backups),
            standing: self.standing,
            used: self.used,
            protocol: self.protocol,
            tls: self.tls,
            live: before.map_or_else(|| Arc::new(BackendLive::new(workers, queue)), |before| Arc::clone(&before.live)),
        })
    }
}

impl GroupPlan {
    fn new(
        (name, group): (&Name, &Group),
        outlook: &Outlook,
        known: &[Known<'_>],
        (before, workers): (Option<&Arc<Self>>, usize),
    ) -> Self {
        let before_of = |known: &Known<'_>| before.and_then(|group| group.backend(known.id));
        let queue = before.map_or_else(Arc::default, |before| Arc::clone(&before.queue));
        let compile = |known: &Known<'_>| known.compile(outlook.on_backups, before_of(known), (workers, &queue));
        let backends: Vec<_> = known.iter().map(compile).collect();
        let weights = backends.iter().map(|backend| weight(group.scheduler, backend));
        let shares = Shares::new(weights.clone());
        // Elsewhere there is no sequence: nobody takes part in the walk, which then only keeps the phase.
        let walks = u32::from(matches!(group.scheduler, Scheduler::Rr | Scheduler::Wrr));
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
            on_backups: outlook.on_backups,
            good: good(outlook, known, before),
            rendezvous: rendezvous(group.scheduler, &backends, before.and_then(|before| before.rendezvous.as_ref())),
            loads: Loads::new(&backends),
            backends,
            by_id: by_id.into(),
            none: outlook.none,
            shares,
            walk,
            turn: before.map_or_else(Arc::default, |before| Arc::clone(&before.turn)),
            queue,
            live: before.map_or_else(|| Arc::new(GroupLive::new(workers)), |before| Arc::clone(&before.live)),
        }
    }

    /// The group of a listener that has none: it has no backend, and what comes to it has no route.
    pub(super) fn nobody(listener: &Name) -> Self {
        let outlook = Outlook { none: Cause::NoRoute, ..policy::decide(Policy::default(), &[]) };
        Self::new((listener, &Group::default()), &outlook, &[], (None, 0))
    }

    /// Whether compiling would give the same again.
    fn is(&self, group: &Group, outlook: &Outlook, known: &[Known<'_>]) -> bool {
        self.settings == group.bare()
            && self.failing_open == outlook.failing_open
            && self.on_backups == outlook.on_backups
            && self.none == outlook.none
            && self.backends.len() == known.len()
            && self.backends.iter().zip(known).all(|(backend, known)| backend.is(known, outlook.on_backups))
    }
}

/// What a backend weighs to the scheduler.
fn weight(scheduler: Scheduler, backend: &BackendPlan) -> u32 {
    match scheduler {
        Scheduler::Rr => backend.weight_permille.min(1),
        Scheduler::Wrr | Scheduler::Wlc | Scheduler::Hash | Scheduler::P2c => backend.weight_permille,
    }
}

/// The order of `hash`, which goes by the configured weights of those that take new work.
fn rendezvous(
    scheduler: Scheduler,
    backends: &[Arc<BackendPlan>],
    before: Option<&Arc<Rendezvous>>,
) -> Option<Arc<Rendezvous>> {
    if scheduler != Scheduler::Hash {
        return None;
    }
    let eligible = (0..=u16::MAX).zip(backends).filter(|(_, backend)| backend.weight_permille > 0);
    let contenders = eligible.map(|(at, b)| Contender::new(b.name.as_str(), b.settings.weight, at));
    let contenders: Vec<_> = contenders.collect();
    match before {
        Some(before) if before.fits(&contenders) => Some(Arc::clone(before)),
        _ => Some(Arc::new(Rendezvous::new(contenders, before.map(|before| &**before)))),
    }
}

impl BackendPlan {
    /// Whether compiling would give the same again.
    fn is(&self, known: &Known<'_>, on_backups: bool) -> bool {
        self.id == known.id
            && self.name == *known.name
            && self.settings == *known.backend
            && self.target == known.target
            && self.weight_permille == known.weight_permille(on_backups)
            && self.ramp_permille == known.ramp_permille
            && self.accepts_pinned == known.accepts_pinned(on_backups)
            && self.standing == known.standing
            && self.used == known.used
            && self.protocol == known.protocol
            && self.tls == known.tls
    }
}
