//! Records of failed work, from the workers' rings to the log.
//!
//! Each record is a line at level debug. At level warn only the regime is told: once when work of a
//! listener begins to fail for a cause of the backends or of poised, once when it has not failed
//! for a while. It counts what full rings dropped; it keeps no record.

use std::collections::HashMap;

use poise_core::plan::{ListenerId, Plan};
use poise_ipc::Name;
use poise_ipc::cause::Cause;
use tracing::{debug, info, warn};

use crate::records::{Record, RecordReceiver};

/// Records taken from one ring in one round; more wait for the next or are dropped and counted.
const BATCH_MAX: usize = 4_096;
/// Time without a failure that ends a regime, in milliseconds.
const QUIET_MS: u64 = 10_000;

/// The rings and the regimes.
#[derive(Default)]
pub struct Records {
    rings: Vec<RecordReceiver>,
    // At most one per listener and cause.
    regimes: HashMap<(ListenerId, Cause), Regime>,
}

struct Regime {
    listener: Name,
    last_ms: u64,
    count: u64,
}

impl Records {
    /// Takes over the rings of the workers.
    pub fn new(rings: Vec<RecordReceiver>) -> Self {
        Self { rings, regimes: HashMap::new() }
    }

    /// Records that full rings dropped.
    pub fn lost_total(&self) -> u64 {
        self.rings.iter().map(RecordReceiver::lost_total).sum()
    }

    /// Takes what has come and logs it, with the names of the plan.
    pub fn drain(&mut self, plan: &Plan, now_ms: u64) {
        let mut rings = std::mem::take(&mut self.rings);
        for ring in &mut rings {
            for record in std::iter::from_fn(|| ring.take()).take(BATCH_MAX) {
                self.note(&record, plan, now_ms);
            }
        }
        self.rings = rings;
        self.end(now_ms);
    }

    fn note(&mut self, record: &Record, plan: &Plan, now_ms: u64) {
        let Some(listener) = plan.listeners.get(&record.listener) else { return };
        let backend = record.backend.and_then(|id| listener.group.backends.iter().find(|backend| backend.id == id));
        let backend = backend.map_or("-", |backend| backend.name.as_str());
        let (group, cause, client) = (&listener.group.name, record.cause, record.client);
        debug!(listener = %listener.name, %group, backend, %client, %cause, "work ended badly");
        if cause.status().is_none_or(|status| status < 500) {
            return;
        }
        let regime = self.regimes.entry((record.listener, cause)).or_insert_with(|| {
            warn!(listener = %listener.name, %group, backend, %cause, "work begins to fail");
            Regime { listener: listener.name.clone(), last_ms: now_ms, count: 0 }
        });
        regime.last_ms = now_ms;
        regime.count += 1;
    }

    fn end(&mut self, now_ms: u64) {
        self.regimes.retain(|(_, cause), regime| {
            let goes_on = now_ms.saturating_sub(regime.last_ms) < QUIET_MS;
            if !goes_on {
                info!(listener = %regime.listener, %cause, failures_count = regime.count, "work no longer fails");
            }
            goes_on
        });
    }
}

#[cfg(test)]
mod tests;
