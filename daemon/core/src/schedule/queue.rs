//! The queue of jobs of a cycle: those that may run now by deadline, the others by release.
//!
//! Knows nothing of weights; the slots of a job are [`deadline`](super::deadline)'s to say.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A job in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    /// First slot in which it may run.
    pub(super) release: u64,
    /// Last slot in which it may run.
    pub(super) deadline: u64,
    /// Rank of the backend, below 65,536.
    pub(super) rank: usize,
}

/// Jobs that wait for their slot.
#[derive(Debug)]
pub(super) struct Queue<'t> {
    ties: &'t Ties,
    /// By deadline, then turn among equals, then rank: packed into one word, which compares fast.
    ready: BinaryHeap<Reverse<u64>>,
    waiting: BinaryHeap<Reverse<(u64, u64)>>,
}

impl<'t> Queue<'t> {
    /// An empty queue with this order among equal deadlines.
    pub(super) fn new(ties: &'t Ties) -> Self {
        Self { ties, ready: BinaryHeap::new(), waiting: BinaryHeap::new() }
    }

    /// Whether no job is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty()
    }

    /// Queues a job, before the slot after `slot` is served.
    pub(super) fn push(&mut self, slot: u64, job: Queued) {
        let key = job.deadline << 32 | self.ties.turn(job.rank) << 16 | job.rank as u64;
        if job.release <= slot + 1 {
            self.ready.push(Reverse(key));
        } else {
            self.waiting.push(Reverse((job.release, key)));
        }
    }

    /// The rank of the most urgent job that may run in `slot`, and whether that is within its
    /// window; the next to be released if none may run.
    pub(super) fn pop(&mut self, slot: u64) -> Option<(usize, bool)> {
        while let Some(&Reverse((_, key))) = self.waiting.peek().filter(|&&Reverse((release, _))| release <= slot) {
            self.waiting.pop();
            self.ready.push(Reverse(key));
        }
        let in_time = self.ready.pop().map(|Reverse(key)| (rank(key), slot <= key >> 32));
        in_time.or_else(|| self.waiting.pop().map(|Reverse((_, key))| (rank(key), false)))
    }
}

/// The rank in the lowest 16 bits of a key.
fn rank(key: u64) -> usize {
    let [low, high, ..] = key.to_le_bytes();
    usize::from(u16::from_le_bytes([low, high]))
}

/// Who goes first when deadlines are equal: a turn below 65,536 for every rank.
#[derive(Debug, Default)]
pub(super) struct Ties(Box<[u16]>);

impl Ties {
    /// The order in which the smallest of `keys` (by rank) goes first; equals go by rank.
    pub(super) fn by(keys: &[f64]) -> Self {
        let mut ranks: Vec<_> = (0..keys.len()).collect();
        ranks.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
        let mut turns = vec![0; keys.len()];
        for (turn, rank) in (0..=u16::MAX).zip(ranks) {
            turns[rank] = turn;
        }
        Self(turns.into())
    }

    fn turn(&self, rank: usize) -> u64 {
        self.0.get(rank).copied().map_or(0, u64::from)
    }
}
