//! Forecasts: what traffic would be under another plan, told from the two plans and what was seen last.
//!
//! Pure: the plan that might be is compiled by the caller from what is known now. Shares come from the
//! weights that schedulers use; where persistence decides, work that was pinned stays where it is as long
//! as its backend takes pinned clients, and the rest goes by weight.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::message::{BackendForecast, Fate, GroupForecast, GroupOutlook, ListenerChange, ListenerForecast};
use poise_ipc::model::AdminState;

use crate::persistence::may_return;
use crate::plan::{BackendId, BackendPlan, GroupPlan, ListenerPlan, Plan};

#[cfg(test)]
mod tests;

/// Shares are reckoned in millionths and told in thousandths.
const WHOLE: u64 = 1_000_000;

/// The work that was seen lately, by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub HashMap<Name, SeenGroup>);

/// The work of a group that was seen lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenGroup {
    /// By backend: work that it got, and how much of that persistence decided.
    pub picks: HashMap<BackendId, (u64, u64)>,
    /// The time in which it came, in milliseconds.
    pub span_ms: u64,
    /// How much of the very last work persistence did not decide, and of how much.
    pub anew: (u64, u64),
}

impl SeenGroup {
    fn of(&self, id: BackendId) -> (u64, u64) {
        self.picks.get(&id).copied().unwrap_or_default()
    }

    /// How much of the work to come persistence decides, in millionths.
    fn pinned(&self) -> u64 {
        let (anew, work) = self.anew;
        (anew.min(work) * WHOLE).checked_div(work).map_or(0, |anew| WHOLE - anew)
    }
}

/// The clients that source persistence binds to a backend.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    entries: u64,
    moving_anyway: u64,
    moving: u64,
    refused: u64,
}

/// What would become of groups and listeners if `after` followed `before`; those that are the same in both
/// are left out. `now_ms` as persistence tables have it.
pub fn forecast(before: &Plan, after: &Plan, seen: &Seen, now_ms: u64) -> (Vec<GroupForecast>, Vec<ListenerForecast>) {
    let (bound, forgotten) = entries(before, after, now_ms);
    let (refusing, nothing) = (refusing(after), SeenGroup::default());
    let names: BTreeSet<&Name> = before.groups.iter().chain(&after.groups).map(|group| &group.name).collect();
    let groups = names.into_iter().filter_map(|name| {
        let (was, will) = (before.group(name), after.group(name));
        let same = was.zip(will).is_some_and(|(was, will)| Arc::ptr_eq(was, will));
        let told = Sides { was, will, seen: seen.0.get(name).unwrap_or(&nothing), refuses: refusing.contains(name) }
            .tell(name, &bound);
        (!same || told.backends.iter().any(|backend| backend.moved() > 0)).then_some(told)
    });
    (groups.collect(), listeners(before, after, &forgotten, now_ms))
}

/// What is bound to each backend and would move, and how many clients each listener would forget.
fn entries(
    before: &Plan,
    after: &Plan,
    now_ms: u64,
) -> (HashMap<BackendId, Bound>, HashMap<crate::plan::ListenerId, u64>) {
    let (mut bound, mut forgotten) = (HashMap::<_, Bound>::new(), HashMap::new());
    for (id, listener) in &before.listeners {
        let Some(table) = listener.source_table() else { continue };
        let held = table.held(now_ms);
        let will = after.listeners.get(id).and_then(|will| Some((will, will.source_table()?)));
        let lost = match will {
            None => held.values().sum(),
            Some((_, kept)) => held.values().sum::<u64>().saturating_sub(kept.held(now_ms).values().sum()),
        };
        forgotten.insert(*id, lost);
        for (backend, count) in held {
            let one = bound.entry(backend).or_default();
            one.entries += count;
            let Some((will, kept)) = will else { continue };
            // A longer prefix no longer knows them: then they are forgotten, not moved.
            let count = count.min(kept.held(now_ms).get(&backend).copied().unwrap_or_default());
            if listener.leaves(backend) == Leaves::Moves {
                one.moving_anyway += count;
            }
            match will.leaves(backend) {
                Leaves::Stays => {}
                Leaves::Moves => one.moving += count,
                Leaves::Refused => one.refused += count,
            }
        }
    }
    (bound, forgotten)
}

