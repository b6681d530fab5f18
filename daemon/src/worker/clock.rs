//! The time of a worker: one reading of the clock serves many connections.
//!
//! Milliseconds since the workers started, the same for all of them, so that tables shared
//! between workers can compare. Wall time for records is read when it is needed.

use std::cell::Cell;
use std::time::Instant;

/// A coarse clock. While a connection is open it is at most `sweep::TICK_MS` behind.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    now_ms: Cell<u64>,
}

impl Clock {
    /// A clock that counts from `start`.
    pub fn new(start: Instant) -> Self {
        let clock = Self { start, now_ms: Cell::new(0) };
        clock.refresh();
        clock
    }

    /// Milliseconds since the workers started, as last read.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Nanoseconds since the workers started, read now.
    pub(crate) fn precise_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Reads the clock.
    pub fn refresh(&self) -> u64 {
        let now_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.now_ms.set(now_ms);
        now_ms
    }
}
