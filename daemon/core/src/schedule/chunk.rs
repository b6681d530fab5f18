//! Chunks: pieces of a group's sequence, made ahead and handed out pick by pick.
//!
//! Each chunk has its own cursor, so a worker that was held up between two instructions still gets
//! the pick it drew, and every pick is handed out exactly once. A cycle that fits into one chunk is
//! one endless chunk and nothing is ever made again. Which chunk is at the head is
//! [`walk`](super::walk)'s to keep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;

use super::deadline::{Place, Rule};
use super::queue::Ties;

/// Picks of a chunk: 8 KiB, made in a fraction of a millisecond even for 1,000 backends.
pub(super) const CHUNK_MAX: usize = 4_096;

/// A piece of the sequence.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Picks of the walk before this chunk.
    first: u64,
    /// Where in the rule's cycle it starts.
    start: Place,
    /// Positions in the list of entrants.
    picks: Box<[u16]>,
    /// A whole cycle that repeats for ever.
    endless: bool,
    cursor: CachePadded<AtomicU64>,
    next: OnceLock<Arc<Chunk>>,
}

impl Chunk {
    /// The chunk that starts at `start`, after `first` picks of the walk.
    pub(super) fn new(rule: &Rule, start: Place, first: u64, ties: &Ties) -> (Self, bool) {
        let short = rule.slots() <= CHUNK_MAX as u64;
        let slots = if short { usize::try_from(rule.slots() - start.slot).unwrap_or(CHUNK_MAX) } else { CHUNK_MAX };
        let mut picks = Vec::with_capacity(slots);
        let met = rule.walk(&mut start.clone(), slots, &mut picks, ties);
        let chunk = Self {
            first,
            endless: short && start.slot == 0,
            start,
            picks: picks.into(),
            cursor: CachePadded::default(),
            next: OnceLock::new(),
        };
        (chunk, met)
    }

    /// Where in the rule's cycle it starts.
    pub(super) fn start(&self) -> &Place {
        &self.start
    }

    /// The next pick, or `None` when all are handed out. Half-way the next chunk is made, by one
    /// worker and ahead of need, so that the others do not wait for it.
    #[inline]
    pub(super) fn take(&self, rule: &Rule) -> Option<u16> {
        let drawn = usize::try_from(self.cursor.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        if self.endless {
            return self.picks.get(drawn % self.picks.len().max(1)).copied();
        }
        if drawn == self.picks.len() / 2 {
            self.next(rule);
        }
        self.picks.get(drawn).copied()
    }

    /// The chunk after this one. If it is not there yet, the caller makes it: whoever is first
    /// leaves it for all, and since the rule is deterministic the others made the same.
    pub(super) fn next(&self, rule: &Rule) -> Arc<Self> {
        if let Some(next) = self.next.get() {
            return Arc::clone(next);
        }
        let mut place = self.start.clone();
        rule.advance(&mut place, &self.picks);
        let made = Arc::new(Self::new(rule, place, self.first + self.picks.len() as u64, &Ties::default()).0);
        // Not get_or_init: that would make workers wait for each other.
        match self.next.set(Arc::clone(&made)) {
            Ok(()) => made,
            Err(made) => self.next.get().map_or(made, Arc::clone),
        }
    }

    /// How many picks of the walk are gone, and the place in the cycle that this leads to.
    pub(super) fn position(&self, rule: &Rule) -> (u64, Place) {
        let drawn = self.cursor.load(Ordering::Relaxed);
        let within = if self.endless { drawn % self.picks.len().max(1) as u64 } else { drawn };
        let handed = &self.picks[..usize::try_from(within).unwrap_or(usize::MAX).min(self.picks.len())];
        let mut place = self.start.clone();
        rule.advance(&mut place, handed);
        (self.first + if self.endless { drawn } else { handed.len() as u64 }, place)
    }
}

#[cfg(test)]
mod tests;
