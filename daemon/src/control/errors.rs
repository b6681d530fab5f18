//! The last refused messages of each listener, from the workers' rings.
//!
//! A bounded number of each listener is kept, in memory only: they hold what peers sent. What is
//! gone from the configuration is forgotten. Asked by `poise errors`.

use std::collections::{HashMap, VecDeque};

use poise_core::plan::{BackendId, ListenerId, Plan};
use poise_ipc::Name;
use poise_ipc::errors::{ERRORS_KEPT_MAX, ErrorPage, ErrorQuery, ErrorRow};

use crate::records::evidence::{Evidence, EvidenceReceiver};

/// Rows of one answer.
const ROWS_MAX: u32 = 1_000;

/// The refused messages that are kept.
#[derive(Default)]
pub struct Errors {
    rings: Vec<EvidenceReceiver>,
    kept: HashMap<ListenerId, VecDeque<ErrorRow>>,
    seq: u64,
}

impl Errors {
    /// Takes over the rings of the workers.
    pub fn new(rings: Vec<EvidenceReceiver>) -> Self {
        Self { rings, ..Self::default() }
    }

    /// Takes what has come, with the names of the plan.
    pub fn drain(&mut self, plan: &Plan) {
        self.kept.retain(|id, _| plan.listeners.contains_key(id));
        let mut rings = std::mem::take(&mut self.rings);
        // Ends: workers bound what they send in a second.
        for evidence in rings.iter_mut().flat_map(|ring| std::iter::from_fn(|| ring.take())) {
            self.keep(evidence, plan);
        }
        self.rings = rings;
    }

    fn keep(&mut self, evidence: Evidence, plan: &Plan) {
        let Some(listener) = plan.listeners.get(&evidence.listener) else { return };
        self.seq += 1;
        let (group, backend) = evidence.backend.and_then(|id| names(plan, id)).unzip();
        let rows = self.kept.entry(evidence.listener).or_default();
        if rows.len() == ERRORS_KEPT_MAX {
            rows.pop_front();
        }
        rows.push_back(ErrorRow {
            seq: self.seq,
            at_ms: evidence.at_ms,
            listener: listener.name.clone(),
            side: evidence.seen.side,
            group,
            backend,
            peer: evidence.peer,
            cause: evidence.cause,
            reason: evidence.seen.reason,
            offset: evidence.seen.offset as u64,
            start: evidence.seen.start as u64,
            excerpt: ErrorRow::excerpt_of(&evidence.seen.bytes),
        });
    }

    /// The newest that are asked for, oldest first.
    pub fn query(&self, query: &ErrorQuery) -> ErrorPage {
        let of_listener = |row: &ErrorRow| query.listener.as_ref().is_none_or(|listener| row.listener == *listener);
        let wanted = |row: &&ErrorRow| row.seq > query.after_seq && of_listener(row);
        let mut rows: Vec<_> = self.kept.values().flatten().filter(wanted).collect();
        rows.sort_unstable_by_key(|row| row.seq);
        let limit = usize::try_from(query.limit.clamp(1, ROWS_MAX)).unwrap_or(usize::MAX);
        let rows = rows[rows.len().saturating_sub(limit)..].iter().map(|&row| row.clone()).collect();
        ErrorPage { rows, skipped_total: self.rings.iter().map(EvidenceReceiver::skipped_total).sum() }
    }
}

/// Group and name of a backend.
fn names(plan: &Plan, id: BackendId) -> Option<(Name, Name)> {
    plan.groups.iter().find_map(|group| Some((group.name.clone(), group.backend(id)?.name.clone())))
}

#[cfg(test)]
mod tests;
