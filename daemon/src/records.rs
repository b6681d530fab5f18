//! Records of work that ended badly: from a worker to control, through a ring of its own.
//!
//! One producer (the worker's thread) and one consumer (control), so the data path never waits
//! and never locks. What finds the ring full is dropped and counted. It does not decide what
//! becomes of a record. Lines of the access log have rings of their own (`lines`), and so have
//! refused messages (`evidence`).

pub mod evidence;
pub mod lines;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poise_core::plan::{BackendId, ListenerId};
use poise_ipc::cause::Cause;
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// Records that may wait in the ring of one worker: a second of failures at 4,000 a second,
/// some 350 KiB.
pub const RECORDS_MAX: usize = 4_096;

/// A connection or request that ended badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it ended, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The listener that accepted it.
    pub listener: ListenerId,
    /// The backend that it went to, if one was chosen.
    pub backend: Option<BackendId>,
    /// The peer.
    pub client: SocketAddr,
    /// Why it ended.
    pub cause: Cause,
}

/// The worker's end of a ring.
pub struct RecordSender {
    ring: HeapProd<Record>,
    lost: Arc<AtomicU64>,
}

/// Control's end of a ring.
pub struct RecordReceiver {
    ring: HeapCons<Record>,
    lost: Arc<AtomicU64>,
}

/// The two ends of a ring of so many records.
pub fn ring(records_max: usize) -> (RecordSender, RecordReceiver) {
    let (producer, consumer) = HeapRb::new(records_max).split();
    let lost = Arc::new(AtomicU64::new(0));
    (RecordSender { ring: producer, lost: Arc::clone(&lost) }, RecordReceiver { ring: consumer, lost })
}

impl RecordSender {
    /// Hands over a record, or drops and counts it if the ring is full.
    pub fn send(&mut self, record: Record) {
        if self.ring.try_push(record).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl RecordReceiver {
    /// The oldest record that waits.
    pub fn take(&mut self) -> Option<Record> {
        self.ring.try_pop()
    }

    /// How many records found the ring full.
    pub fn lost_total(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
