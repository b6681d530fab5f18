//! When a flood of connections or streams is over, so that its memory can go back to the system.
//!
//! The allocator keeps what was freed for the next flood, which may never come. Pure arithmetic
//! over the number of open ones; the sweep feeds it and does what it says.

/// Fewer of them than this leave nothing behind that is worth the work.
const FLOOD_MIN: usize = 16;
/// How long it must be calm, in milliseconds: giving back stops the worker for some milliseconds,
/// and a short lull is no end.
const CALM_MS: u64 = 5_000;

/// Follows how many connections, and tasks of streams, a worker has.
#[derive(Debug, Default)]
pub(super) struct Flood {
    peak: usize,
    calm_since_ms: Option<u64>,
}

impl Flood {
    /// Takes the present number. True once after each flood: now memory should go back.
    pub(super) fn observe(&mut self, open: usize, now_ms: u64) -> bool {
        self.peak = self.peak.max(open);
        if !self.is_ebbing(open) {
            self.calm_since_ms = None;
            return false;
        }
        let since_ms = *self.calm_since_ms.get_or_insert(now_ms);
        let is_over = now_ms.saturating_sub(since_ms) >= CALM_MS;
        if is_over {
            *self = Self { peak: open, calm_since_ms: None };
        }
        is_over
    }

    /// Whether a flood has gone, or is about to be found gone.
    pub(super) fn is_ebbing(&self, open: usize) -> bool {
        self.peak >= FLOOD_MIN && open <= self.peak / 2
    }
}

#[cfg(test)]
mod tests;
