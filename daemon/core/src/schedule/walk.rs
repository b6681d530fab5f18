//! The walk of a group: one exact sequence of picks, shared by all workers through one cursor.
//!
//! The sequence is a cycle that gives every backend exactly its weight. After an edit the walk goes
//! on at the same phase of the new cycle, and who was ahead or behind its share stays so: nobody is
//! served twice or left out, no edit restarts at the heavy head, and the next whole cycle is exact
//! again. It decides nothing about eligibility: weights of 0 take no part.

use arc_swap::ArcSwap;

use super::chunk::Chunk;
use super::credit::Credits;
use super::deadline::{Job, Rule};
use super::queue::Ties;
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
    /// The rule for the weights divided by `divisor`.
    rule: Rule,
    /// Common divisor of the weights: their cycle is this many cycles of the rule.
    divisor: u32,
    /// What the start could not make good, and the phase it stands for.
    credits: Credits,
    /// Slots by which the start was ahead of the phase, at most one either way.
    ahead: f64,
    /// The chunk that picks come from; chunks before it are used up.
    head: ArcSwap<Chunk>,
}

impl Walk {
    /// A walk for these entrants that goes on where `previous` stands now.
    pub(crate) fn new(entrants: Vec<Entrant>, previous: Option<&Self>) -> Self {
        let divisor = entrants.iter().map(|entrant| entrant.weight).fold(0, gcd).max(1);
        let weights: Vec<_> = entrants.iter().map(|entrant| entrant.weight / divisor).collect();
        let rule = Rule::new(&weights);
        let mut credits = previous.map_or_else(Credits::default, Self::credits);
        credits.settle(&entrants);

        let goal = credits.phase * (rule.slots() * u64::from(divisor)) as f64;
        let wanted = |e: &Entrant| (credits.phase * f64::from(e.weight) - credits.owed(e.id)).round();
        let near: f64 = entrants.iter().filter(|e| e.weight > 0).map(wanted).sum();
        let start = whole(near.clamp((goal - 1.0).ceil().max(0.0), (goal + 1.0).floor()));
        let (cycles, slot) = (start / rule.slots().max(1), start % rule.slots().max(1));
        let due = |at: usize| credits.phase * f64::from(entrants[at].weight) - (cycles * u64::from(weights[at])) as f64;
        let place = rule.place(slot, |job: Job| job.number as f64 - due(job.at) + credits.owed(entrants[job.at].id));
        let ties = rule.ties(|at| -credits.owed(entrants[at].id));
        let (first, met) = Chunk::new(&rule, place, 0, &ties);
        // Seldom, after drastic edits, too many are behind at once for all of them to catch up in
        // time: then the order of deadlines decides who has been served, and credits stay open. The
        // first chunk tells; of a longer cycle the rest has more room.
        let first = if met { first } else { Chunk::new(&rule, rule.safe_place(slot), 0, &Ties::default()).0 };
        let advances: Vec<_> =
            rule.jobs(first.start()).map(|(at, _, done)| (entrants[at].id, f64::from(done) - due(at))).collect();
        for (id, advance) in advances {
            credits.add(id, advance);
        }
        let ahead = start as f64 - goal;
        Self { entrants: entrants.into(), rule, divisor, credits, ahead, head: ArcSwap::from_pointee(first) }
    }

    /// Whether this is the walk for exactly these entrants.
    pub(crate) fn fits(&self, entrants: &[Entrant]) -> bool {
        *self.entrants == *entrants
    }

    /// The next pick of the shared sequence, as a position in the list of entrants; `None` if
    /// nobody takes part.
    #[inline]
    pub(crate) fn next(&self) -> Option<usize> {
        if self.rule.slots() == 0 {
            return None;
        }
        loop {
            let chunk = self.head.load();
            if let Some(pick) = chunk.take(&self.rule) {
                return Some(usize::from(pick));
            }
            // Whoever comes second finds the head moved on already.
            self.head.compare_and_swap(&chunk, chunk.next(&self.rule));
        }
    }

    /// The credits as they stand now.
    fn credits(&self) -> Credits {
        let mut credits = self.credits.clone();
        let slots = self.rule.slots();
        if slots == 0 {
            return credits;
        }
        let (gone, place) = self.head.load().position(&self.rule);
        let cycle = slots * u64::from(self.divisor);
        credits.phase = (credits.phase + (gone % cycle) as f64 / cycle as f64).fract();
        for (at, weight, done) in self.rule.jobs(&place) {
            let due = (place.slot as f64 - self.ahead) * weight as f64 / slots as f64;
            credits.add(self.entrants[at].id, due - f64::from(done));
        }
        credits
    }
}

/// The nearest whole slot.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "slots are few and never negative")]
fn whole(slots: f64) -> u64 {
    slots.round() as u64
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
