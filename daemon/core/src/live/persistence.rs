//! What one worker counts of cookie persistence: requests by verdict, clients moved, cookies set.
//!
//! Field meanings are those of [`PersistenceCounters`]. Written by the data path, summed for control.

use poise_ipc::persistence::{PersistenceCounters, PersistenceVerdict};

use super::Cell;

/// The counters of one worker.
#[derive(Debug, Default)]
pub struct PersistenceCells {
    verdicts: [Cell; PersistenceVerdict::ALL.len()],
    /// Clients that moved after their request was judged: the backend could not be reached.
    moved_late: Cell,
    set: Cell,
    too_long: Cell,
}

impl PersistenceCells {
    /// Counts what was said of a request.
    #[inline]
    pub fn judged(&self, verdict: PersistenceVerdict) {
        self.verdicts[verdict as usize].add(1);
    }

    /// Counts a client that moves although its backend counted as usable.
    pub fn moved(&self) {
        self.moved_late.add(1);
    }

    /// Counts a cookie that was set.
    pub fn set(&self) {
        self.set.add(1);
    }

    /// Counts a cookie of a backend that was left as it is for its length.
    pub fn too_long(&self) {
        self.too_long.add(1);
    }

    /// Raises the counts to what is known to have been reached.
    pub(super) fn raise(&self, to: &PersistenceCounters) {
        let of = |verdict: PersistenceVerdict| &self.verdicts[verdict as usize];
        of(PersistenceVerdict::New).raise(to.new_total);
        of(PersistenceVerdict::Kept).raise(to.kept_total);
        of(PersistenceVerdict::IdleExpired).raise(to.idle_expired_total);
        of(PersistenceVerdict::LifeExpired).raise(to.life_expired_total);
        of(PersistenceVerdict::Unknown).raise(to.unknown_total);
        of(PersistenceVerdict::Forged).raise(to.forged_total);
        of(PersistenceVerdict::Moved).raise(to.redispatched_total);
        of(PersistenceVerdict::Refused).raise(to.refused_total);
        self.set.raise(to.set_total);
        self.too_long.raise(to.too_long_total);
    }

    /// The sums over workers.
    pub fn totals<'c>(workers: &(impl Iterator<Item = &'c Self> + Clone)) -> PersistenceCounters {
        let sum = |cell: fn(&Self) -> &Cell| workers.clone().map(|w| cell(w).get()).sum::<u64>();
        let of = |verdict: PersistenceVerdict| workers.clone().map(|w| w.verdicts[verdict as usize].get()).sum::<u64>();
        PersistenceCounters {
            new_total: of(PersistenceVerdict::New),
            kept_total: of(PersistenceVerdict::Kept),
            idle_expired_total: of(PersistenceVerdict::IdleExpired),
            life_expired_total: of(PersistenceVerdict::LifeExpired),
            unknown_total: of(PersistenceVerdict::Unknown),
            forged_total: of(PersistenceVerdict::Forged),
            redispatched_total: of(PersistenceVerdict::Moved) + sum(|w| &w.moved_late),
            refused_total: of(PersistenceVerdict::Refused),
            set_total: sum(|w| &w.set),
            too_long_total: sum(|w| &w.too_long),
        }
    }
}
