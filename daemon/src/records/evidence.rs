//! Refused messages: from a worker to control, through a ring of its own.
//!
//! As the records beside it: nobody waits, and what finds the ring full is dropped and counted. It
//! does not decide what is kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poise_core::plan::{BackendId, ListenerId};
use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// Refused messages that may wait in the ring of one worker: more than it takes in between two looks.
pub const EVIDENCE_MAX: usize = 64;

/// A message that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The listener.
    pub listener: ListenerId,
    /// The backend, if one was chosen.
    pub backend: Option<BackendId>,
    /// The peer.
    pub peer: SocketAddr,
    /// What it was refused for.
    pub cause: Cause,
    /// What was seen of it.
    pub seen: Seen,
}

/// What was seen of a refused message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which message.
    pub side: Side,
    /// What is wrong with it.
    pub reason: String,
    /// Where the byte at fault stands in what had arrived.
    pub offset: usize,
    /// Where the excerpt begins there.
    pub start: usize,
    /// The excerpt.
    pub bytes: Box<[u8]>,
}

/// The worker's end of a ring.
pub struct EvidenceSender {
    ring: HeapProd<Evidence>,
    skipped: Arc<AtomicU64>,
}

/// Control's end of a ring.
pub struct EvidenceReceiver {
    ring: HeapCons<Evidence>,
    skipped: Arc<AtomicU64>,
}

/// The two ends of a ring of so many messages.
pub fn ring(evidence_max: usize) -> (EvidenceSender, EvidenceReceiver) {
    let (producer, consumer) = HeapRb::new(evidence_max).split();
    let skipped = Arc::new(AtomicU64::new(0));
    (EvidenceSender { ring: producer, skipped: Arc::clone(&skipped) }, EvidenceReceiver { ring: consumer, skipped })
}

impl EvidenceSender {
    /// Hands over a message, or drops and counts it if the ring is full.
    pub fn send(&mut self, evidence: Evidence) {
        if self.ring.try_push(evidence).is_err() {
            self.skip();
        }
    }

    /// Counts a message that was not looked at.
    pub fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }
}

impl EvidenceReceiver {
    /// The oldest message that waits.
    pub fn take(&mut self) -> Option<Evidence> {
        self.ring.try_pop()
    }

    /// How many were not handed over.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}
