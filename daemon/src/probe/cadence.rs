//! When a target is probed: a phase of its own, then its interval with a little jitter.
//!
//! All of it follows from the seed and the backend, so it can be repeated; spreading many probes
//! over an interval is what it is for. It reads no clock.

use std::time::Duration;

/// The first probes of all targets are spread over the interval, but not over more than this: of
/// a new backend something should be known soon.
const SPREAD_MAX: Duration = Duration::from_secs(5);

/// The same after an edit: of a backend that has served so far it should be known sooner.
const EDIT_SPREAD_MAX: Duration = Duration::from_secs(1);

/// How far an interval may be off, in thousandths, either way.
const JITTER_PERMILLE: u64 = 50;

/// The cadence of one target.
#[derive(Debug)]
pub(super) struct Cadence {
    own: u64,
    round: u64,
}

impl Cadence {
    /// The cadence of a backend under a seed.
    pub(super) fn new(seed: u64, backend: u64) -> Self {
        Self { own: mix(mix(seed) ^ backend), round: 0 }
    }

    /// The wait before the first probe.
    pub(super) fn phase(&self, interval: Duration) -> Duration {
        part(interval.min(SPREAD_MAX), self.own)
    }

    /// The wait from the start of one probe to the start of the next: the interval, less or more
    /// by up to 5 %, and the interval on average.
    pub(super) fn next(&mut self, interval: Duration) -> Duration {
        self.round += 1;
        self.again(interval)
    }

    /// The same for the round under way, whose interval has changed.
    pub(super) fn again(&self, interval: Duration) -> Duration {
        let width = interval * u32::try_from(2 * JITTER_PERMILLE).unwrap_or(0) / 1_000;
        interval.saturating_sub(width / 2) + part(width, mix(self.own ^ self.round))
    }

    /// The wait after an edit, where a probe would be due at once: of all that changed with it not all
    /// are.
    pub(super) fn after_edit(&self, interval: Duration) -> Duration {
        self.phase(interval.min(EDIT_SPREAD_MAX))
    }
}

/// The part of `whole` that `n` is of all numbers.
fn part(whole: Duration, n: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(n)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Spreads neighbouring numbers over all of `u64` (the finalizer of `SplitMix64`).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests;
