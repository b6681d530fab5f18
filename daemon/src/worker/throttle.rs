//! At most one log line a second for a trouble that every accept meets, over all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shortest time between two lines, in milliseconds.
const LINE_EVERY_MS: u64 = 1_000;

/// Admits one line a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    /// When the next line may be written.
    next_ms: Arc<AtomicU64>,
}

impl Throttle {
    /// Whether a line may be written now.
    pub(crate) fn admits(&self, now_ms: u64) -> bool {
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let taken = || {
            let later_ms = now_ms + LINE_EVERY_MS;
            self.next_ms.compare_exchange(next_ms, later_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        now_ms >= next_ms && taken()
    }
}

#[cfg(test)]
mod tests;
