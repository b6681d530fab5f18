//! The books of balance: what came to every backend over the last hour, by the shares that were due then.
//!
//! Buckets of some seconds for ten minutes, of a minute for an hour; the oldest make room where there are many
//! backends. Idle groups take no room.

use std::collections::{HashMap, VecDeque};

use poise_core::balance::{Came, Ledger};
use poise_core::plan::{BackendId, GroupPlan, Plan};
use poise_ipc::{Config, Name};

/// Length of a fine bucket, in milliseconds, and how many are kept.
const FINE_MS: u64 = 5_000;
const FINE_MAX: usize = 120;
/// The same of coarse ones.
const COARSE_MS: u64 = 60_000;
const COARSE_MAX: usize = 60;
/// Entries of backends in all buckets together, some hundred bytes each.
const ENTRIES_MAX: usize = 200_000;

/// Names of backends that are gone, beyond which those are forgotten that had no work.
const NAMES_SPARE: usize = 64;

/// The books.
#[derive(Debug, Default)]
pub(super) struct Books {
    fine: Shelf,
    coarse: Shelf,
    /// What every backend had counted at the last look.
    last: HashMap<BackendId, Came>,
    /// Whose work is in the books, with the group.
    names: HashMap<BackendId, (Name, Name)>,
    is_begun: bool,
}

/// Buckets of one length, the newest last.
#[derive(Debug, Default)]
struct Shelf(VecDeque<Bucket>);

#[derive(Debug)]
struct Bucket {
    began_ms: u64,
    ended_ms: u64,
    ledger: Ledger,
}

impl Books {
    /// Books what came since the last look.
    pub(super) fn beat(&mut self, plan: &Plan, config: &Config, now_ms: u64) {
        let mut last = HashMap::with_capacity(self.last.len());
        let (mut ledger, is_begun) = (Ledger::default(), self.is_begun);
        for group in &plan.groups {
            let came: Vec<_> = group
                .backends
                .iter()
                .map(|backend| {
                    let now = counted(backend);
                    let before = self.last.get(&backend.id).copied();
                    last.insert(backend.id, now);
                    // What was counted before the first look came under shares that nobody knows.
                    before.or((!is_begun).then_some(now)).map_or(now, |before| since(now, before))
                })
                .collect();
            if came.iter().any(|one| one.picks > 0) {
                let own = group.backends.iter().map(|backend| (backend.id, (group.name.clone(), backend.name.clone())));
                self.names.extend(own);
            }
            ledger.book(group, &configured(config, group), &came);
        }
        (self.last, self.is_begun) = (last, true);
        for (shelf, length_ms, max) in [(&mut self.fine, FINE_MS, FINE_MAX), (&mut self.coarse, COARSE_MS, COARSE_MAX)]
        {
            shelf.take(&ledger, now_ms, length_ms, max);
        }
        while self.fine.entries() + self.coarse.entries() > ENTRIES_MAX && self.drop_oldest() {}
        // Now and then, since it looks at everything.
        if self.names.len() > 2 * self.last.len() + NAMES_SPARE {
            let (fine, coarse, last) = (&self.fine, &self.coarse, &self.last);
            self.names.retain(|id, _| last.contains_key(id) || fine.has(*id) || coarse.has(*id));
        }
    }

    fn drop_oldest(&mut self) -> bool {
        // The coarse ones reach further back, and are dropped first.
        let buckets = if self.coarse.0.len() > 1 { &mut self.coarse.0 } else { &mut self.fine.0 };
        buckets.len() > 1 && buckets.pop_front().is_some()
    }

    /// What was booked in the last so many milliseconds, and how many they are.
    pub(super) fn since(&self, window_ms: u64, now_ms: u64) -> (Ledger, u64) {
        let from_ms = now_ms.saturating_sub(window_ms);
        let reaches = |shelf: &Shelf| shelf.0.front().is_some_and(|oldest| oldest.began_ms <= from_ms);
        let is_fine =
            reaches(&self.fine) || !reaches(&self.coarse) && self.coarse.span(from_ms) <= self.fine.span(from_ms);
        let Shelf(buckets) = if is_fine { &self.fine } else { &self.coarse };
        let mut all = Ledger::default();
        let within = || buckets.iter().filter(|bucket| bucket.ended_ms > from_ms);
        within().for_each(|bucket| all.add(&bucket.ledger));
        let span_ms = within().next().map_or(0, |oldest| now_ms.saturating_sub(oldest.began_ms));
        (all, span_ms)
    }

    /// Backends of a group that are gone and are in a ledger, with their names.
    pub(super) fn gone(&self, group: &GroupPlan, ledger: &Ledger) -> Vec<(BackendId, Name)> {
        let is_gone =
            |id: BackendId| group.backends.iter().all(|backend| backend.id != id) && ledger.entry(id).is_some();
        let gone = self.names.iter().filter(|(id, (own, _))| *own == group.name && is_gone(**id));
        let mut gone: Vec<_> = gone.map(|(id, (_, name))| (*id, name.clone())).collect();
        gone.sort_by(|(_, a), (_, b)| a.cmp(b));
        gone
    }
}

impl Shelf {
    fn take(&mut self, more: &Ledger, now_ms: u64, length_ms: u64, max: usize) {
        let is_full = self.0.back().is_none_or(|bucket| now_ms >= bucket.began_ms + length_ms);
        if is_full {
            if self.0.len() == max {
                self.0.pop_front();
            }
            let began_ms = self.0.back().map_or(now_ms, |bucket| bucket.ended_ms);
            self.0.push_back(Bucket { began_ms, ended_ms: now_ms, ledger: Ledger::default() });
        }
        if let Some(bucket) = self.0.back_mut() {
            bucket.ended_ms = now_ms;
            bucket.ledger.add(more);
        }
    }

    fn entries(&self) -> usize {
        self.0.iter().map(|bucket| bucket.ledger.len()).sum()
    }

    fn has(&self, id: BackendId) -> bool {
        self.0.iter().any(|bucket| bucket.ledger.entry(id).is_some())
    }

    /// How much of the time since then it knows of.
    fn span(&self, from_ms: u64) -> u64 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return 0 };
        last.ended_ms.saturating_sub(first.began_ms.max(from_ms))
    }
}

fn counted(backend: &poise_core::plan::BackendPlan) -> Came {
    let (picks, pinned) = backend.live.picks();
    Came { picks, pinned, unreached: backend.live.unreached() }
}

fn since(now: Came, before: Came) -> Came {
    let picks = now.picks.saturating_sub(before.picks);
    Came {
        picks,
        pinned: now.pinned.saturating_sub(before.pinned).min(picks),
        unreached: now.unreached.saturating_sub(before.unreached),
    }
}

/// The configured weights of a group's backends, in their order.
pub(super) fn configured(config: &Config, group: &GroupPlan) -> Vec<u16> {
    let known = config.groups.get(&group.name);
    let weight = |backend: &Name| known.and_then(|group| Some(group.backends.get(backend)?.weight));
    group.backends.iter().map(|backend| weight(&backend.name).unwrap_or(backend.settings.weight)).collect()
}
