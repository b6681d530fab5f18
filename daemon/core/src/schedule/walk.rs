//! The walk of a group: one exact sequence of picks, shared by all workers through one cursor.
//!
//! The sequence is a cycle that gives every backend exactly its weight. After an edit the walk goes
//! on at the same phase of the new cycle, so that nobody is served twice or left out and no edit
//! restarts at the heavy head; [`Walk::new`] carries phase and lags by identity. It decides nothing
//! about eligibility: weights of 0 take no part.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use super::deadline::{Place, Rule};
use crate::plan::BackendId;

/// A backend as the walk sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    /// Who it is.
    pub(crate) id: BackendId,
    /// What it weighs now; 0 takes no part.
    pub(crate) weight: u32,
}

/// The shared sequence of a group.
#[derive(Debug)]
pub(crate) struct Walk {
    entrants: Box<[Entrant]>,
    rule: Rule,
    /// Common divisor of the weights: the cycle of the weights is this many cycles of the rule.
    divisor: u32,
    /// Fraction of the weights' cycle that was gone at the start.
    phase: f64,
    /// Slots by which the start was ahead of `phase`, at most 1 either way.
    ahead: f64,
    /// Where in the rule's cycle the walk started.
    start: Place,
    /// From the start to the end of that cycle.
    lead: Box<[u16]>,
    /// A whole cycle, repeated for ever.
    cycle: Box<[u16]>,
    cursor: CachePadded<AtomicU64>,
}

impl Walk {
    /// A walk for these entrants that goes on where `previous` stands now.
    pub(crate) fn new(entrants: Vec<Entrant>, previous: Option<&Self>) -> Self {
        let divisor = entrants.iter().map(|e| e.weight).fold(0, gcd).max(1);
        let weights: Vec<_> = entrants.iter().map(|e| e.weight / divisor).collect();
        let rule = Rule::new(&weights);
        let slots = rule.slots() as f64 * f64::from(divisor);
        let (phase, ahead) = previous.map_or((0.0, 0.0), |previous| previous.carry(&entrants));
        // Within one slot of the phase, so that rounding never adds up over edits.
        let goal = phase * slots;
        let start = (goal + ahead).round().clamp((goal - 1.0).ceil(), (goal + 1.0).floor());
        let start_slot = if rule.slots() == 0 { 0 } else { start.rem_euclid(rule.slots() as f64) as u64 };
        let start_place = rule.place(start_slot);
        let (mut lead, mut cycle) = (Vec::new(), Vec::new());
        let mut place = start_place.clone();
        let whole = usize::try_from(rule.slots()).unwrap_or(0);
        rule.walk(&mut place, usize::try_from(rule.slots() - start_slot).unwrap_or(0), &mut lead);
        rule.walk(&mut place, whole, &mut cycle);
        Self {
            entrants: entrants.into(),
            rule,
            divisor,
            phase,
            ahead: start - goal,
            start: start_place,
            lead: lead.into(),
            cycle: cycle.into(),
            cursor: CachePadded::default(),
        }
    }

    /// Whether this is the walk for exactly these entrants.
    pub(crate) fn fits(&self, entrants: &[Entrant]) -> bool {
        *self.entrants == *entrants
    }

    /// The next pick of the shared sequence: a position in the list of entrants.
    #[inline]
    pub(crate) fn next(&self) -> Option<usize> {
        if self.cycle.is_empty() {
            return None;
        }
        Some(self.at(self.cursor.fetch_add(1, Ordering::Relaxed)))
    }

    /// A pick at any place of the sequence, without moving the cursor: over many places each
    /// entrant comes as often as its weight says.
    #[inline]
    pub(crate) fn sample(&self, place: u64) -> Option<usize> {
        (!self.cycle.is_empty()).then(|| usize::from(self.cycle[(place % self.cycle.len() as u64) as usize]))
    }

    fn at(&self, cursor: u64) -> usize {
        let lead = self.lead.len() as u64;
        let pick = if cursor < lead {
            self.lead[cursor as usize]
        } else {
            self.cycle[((cursor - lead) % self.cycle.len() as u64) as usize]
        };
        usize::from(pick)
    }

    /// What a walk for `next` entrants takes over: the phase, and how far those whose weight stays
    /// are ahead of it.
    fn carry(&self, next: &[Entrant]) -> (f64, f64) {
        let slots = self.rule.slots();
        if slots == 0 {
            return (self.phase, 0.0);
        }
        let gone = self.cursor.load(Ordering::Relaxed);
        let whole = slots * u64::from(self.divisor);
        let phase = (self.phase + (gone % whole) as f64 / whole as f64).fract();
        let place = self.place_after(gone);
        let by_rank = self.rule.positions().zip(&place.done);
        let staying = by_rank.filter(|&(at, _)| next.contains(&self.entrants[at]));
        let lag = |(at, &done): (usize, &u32)| {
            let weight = f64::from(self.entrants[at].weight) / f64::from(self.divisor);
            f64::from(done) - (place.slot as f64 - self.ahead) * weight / slots as f64
        };
        (phase, staying.map(lag).sum())
    }

    /// The place in the rule's cycle after `gone` picks.
    fn place_after(&self, gone: u64) -> Place {
        let lead = self.lead.len() as u64;
        let mut place = self.start.clone();
        let walked = if gone < lead {
            &self.lead[..gone as usize]
        } else {
            place = self.rule.place(0);
            &self.cycle[..((gone - lead) % self.cycle.len() as u64) as usize]
        };
        place.slot += walked.len() as u64;
        let mut counts = vec![0; self.entrants.len()];
        walked.iter().for_each(|&at| counts[usize::from(at)] += 1);
        for (done, at) in place.done.iter_mut().zip(self.rule.positions()) {
            *done += counts[at];
        }
        place
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
