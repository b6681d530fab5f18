//! A token bucket for bytes, shared by all workers without a lock.
//!
//! It keeps the moment until which the rate is used up: bytes that pass move it forward, and while
//! it lies ahead nothing more may pass. Who reads a socket does not know how much it holds, so
//! bytes are charged after they passed; what was too much is waited for. Time is an argument.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use poise_ipc::model::Bandwidth;

/// Unused time that is not lost, in nanoseconds: a wake-up so late loses nothing, and the burst
/// after a rest is at most a twentieth of what one second allows.
pub const BURST_NS: u64 = 50_000_000;

/// Bytes that may pass where any may: one packet, so that slow rates do not end in tiny reads.
const PACKET_BYTES: u64 = 1_460;

const NS_PER_S: u64 = 1_000_000_000;

/// A limit of bytes per second; without one until [`Bucket::set`].
#[derive(Debug, Default)]
pub struct Bucket {
    /// Bytes per second; 0 is no limit.
    rate: AtomicU64,
    used_until_ns: AtomicU64,
    /// Who waits for room, over all workers.
    waiting: AtomicUsize,
}

impl Bucket {
    /// Sets the limit. A new one begins without debt.
    pub fn set(&self, limit: Option<Bandwidth>) {
        let rate = limit.map_or(0, |limit| limit.bytes_per_s().max(1));
        if self.rate.swap(rate, Ordering::Relaxed) != rate {
            self.used_until_ns.store(0, Ordering::Relaxed);
        }
    }

    /// Whether there is a limit.
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.rate.load(Ordering::Relaxed) > 0
    }

    /// Bytes that may pass now: 0 is to wait, `usize::MAX` is no limit. `now_ns` is any monotonic
    /// time, the same for all calls.
    pub fn room(&self, now_ns: u64) -> usize {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return usize::MAX;
        }
        let unused_ns = now_ns.saturating_sub(self.since_ns(now_ns));
        if unused_ns == 0 {
            return 0;
        }
        let room = unused_ns.saturating_mul(rate) / NS_PER_S;
        usize::try_from(room.max(PACKET_BYTES)).unwrap_or(usize::MAX)
    }

    /// Charges bytes that passed.
    pub fn charge(&self, bytes: usize, now_ns: u64) {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 || bytes == 0 {
            return;
        }
        let cost_ns = (bytes as u64).saturating_mul(NS_PER_S) / rate;
        let charged = |used_until_ns| Some(from_burst(used_until_ns, now_ns).saturating_add(cost_ns));
        // Cannot fail: it always has a next value.
        let _ = self.used_until_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }

    /// Lets a datagram pass and charges it, or says that it must not.
    pub fn admit(&self, bytes: usize, now_ns: u64) -> bool {
        let admits = self.room(now_ns) > 0;
        if admits {
            self.charge(bytes, now_ns);
        }
        admits
    }

    /// Somebody waits for room from now on.
    pub fn join(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody has waited long enough.
    pub fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether anybody waits: who comes now is last.
    pub fn is_waited_for(&self) -> bool {
        self.waiting() > 0
    }

    /// Since when time is unused.
    fn since_ns(&self, now_ns: u64) -> u64 {
        from_burst(self.used_until_ns.load(Ordering::Relaxed), now_ns)
    }
}

/// What is unused for longer than a burst is lost.
fn from_burst(used_until_ns: u64, now_ns: u64) -> u64 {
    used_until_ns.max(now_ns.saturating_sub(BURST_NS))
}
