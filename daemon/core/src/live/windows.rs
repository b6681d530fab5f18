//! Latency over the last 10 s, minute and 10 minutes, in rotating slots.
//!
//! Whoever owns windows hands them every [`STEP_MS`] what came since the last time, which is a slot;
//! slots become larger ones, and a window is a row of slots plus what came since. So a window
//! spans its time and up to one of its slots more. Memory is bounded by the slots, and what saw no
//! traffic has empty ones. No clock is read here. Called by control.

use std::collections::VecDeque;

use poise_ipc::status::{LatencyWindows, Quantiles};

use super::latency::{BUCKETS, LatencySnapshot};

/// Time between two turns, in milliseconds.
pub const STEP_MS: u64 = 2_000;
/// Slots of each row: 5 of 2 s, 6 of 10 s, 10 of 1 min.
const SLOTS: [usize; 3] = [5, 6, 10];

/// What was counted in a span of time, bucket by bucket; those that counted nothing are absent.
type Slot = Box<[(u16, u32)]>;

/// The windows of one object.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// Rows of slots, the newest last, each slot as long as the row before.
    rows: [VecDeque<Slot>; 3],
    /// Turns of each row since the next one got a slot.
    turns: [usize; 3],
}

impl Windows {
    /// Takes what came since the last turn; to be called every [`STEP_MS`].
    pub fn turn(&mut self, recent: &LatencySnapshot) {
        let mut slot = slot(recent);
        for (row, slots_max) in SLOTS.into_iter().enumerate() {
            self.rows[row].push_back(slot);
            if self.rows[row].len() > slots_max {
                self.rows[row].pop_front();
            }
            self.turns[row] += 1;
            if self.turns[row] < slots_max {
                return;
            }
            // The row is as long as a slot of the next one.
            self.turns[row] = 0;
            slot = self.sum(row);
        }
    }

    /// The quantiles of every window, with what came since the last turn.
    pub fn quantiles(&self, recent: &LatencySnapshot) -> LatencyWindows {
        if recent.count() == 0 && self.rows.iter().flatten().all(|slot| slot.is_empty()) {
            // Most backends of a large configuration, most of the time.
            return LatencyWindows::default();
        }
        let mut counts = recent.clone();
        let mut windows = [Quantiles::default(); 3];
        for (row, window) in windows.iter_mut().enumerate() {
            let mut whole = counts.clone();
            add(&mut whole, self.rows[row].iter());
            *window = quantiles(&whole);
            // The next row has no slot yet for the newest of this one.
            let newest = self.rows[row].len().saturating_sub(self.turns[row]);
            add(&mut counts, self.rows[row].iter().skip(newest));
        }
        let [seconds_10, minute_1, minutes_10] = windows;
        LatencyWindows { seconds_10, minute_1, minutes_10 }
    }

    fn sum(&self, row: usize) -> Slot {
        let mut sum = LatencySnapshot::default();
        add(&mut sum, self.rows[row].iter());
        slot(&sum)
    }
}

fn add<'s>(sum: &mut LatencySnapshot, slots: impl Iterator<Item = &'s Slot>) {
    slots.flatten().for_each(|&(bucket, count)| sum.add(usize::from(bucket), count));
}

fn slot(counts: &LatencySnapshot) -> Slot {
    const { assert!(BUCKETS <= u16::MAX as usize) };
    (0..).zip(counts.counts()).filter(|&(_, count)| count > 0).collect()
}

fn quantiles(counts: &LatencySnapshot) -> Quantiles {
    let count = counts.count();
    if count == 0 {
        return Quantiles::default();
    }
    Quantiles {
        count,
        p50_us: counts.quantile(500),
        p90_us: counts.quantile(900),
        p99_us: counts.quantile(990),
        max_us: counts.quantile(1_000),
    }
}

#[cfg(test)]
mod tests;
