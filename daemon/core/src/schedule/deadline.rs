//! The order of picks: every backend's picks are spread over a cycle by release and deadline.
//!
//! A cycle has as many slots as the weights sum up to. Each backend has one job per unit of weight;
//! a job may run from its release slot to its deadline slot, and the earliest deadline goes first.
//! With the windows of Tijdeman (The chairman assignment problem, 1980) no backend is ever further
//! than 1 - 1/(2n-2) picks from its exact share, and a cycle ends with everybody's share exact.
//! Pure arithmetic: no atomics, no chunks; those are [`walk`](super::walk)'s.

use std::cmp::Ordering;

use super::queue::{Queue, Queued, Ties};

/// The rule for one list of weights.
#[derive(Debug)]
pub(super) struct Rule {
    /// Weights above 0, lightest first; ties of deadlines go to the lighter, then to the earlier.
    entrants: Box<[Ranked]>,
    /// Slots of a cycle: the sum of the weights.
    slots: u64,
    /// 2n-2: a job may run this fraction of a pick before and after its ideal window's middle.
    slack: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ranked {
    weight: u64,
    /// Position in the list of weights.
    at: u16,
}

/// A place in a cycle: slots gone, and the jobs that each backend (by rank) has had in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: u64,
    pub(super) done: Box<[u32]>,
}

/// The next job of a backend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// Position of the backend in the list of weights.
    pub(super) at: usize,
    /// Number of the job in its cycle, from 1.
    pub(super) number: u64,
    /// Last slot in which it may run.
    pub(super) deadline: u64,
}

impl Rule {
    /// The rule for `weights`; those that are 0 take no part. At most 65,536 weights.
    pub(super) fn new(weights: &[u32]) -> Self {
        let mut entrants: Vec<_> = (0..=u16::MAX)
            .zip(weights)
            .filter(|&(_, &weight)| weight > 0)
            .map(|(at, &weight)| Ranked { weight: u64::from(weight), at })
            .collect();
        entrants.sort_by_key(|entrant| entrant.weight);
        let slots = entrants.iter().map(|entrant| entrant.weight).sum();
        let slack = (2 * entrants.len() as u64).saturating_sub(2).max(1);
        Self { entrants: entrants.into(), slots, slack }
    }

    /// Slots of a cycle; 0 without entrants.
    pub(super) fn slots(&self) -> u64 {
        self.slots
    }

    /// Of every entrant: its position in the list of weights, its weight, and its jobs done at `place`.
    pub(super) fn jobs(&self, place: &Place) -> impl Iterator<Item = (usize, u64, u32)> {
        self.entrants.iter().zip(&place.done).map(|(entrant, &done)| (usize::from(entrant.at), entrant.weight, done))
    }

    /// First slot (from 1) in which job `job` (from 1) of a backend may run.
    fn release(&self, entrant: Ranked, job: u64) -> u64 {
        (((job - 1) * self.slack + 1) * self.slots).div_ceil(self.slack * entrant.weight)
    }

    /// Last slot in which job `job` of a backend may run.
    fn deadline(&self, entrant: Ranked, job: u64) -> u64 {
        ((job * self.slack - 1) * self.slots) / (self.slack * entrant.weight) + 1
    }

    /// The order among equal deadlines in which the smallest `key` (of position) goes first.
    pub(super) fn ties(&self, key: impl Fn(usize) -> f64) -> Ties {
        let keys: Vec<_> = self.entrants.iter().map(|entrant| key(usize::from(entrant.at))).collect();
        Ties::by(&keys)
    }

    /// The fewest and the most jobs that a backend may have had after `slot` slots.
    fn range(&self, entrant: Ranked, slot: u64) -> (u64, u64) {
        let (ideal, scale) = (slot * entrant.weight * self.slack, self.slack * self.slots);
        let least = (ideal + self.slots - 1) / scale;
        let most = (ideal + scale - self.slots) / scale;
        (least, most.min(entrant.weight))
    }

    /// A place after `slot` slots of a cycle, without walking there: everybody has had the fewest
    /// jobs that its deadlines allow, and those that `urgency` puts first (the smallest)
    /// have had one more, as many as fit.
    pub(super) fn place<U: PartialOrd>(&self, slot: u64, urgency: impl Fn(Job) -> U) -> Place {
        let mut done = Vec::with_capacity(self.entrants.len());
        let mut either = Vec::new();
        for (rank, &entrant) in self.entrants.iter().enumerate() {
            let (least, most) = self.range(entrant, slot);
            if most > least {
                let (number, deadline) = (least + 1, self.deadline(entrant, least + 1));
                either.push((urgency(Job { at: usize::from(entrant.at), number, deadline }), rank));
            }
            done.push(narrow(least));
        }
        either.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        let missing = slot - done.iter().map(|&n| u64::from(n)).sum::<u64>();
        for &(_, rank) in either.iter().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
            done[rank] += 1;
        }
        Place { slot, done: done.into() }
    }

    /// The place that is sure to meet every deadline from there on: the most urgent have been served.
    pub(super) fn safe_place(&self, slot: u64) -> Place {
        self.place(slot, |job| job.deadline)
    }

    /// Walks on from `place`, adding `count` picks (positions in the list of weights) to `picks`.
    /// `ties` decides among equal deadlines. Returns whether all of them ran in their windows.
    pub(super) fn walk(&self, place: &mut Place, count: usize, picks: &mut Vec<u16>, ties: &Ties) -> bool {
        let mut queue = Queue::new(ties);
        let mut met = true;
        for left in (0..count).rev() {
            if place.slot == self.slots {
                *place = Place { slot: 0, done: vec![0; self.entrants.len()].into() };
            }
            if queue.is_empty() {
                (0..self.entrants.len()).for_each(|rank| self.enqueue(&mut queue, place, rank));
            }
            place.slot += 1;
            let Some((rank, in_time)) = queue.pop(place.slot) else { break };
            met &= in_time;
            picks.push(self.entrants[rank].at);
            place.done[rank] += 1;
            if left > 0 {
                self.enqueue(&mut queue, place, rank);
            }
        }
        met
    }

    /// Moves `place` on by picks that [`walk`](Self::walk) made from there.
    pub(super) fn advance(&self, place: &mut Place, picks: &[u16]) {
        let positions = self.entrants.iter().map(|entrant| usize::from(entrant.at) + 1).max().unwrap_or(0);
        let mut counts = vec![0_u64; positions];
        for &at in picks {
            counts[usize::from(at)] += 1;
        }
        let slot = place.slot + picks.len() as u64;
        // A cycle that ended has given everybody its weight.
        let ended = slot / self.slots.max(1);
        place.slot = slot - ended * self.slots;
        for (entrant, done) in self.entrants.iter().zip(&mut place.done) {
            let all = u64::from(*done) + counts[usize::from(entrant.at)];
            *done = narrow(all - ended * entrant.weight);
        }
    }

    /// Queues a backend's next job of this cycle, if it has one left.
    fn enqueue(&self, queue: &mut Queue<'_>, place: &Place, rank: usize) {
        let (entrant, job) = (self.entrants[rank], u64::from(place.done[rank]) + 1);
        if job <= entrant.weight {
            let (release, deadline) = (self.release(entrant, job), self.deadline(entrant, job));
            queue.push(place.slot, Queued { release, deadline, rank });
        }
    }
}

/// A count of jobs is at most a weight, and those are `u32`.
fn narrow(jobs: u64) -> u32 {
    u32::try_from(jobs).expect("a backend has no more jobs than weight")
}

#[cfg(test)]
mod tests;
