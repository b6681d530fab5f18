//! The order of picks: every backend's picks are spread over a cycle by release and deadline.
//!
//! A cycle has as many slots as the weights sum up to. Each backend has one job per unit of weight;
//! a job may run from its release slot to its deadline slot, and the earliest deadline goes first.
//! With the windows of Tijdeman (The chairman assignment problem, 1980) no backend is ever further
//! than 1 - 1/(2n-2) picks from its exact share, and a cycle ends with everybody's share exact.
//! Pure arithmetic: no atomics, no chunks; those are [`walk`](super::walk)'s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

    /// Positions (in the list of weights) of the entrants, by rank.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.entrants.iter().map(|entrant| usize::from(entrant.at))
    }

    /// First slot (from 1) in which job `job` (from 1) of a backend may run.
    fn release(&self, entrant: Ranked, job: u64) -> u64 {
        (((job - 1) * self.slack + 1) * self.slots).div_ceil(self.slack * entrant.weight)
    }

    /// Last slot in which job `job` of a backend may run.
    fn deadline(&self, entrant: Ranked, job: u64) -> u64 {
        ((job * self.slack - 1) * self.slots) / (self.slack * entrant.weight) + 1
    }

    /// The place after `slot` slots of a cycle, without walking there: jobs whose deadline is past
    /// are done, and of those that may be either as many as fit, the most urgent first.
    pub(super) fn place(&self, slot: u64) -> Place {
        let (scale, parts) = (self.slack * self.slots, |weight: u64| slot * weight * self.slack);
        let mut done = Vec::with_capacity(self.entrants.len());
        let mut either = Vec::new();
        for (rank, &entrant) in self.entrants.iter().enumerate() {
            let least = (parts(entrant.weight) + self.slots - 1) / scale;
            let most = ((parts(entrant.weight) + scale - self.slots) / scale).min(entrant.weight);
            if most > least {
                either.push((self.deadline(entrant, least + 1), rank));
            }
            done.push(narrow(least));
        }
        either.sort_unstable();
        let missing = slot - done.iter().map(|&n| u64::from(n)).sum::<u64>();
        for &(_, rank) in either.iter().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
            done[rank] += 1;
        }
        Place { slot, done: done.into() }
    }

    /// Walks on from `place`, adding `count` picks (positions in the list of weights) to `picks`.
    pub(super) fn walk(&self, place: &mut Place, count: usize, picks: &mut Vec<u16>) {
        let mut queue = Queue::default();
        for left in (0..count).rev() {
            if place.slot == self.slots {
                *place = Place { slot: 0, done: vec![0; self.entrants.len()].into() };
            }
            if queue.is_empty() {
                (0..self.entrants.len()).for_each(|rank| self.enqueue(&mut queue, place, rank));
            }
            place.slot += 1;
            let Some(rank) = queue.pop(place.slot) else { break };
            picks.push(self.entrants[rank].at);
            place.done[rank] += 1;
            if left > 0 {
                self.enqueue(&mut queue, place, rank);
            }
        }
    }

    /// Queues a backend's next job of this cycle, if it has one left.
    fn enqueue(&self, queue: &mut Queue, place: &Place, rank: usize) {
        let (entrant, job) = (self.entrants[rank], u64::from(place.done[rank]) + 1);
        if job <= entrant.weight {
            queue.push(place.slot, self.release(entrant, job), self.deadline(entrant, job), rank);
        }
    }
}

/// Jobs of a cycle: those that may run now by deadline, the others by release.
#[derive(Debug, Default)]
struct Queue {
    ready: BinaryHeap<Reverse<(u64, usize)>>,
    waiting: BinaryHeap<Reverse<(u64, u64, usize)>>,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty()
    }

    fn push(&mut self, slot: u64, release: u64, deadline: u64, rank: usize) {
        if release <= slot + 1 {
            self.ready.push(Reverse((deadline, rank)));
        } else {
            self.waiting.push(Reverse((release, deadline, rank)));
        }
    }

    /// The most urgent job that may run in `slot`.
    fn pop(&mut self, slot: u64) -> Option<usize> {
        while let Some(&Reverse((release, deadline, rank))) = self.waiting.peek() {
            if release > slot && !self.ready.is_empty() {
                break;
            }
            self.waiting.pop();
            self.ready.push(Reverse((deadline, rank)));
        }
        self.ready.pop().map(|Reverse((_, rank))| rank)
    }
}

/// A count of jobs is at most a weight, and those are `u32`.
fn narrow(jobs: u64) -> u32 {
    u32::try_from(jobs).expect("a backend has no more jobs than weight")
}

#[cfg(test)]
mod tests;
