//! What a load did, as one line of text between the load and the conductor.
//!
//! Every kind of failure has its own count, so that the report can name it. Written by `load`, read
//! by `round`.

use std::time::Duration;

/// The failures that a load may count, in the order of their words.
pub(crate) const FAILURES: [&str; 6] = ["refused", "reset", "short", "wrong", "lost", "full"];
/// The percentiles of latency that a load tells, in thousandths, and their words.
const PERCENTILES: [(usize, &str); 2] = [(500, "p50_ns"), (990, "p99_ns")];

/// Why a unit of work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection was not made.
    Refused,
    /// The connection broke.
    Reset,
    /// The answer ended too early, or the request could not be sent whole.
    Short,
    /// The answer was not the one that was due.
    Wrong,
    /// No answer came to a datagram.
    Lost,
    /// A handshake was a full one where an earlier session should have been taken up.
    Full,
}

/// Counts of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Work done: exchanges, connections, datagrams; bytes for bulk data.
    pub(crate) units: u64,
    /// How long it took, in nanoseconds.
    pub(crate) elapsed_ns: u64,
    /// Failures, in the order of [`FAILURES`].
    pub(crate) failures: [u64; FAILURES.len()],
    /// Latency in nanoseconds at the median and at the 99th percentile; 0 where it is not measured.
    pub(crate) latency_ns: [u64; PERCENTILES.len()],
}

impl Tally {
    /// Counts `count` failures of one kind.
    pub(crate) fn fail(&mut self, failure: Failure, count: u64) {
        self.failures[failure as usize] += count;
    }

    /// All failures together.
    pub(crate) fn failures_total(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Adds what another load counted; latencies, which have no sum, stay.
    pub(crate) fn add(&mut self, other: &Self) {
        self.units += other.units;
        self.elapsed_ns += other.elapsed_ns;
        for (own, more) in self.failures.iter_mut().zip(other.failures) {
            *own += more;
        }
    }

    /// Ends the count.
    pub(crate) fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// Takes the percentiles of all latencies.
    pub(crate) fn with_latencies(mut self, mut all_ns: Vec<u64>) -> Self {
        all_ns.sort_unstable();
        let at = |permille: usize| all_ns.get(all_ns.len() * permille / 1_000).copied().unwrap_or(0);
        self.latency_ns = PERCENTILES.map(|(permille, _)| at(permille));
        self
    }

    /// The line that [`Tally::parse`] reads.
    pub(crate) fn line(&self) -> String {
        let failures = FAILURES.iter().zip(self.failures).map(|(word, count)| format!(" {word}={count}"));
        let latencies = PERCENTILES.iter().zip(self.latency_ns).map(|((_, word), ns)| format!(" {word}={ns}"));
        let words: String = failures.chain(latencies).collect();
        format!("units={} elapsed_ns={}{words}", self.units, self.elapsed_ns)
    }

    /// Reads a line; `None` when a word is unknown or one is missing.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut tally = Self::default();
        let mut seen = 0;
        for word in line.split_whitespace() {
            let (key, value) = word.split_once('=')?;
            let value = value.parse().ok()?;
            match key {
                "units" => tally.units = value,
                "elapsed_ns" => tally.elapsed_ns = value,
                _ => *tally.count(key)? = value,
            }
            seen += 1;
        }
        (seen == FAILURES.len() + PERCENTILES.len() + 2).then_some(tally)
    }

    fn count(&mut self, word: &str) -> Option<&mut u64> {
        if let Some(at) = PERCENTILES.iter().position(|(_, known)| *known == word) {
            return Some(&mut self.latency_ns[at]);
        }
        let at = FAILURES.iter().position(|failure| *failure == word)?;
        Some(&mut self.failures[at])
    }
}

#[cfg(test)]
mod tests;
