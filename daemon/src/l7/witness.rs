//! What a worker keeps of a message that it refuses, until whoever ends the request says whose it
//! was.
//!
//! The place that finds a fault has the bytes, the place that ends the request knows listener, peer
//! and backend; both run within one poll. So many a second are copied and no more: a flood of bad
//! requests costs what it did before. Nothing of it is touched by requests that are served.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use poise_ipc::errors::{EXCERPT_BYTES_MAX, Side};

use crate::records::evidence::{Evidence, EvidenceSender, Seen};

/// Messages of one worker that are kept within a second.
const PER_SECOND_MAX: u32 = 16;

/// What a worker saw of refused messages.
pub(crate) struct Witness {
    seen: RefCell<Option<Seen>>,
    ring: RefCell<EvidenceSender>,
    /// A second of the worker's clock, and how many were kept in it.
    spent: Cell<(u64, u32)>,
}

impl Witness {
    /// Of a worker that hands over here.
    pub(crate) fn new(ring: EvidenceSender) -> Self {
        Self { seen: RefCell::default(), ring: RefCell::new(ring), spent: Cell::default() }
    }

    /// A message is refused for its byte at `offset` of these, at a time of the worker's clock.
    #[cold]
    pub(super) fn see(&self, now_ms: u64, side: Side, reason: &dyn Display, bytes: &[u8], offset: usize) {
        let second = now_ms / 1_000;
        let (spent_second, spent) = self.spent.get();
        let spent = if spent_second == second { spent } else { 0 };
        if spent >= PER_SECOND_MAX {
            self.ring.borrow().skip();
            return;
        }
        self.spent.set((second, spent + 1));
        let offset = offset.min(bytes.len());
        let start = offset.saturating_sub(EXCERPT_BYTES_MAX / 2);
        let end = bytes.len().min(start + EXCERPT_BYTES_MAX);
        let seen = Seen { side, reason: reason.to_string(), offset, start, bytes: bytes[start..end].into() };
        self.seen.replace(Some(seen));
    }

    /// What was seen of the message that ends now, if it was refused and kept.
    pub(super) fn take(&self) -> Option<Seen> {
        self.seen.take()
    }

    /// Hands it over.
    pub(super) fn tell(&self, evidence: Evidence) {
        self.ring.borrow_mut().send(evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::evidence::ring;

    #[test]
    fn an_excerpt_is_taken_round_the_fault_and_is_bounded() {
        let witness = Witness::new(ring(1).0);
        let bytes = [b'a'; 5_000];
        for (offset, start, len) in [(0, 0, 1_024), (3_000, 2_488, 1_024), (4_999, 4_487, 513), (9_999, 4_488, 512)] {
            witness.see(offset as u64 * 1_000, Side::Request, &"a reason", &bytes, offset);
            let seen = witness.take().expect("it was kept");
            assert_eq!((seen.start, seen.bytes.len()), (start, len), "{offset}");
            assert!(seen.offset <= bytes.len() && witness.take().is_none());
        }
    }

    #[test]
    fn a_flood_is_counted_and_not_copied() {
        let (sender, receiver) = ring(1);
        let witness = Witness::new(sender);
        for at in 0..100 {
            witness.see(at, Side::Response, &"a reason", b"x", 0);
        }
        assert_eq!(receiver.skipped_total(), 100 - u64::from(PER_SECOND_MAX));
        witness.take();
        witness.see(1_000, Side::Response, &"a reason", b"x", 0);
        assert!(witness.take().is_some(), "the next second has room again");
    }
}