/// Groups whose pinned clients are refused where their backend cannot be used.
fn refusing(plan: &Plan) -> HashSet<&Name> {
    let binding = plan.listeners.values().filter(|listener| listener.source_table().is_some() && listener.binds());
    binding.map(|listener| &listener.group.name).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Stays,
    Moves,
    Refused,
}

impl ListenerPlan {
    /// What becomes of a client that is bound to a backend.
    fn leaves(&self, backend: BackendId) -> Leaves {
        match self.group.backend(backend) {
            Some(known) if known.will_take_pinned() => Leaves::Stays,
            Some(known) if self.binds() && may_return(&self.group, known) => Leaves::Refused,
            _ => Leaves::Moves,
        }
    }
}

impl BackendPlan {
    /// Whether pinned clients may come once the plan is in force: a drain that has cut what was open ends
    /// with the state of draining.
    fn will_take_pinned(&self) -> bool {
        self.accepts_pinned && !(self.state().is_draining() && (self.live.leaving().is_cut() || self.cuts_at_once()))
    }

    fn cuts_at_once(&self) -> bool {
        self.settings.drain.timeout_ms == 0 && self.settings.drain.then.cuts()
    }

    /// What becomes of what is open at it when another plan follows.
    fn fate(&self, after: Option<&Arc<Self>>) -> Fate {
        let Some(after) = after else { return Fate::Outlives };
        let (was, will) = (self.state(), after.state());
        if will.is_draining() && !was.is_draining() {
            let drain = after.settings.drain;
            return Fate::Drains { within_ms: drain.timeout_ms, then: drain.then };
        }
        let is_disabled = will == AdminState::Disabled && was != AdminState::Disabled;
        if is_disabled || self.target != after.target { Fate::Outlives } else { Fate::Stays }
    }
}

/// A group in both plans.
struct Sides<'a> {
    was: Option<&'a Arc<GroupPlan>>,
    will: Option<&'a Arc<GroupPlan>>,
    seen: &'a SeenGroup,
    refuses: bool,
}

impl Sides<'_> {
    fn tell(&self, name: &Name, bound: &HashMap<BackendId, Bound>) -> GroupForecast {
        let of = |group: Option<&Arc<GroupPlan>>, id| group.and_then(|group| group.backend(id)).map(Arc::clone);
        let ids: Vec<BackendId> = self.was.iter().flat_map(|group| &group.backends).map(|backend| backend.id).collect();
        let new = self.will.iter().flat_map(|group| &group.backends).map(|backend| backend.id);
        let new: Vec<BackendId> = new.filter(|id| !ids.contains(id)).collect();
        let seen = ids.iter().map(|&id| self.seen.of(id).0).sum();
        let (was, will) = (self.shares(self.was, &ids), self.shares(self.will, &ids));
        let backends = ids.iter().chain(&new).map(|&id| {
            let (before, after) = (of(self.was, id), of(self.will, id));
            let known = after.as_ref().or(before.as_ref()).expect("an identity of one of the two");
            let Bound { entries, moving_anyway, moving, refused } = bound.get(&id).copied().unwrap_or_default();
            BackendForecast {
                backend: known.name.clone(),
                before_permille: before.as_ref().and_then(|_| was.get(&id).copied()),
                after_permille: after.as_ref().and_then(|_| will.get(&id).copied()),
                entries,
                moving_anyway,
                moving,
                refused,
                open: before.as_ref().map_or(0, |before| open(before)),
                fate: before.as_ref().map(|before| before.fate(after.as_ref())).unwrap_or_default(),
            }
        });
        let mut backends: Vec<BackendForecast> = backends.collect();
        backends.sort_by(|one, other| one.backend.cmp(&other.backend));
        GroupForecast {
            group: name.clone(),
            before: self.was.map(|group| group.outlook()),
            after: self.will.map(|group| group.outlook()),
            seen,
            seen_ms: self.seen.span_ms,
            pinned_permille: permille(self.seen.pinned()),
            backends,
        }
    }

    /// The shares that work takes in a plan, in thousandths; empty where nobody takes any.
    fn shares(&self, group: Option<&Arc<GroupPlan>>, ids: &[BackendId]) -> HashMap<BackendId, u16> {
        let Some(group) = group else { return HashMap::new() };
        let weights: u64 = group.backends.iter().map(|backend| u64::from(backend.weight_permille)).sum();
        let (mut pinned, mut staying) = (0, HashMap::new());
        for &id in ids {
            let (_, bound) = self.seen.of(id);
            match group.backend(id) {
                Some(known) if known.will_take_pinned() => drop(staying.insert(id, bound)),
                // Whoever is refused is nobody's work.
                Some(known) if self.refuses && may_return(group, known) => continue,
                _ => {}
            }
            pinned += bound;
        }
        let stays: u64 = staying.values().sum();
        if weights == 0 {
            let share = |(id, bound): (_, u64)| (id, permille(bound * WHOLE / stays));
            return if stays == 0 { HashMap::new() } else { staying.into_iter().map(share).collect() };
        }
        // The work of clients that stay where they are; the rest goes by weight.
        let kept = (self.seen.pinned() * stays).checked_div(pinned).unwrap_or(0);
        let share = |backend: &Arc<BackendPlan>| {
            let bound = staying.get(&backend.id).copied().unwrap_or_default();
            let by_weight = u64::from(backend.weight_permille) * (WHOLE - kept) / weights;
            (backend.id, permille(bound * kept / stays.max(1) + by_weight))
        };
        group.backends.iter().map(share).collect()
    }
}

