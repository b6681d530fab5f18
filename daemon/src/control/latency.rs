//! Latency of every backend over the last seconds, from counts that only ever grow.
//!
//! The workers count times to the first byte into fixed buckets; here two earlier counts are kept,
//! a few seconds apart, and quantiles are taken of the difference. Reconcile keeps it in step.

use std::collections::HashMap;

use poise_core::live::{BackendLive, LatencySnapshot};
use poise_core::plan::{BackendId, Plan};
use poise_ipc::status::BackendCounters;

/// The counts of every backend, 5 s and 10 s ago at the most.
#[derive(Debug, Default)]
pub struct Latencies(HashMap<BackendId, Earlier>);

#[derive(Debug)]
struct Earlier {
    older: LatencySnapshot,
    newer: LatencySnapshot,
}

impl Latencies {
    /// Takes the counts now; to be called every 5 s.
    pub fn turn(&mut self, plan: &Plan) {
        for backend in plan.groups.iter().flat_map(|group| &group.backends) {
            self.count(backend.id, &backend.live);
        }
    }

    fn count(&mut self, backend: BackendId, live: &BackendLive) {
        let now = live.latency();
        match self.0.get_mut(&backend) {
            Some(earlier) => earlier.older = std::mem::replace(&mut earlier.newer, now),
            None => {
                self.0.insert(backend, Earlier { older: now.clone(), newer: now });
            }
        }
    }

    /// Forgets a backend that is gone.
    pub fn forget(&mut self, backend: BackendId) {
        self.0.remove(&backend);
    }

    /// Fills in the quantiles of the last 5 to 10 s; of all time for a backend that is younger.
    pub fn fill(&self, backend: BackendId, live: &BackendLive, counters: &mut BackendCounters) {
        let now = live.latency();
        let recent = self.0.get(&backend).map_or_else(|| now.clone(), |earlier| now.since(&earlier.older));
        counters.latency_p50_us = recent.quantile(500);
        counters.latency_p99_us = recent.quantile(990);
    }
}

#[cfg(test)]
mod tests;
