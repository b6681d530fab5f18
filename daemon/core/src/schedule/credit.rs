//! Credits: what a group's backends are owed when an edit comes between two picks.
//!
//! A credit is counted in picks: above 0 the backend has had less than its share so far, below 0
//! more. Credits follow the identity. A backend that joins has none, one that returns has what it
//! left with. Credits only say who is served first; they never give more than a pick at once.

use std::collections::HashMap;

use super::walk::Entrant;
use crate::plan::BackendId;

/// Credits are cut to this many picks either way. An edit makes good a pick at the most, so this
/// bounds how long the past matters; edits at every other pick stay within it (tests).
const CREDIT_MAX: f64 = 10.0;

/// The phase of a cycle and what everybody is owed at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Credits {
    /// Fraction of the cycle that is gone, from 0 to below 1.
    pub(super) phase: f64,
    /// By identity, in picks; those that are absent have none.
    owed: HashMap<BackendId, f64>,
}

impl Credits {
    /// What a backend is owed.
    pub(super) fn owed(&self, id: BackendId) -> f64 {
        self.owed.get(&id).copied().unwrap_or(0.0)
    }

    /// Adds to what a backend is owed.
    pub(super) fn add(&mut self, id: BackendId, picks: f64) {
        *self.owed.entry(id).or_default() += picks;
    }

    /// Makes the credits those of `entrants`: who is not among them is forgotten, and what the
    /// leavers were owed falls to the others by weight, so that credits sum up to 0 again.
    pub(super) fn settle(&mut self, entrants: &[Entrant]) {
        let owed: Vec<_> = entrants.iter().map(|entrant| self.owed(entrant.id)).collect();
        let taking_part = || entrants.iter().zip(&owed).filter(|(entrant, _)| entrant.weight > 0);
        let sum: f64 = taking_part().map(|(_, owed)| owed).sum();
        let weights: f64 = taking_part().map(|(entrant, _)| f64::from(entrant.weight)).sum();
        let settled = entrants.iter().zip(&owed).map(|(entrant, owed)| {
            let part = if entrant.weight > 0 { sum * f64::from(entrant.weight) / weights } else { 0.0 };
            (entrant.id, (owed - part).clamp(-CREDIT_MAX, CREDIT_MAX))
        });
        self.owed = settled.collect();
    }
}

#[cfg(test)]
mod tests;