impl GroupPlan {
    fn outlook(&self) -> GroupOutlook {
        let takers = || self.backends.iter().filter(|backend| backend.weight_permille > 0);
        let room = |backend: &Arc<BackendPlan>| {
            let max = u64::from(backend.settings.max_connections?.0);
            Some(max.saturating_sub(backend.live.totals().inflight))
        };
        GroupOutlook {
            scheduler: self.scheduler(),
            takers: u32::try_from(takers().count()).unwrap_or(u32::MAX),
            backends: u32::try_from(self.backends.len()).unwrap_or(u32::MAX),
            failing_open: self.failing_open,
            on_backups: self.on_backups,
            room: takers().map(room).sum(),
        }
    }
}

fn listeners(
    before: &Plan,
    after: &Plan,
    forgotten: &HashMap<crate::plan::ListenerId, u64>,
    now_ms: u64,
) -> Vec<ListenerForecast> {
    let mut told = Vec::new();
    for (id, was) in &before.listeners {
        let will = after.listeners.get(id);
        let forgotten = forgotten.get(id).copied().unwrap_or_default();
        let Some(change) = will.map_or(Some(ListenerChange::Removed), |will| was.change(will)) else { continue };
        told.push(ListenerForecast {
            listener: will.unwrap_or(was).name.clone(),
            change,
            open: was.live.open(),
            entries: was.source_table().map_or(0, |table| table.held(now_ms).values().sum()),
            forgotten,
        });
    }
    for (_, new) in after.listeners.iter().filter(|(id, _)| !before.listeners.contains_key(id)) {
        let (listener, change) = (new.name.clone(), ListenerChange::Added);
        told.push(ListenerForecast { listener, change, open: 0, entries: 0, forgotten: 0 });
    }
    told.sort_by(|one, other| one.listener.cmp(&other.listener));
    told
}

impl ListenerPlan {
    /// How it differs from what follows it; not at all where only its group does.
    fn change(&self, after: &Self) -> Option<ListenerChange> {
        let place = |one: &Self| (one.settings.bind.clone(), one.settings.dual_stack, one.protocol());
        if place(self) != place(after) {
            Some(ListenerChange::Moved)
        } else if self.settings.tls != after.settings.tls {
            Some(ListenerChange::Secured)
        } else if self.settings != after.settings {
            Some(ListenerChange::Set)
        } else {
            (self.name != after.name).then_some(ListenerChange::Renamed)
        }
    }
}

fn open(backend: &BackendPlan) -> u64 {
    let counters = backend.live.totals();
    counters.connections_open.max(counters.inflight)
}

fn permille(millionths: u64) -> u16 {
    u16::try_from((millionths + 500) / 1_000).unwrap_or(1_000)
}
