//! Totals over time: from counters that only grow to differences over a window.
//!
//! Keeps one sample a second for a minute and one every ten seconds for ten minutes, per object;
//! a total that did not move needs no sample. Knows nothing about what is counted.

use std::collections::VecDeque;

/// Samples kept of the last minute; one a second and a few to spare.
const FINE_MAX: usize = 72;
/// Samples kept of the last ten minutes, one every ten seconds.
const COARSE_MAX: usize = 64;
const FINE_GAP_MS: u64 = 900;
const FINE_SPAN_MS: u64 = 62_000;
const COARSE_GAP_MS: u64 = 10_000;
const COARSE_SPAN_MS: u64 = 605_000;
/// Jitter of the interval at which samples come.
const JITTER_MS: u64 = 1_500;
/// Below this span a rate says nothing.
const SPAN_MS_MIN: u64 = 500;

#[derive(Clone, Copy, Debug)]
struct Sample<const N: usize> {
    at_ms: u64,
    totals: [u64; N],
}

/// The growth of some totals over a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth<const N: usize> {
    /// What was added within it.
    pub added: [u64; N],
    /// Its length in milliseconds, never 0.
    pub span_ms: u64,
}

impl<const N: usize> Growth<N> {
    /// Growth of one total per second.
    pub fn per_second(&self, which: usize) -> f64 {
        self.added[which] as f64 * 1_000.0 / self.span_ms as f64
    }
}

/// The recent past of `N` totals of one object.
#[derive(Clone, Debug)]
pub struct Series<const N: usize> {
    fine: VecDeque<Sample<N>>,
    coarse: VecDeque<Sample<N>>,
}

impl<const N: usize> Default for Series<N> {
    fn default() -> Self {
        Self { fine: VecDeque::new(), coarse: VecDeque::new() }
    }
}

impl<const N: usize> Series<N> {
    /// Takes the totals at a time; a total that fell (the daemon began anew) starts the series again.
    pub fn push(&mut self, at_ms: u64, totals: [u64; N]) {
        let sample = Sample { at_ms, totals };
        if self.fine.back().is_some_and(|last| fell(&last.totals, &totals) || at_ms < last.at_ms) {
            *self = Self::default();
        }
        let before_last = self.fine.len().checked_sub(2).and_then(|at| self.fine.get(at));
        if before_last.is_some_and(|before| at_ms - before.at_ms < 2 * FINE_GAP_MS) && self.too_close(at_ms) {
            self.fine.pop_back();
        }
        keep(&mut self.fine, sample, FINE_SPAN_MS, FINE_MAX);
        if self.coarse.back().is_none_or(|last| at_ms - last.at_ms >= COARSE_GAP_MS) {
            keep(&mut self.coarse, sample, COARSE_SPAN_MS, COARSE_MAX);
        }
    }

    fn too_close(&self, at_ms: u64) -> bool {
        self.fine.back().is_some_and(|last| at_ms - last.at_ms < FINE_GAP_MS)
    }

    /// What was added in the `window_ms` before `now_ms`; `None` while too little is known.
    pub fn growth(&self, now_ms: u64, window_ms: u64) -> Option<Growth<N>> {
        let last = self.fine.back()?;
        let start = now_ms.saturating_sub(window_ms);
        let reaches = |samples: &VecDeque<Sample<N>>| samples.front().is_some_and(|s| s.at_ms <= start);
        let fine = reaches(&self.fine) || !reaches(&self.coarse) && self.oldest_is_fine();
        let (samples, gap_ms) = if fine { (&self.fine, 0) } else { (&self.coarse, COARSE_GAP_MS) };
        let base = samples.iter().rev().find(|s| s.at_ms <= start).or_else(|| samples.front())?;
        // A total that stood still has no sample near the start of the window: its value there is known all the same.
        let from = if base.at_ms + gap_ms + JITTER_MS >= start { base.at_ms } else { start };
        let span_ms = now_ms.max(last.at_ms).saturating_sub(from);
        let added = std::array::from_fn(|at| last.totals[at].saturating_sub(base.totals[at]));
        (span_ms >= SPAN_MS_MIN).then_some(Growth { added, span_ms })
    }

    fn oldest_is_fine(&self) -> bool {
        match (self.fine.front(), self.coarse.front()) {
            (Some(fine), Some(coarse)) => fine.at_ms <= coarse.at_ms,
            _ => true,
        }
    }

    /// When the newest sample was taken.
    pub fn last_ms(&self) -> Option<u64> {
        self.fine.back().map(|s| s.at_ms)
    }

    /// Growth of one total in each of `buckets` steps of `step_ms` up to `now_ms`, oldest first.
    pub fn steps(&self, which: usize, now_ms: u64, step_ms: u64, buckets: usize) -> Vec<u64> {
        let end = now_ms / step_ms * step_ms;
        let at = |time: u64| {
            let newest = self.fine.iter().rev().chain(self.coarse.iter().rev()).find(|s| s.at_ms <= time);
            newest.or(self.coarse.front()).map_or(0, |s| s.totals[which])
        };
        (0..buckets as u64)
            .rev()
            .map(|back| {
                at(end.saturating_sub(back * step_ms)).saturating_sub(at(end.saturating_sub((back + 1) * step_ms)))
            })
            .collect()
    }
}

fn fell<const N: usize>(before: &[u64; N], now: &[u64; N]) -> bool {
    before.iter().zip(now).any(|(before, now)| now < before)
}

/// Appends, and drops from the front what no window can ask for: the newest sample before the span stays.
fn keep<const N: usize>(samples: &mut VecDeque<Sample<N>>, sample: Sample<N>, span_ms: u64, count_max: usize) {
    samples.push_back(sample);
    let horizon = sample.at_ms.saturating_sub(span_ms);
    while samples.len() > count_max || samples.get(1).is_some_and(|second| second.at_ms <= horizon) {
        samples.pop_front();
    }
}

#[cfg(test)]
mod tests;
