//! Latency cells: a small histogram of each worker and backend, written without a lock.
//!
//! Buckets are log-linear: sixteen to each power of two, so a bucket is 3 to 6 % wide. Quantiles
//! come from the difference of two snapshots, which is what happened between them; control decides
//! how far apart those are.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Buckets to each power of two.
const STEPS: u32 = 16;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// The slowest that is told apart: a minute, in microseconds.
pub const LATENCY_US_MAX: u64 = 60_000_000;
/// One bucket per value below 16, then sixteen per power of two up to the maximum.
pub(super) const BUCKETS: usize = bucket(LATENCY_US_MAX) + 1;

/// The histogram of one worker. Written by that worker alone, read by control. Its buckets, 1.5 KiB,
/// are made with the first count: what a worker serves nothing of takes a word.
#[derive(Debug, Default)]
pub struct Latency(OnceLock<Box<[AtomicU32; BUCKETS]>>);

const _: () = assert!(BUCKETS * size_of::<AtomicU32>() <= 1_536, "the size that is told above");

impl Latency {
    /// Counts one time to the first byte, in microseconds; above a minute counts as a minute.
    #[inline]
    pub fn record(&self, us: u64) {
        let buckets = self.0.get_or_init(|| Box::new([const { AtomicU32::new(0) }; BUCKETS]));
        let cell = &buckets[bucket(us)];
        // One writer, as in every cell.
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether it has ever counted.
    pub(super) fn is_used(&self) -> bool {
        self.0.get().is_some()
    }
}

/// The counts of all workers at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencySnapshot(Box<[u32; BUCKETS]>);

impl Default for LatencySnapshot {
    /// Nothing counted.
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl LatencySnapshot {
    /// What each bucket counted.
    pub(super) fn counts(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Counts so many more in a bucket; none beyond the last.
    pub(super) fn add(&mut self, bucket: usize, count: u32) {
        if let Some(sum) = self.0.get_mut(bucket) {
            *sum = sum.wrapping_add(count);
        }
    }

    /// Adds what others counted.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.counts()) {
            *sum = sum.wrapping_add(count);
        }
    }

    /// Sums histograms.
    pub(super) fn of<'a>(workers: impl Iterator<Item = &'a Latency>) -> Self {
        let mut sum = Box::new([0_u32; BUCKETS]);
        for worker in workers {
            for (sum, cell) in sum.iter_mut().zip(worker.0.get().into_iter().flat_map(|buckets| buckets.iter())) {
                *sum = sum.wrapping_add(cell.load(Ordering::Relaxed));
            }
        }
        Self(sum)
    }

    /// What was counted after `earlier`, a snapshot of the same backend.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(Box::new(std::array::from_fn(|at| self.0[at].wrapping_sub(earlier.0[at]))))
    }

    /// Samples counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&n| u64::from(n)).sum()
    }

    /// The latency that `permille` of a thousand samples do not exceed (500 is the median), in
    /// microseconds, as the upper end of its bucket; 0 without samples.
    pub fn quantile(&self, permille: u16) -> u64 {
        let rank = (self.count() * u64::from(permille.min(1_000))).div_ceil(1_000).max(1);
        let mut seen = 0;
        let found = self.0.iter().position(|&n| {
            seen += u64::from(n);
            seen >= rank
        });
        found.map_or(0, |at| upper(at).min(LATENCY_US_MAX))
    }
}

/// The bucket of a latency.
#[expect(clippy::cast_possible_truncation, reason = "the value is at most LATENCY_US_MAX; const fn has no try_from")]
const fn bucket(us: u64) -> usize {
    let us = if us > LATENCY_US_MAX { LATENCY_US_MAX } else { us };
    if us < STEPS as u64 {
        return us as usize;
    }
    let shift = us.ilog2() - STEP_BITS;
    (shift * STEPS + (us >> shift) as u32) as usize
}

/// The highest latency of a bucket.
fn upper(bucket: usize) -> u64 {
    let (octave, step) = (bucket as u64 / u64::from(STEPS), bucket as u64 % u64::from(STEPS));
    if octave == 0 {
        return step;
    }
    ((u64::from(STEPS) + step + 1) << (octave - 1)) - 1
}

#[cfg(test)]
mod tests;
