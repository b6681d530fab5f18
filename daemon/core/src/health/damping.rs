//! Damping: a backend that comes and goes is kept out for longer (after RFC 2439).
//!
//! Each transition to down adds [`FLAP_PENALTY`] to a score that halves every half-life. From
//! `suppress` on the backend is out; it is used again when the score has fallen below `reuse`, and at
//! the latest `suppress_max` after it last went down. Keeps no clock: time is an argument.

use poise_ipc::limits::FLAP_PENALTY;
use poise_ipc::model::{Damping, Switch};

/// The score of one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Its value at `at_ms`.
    value: f64,
    /// When it last rose.
    at_ms: u64,
    out: bool,
    /// Times that it was kept out.
    total: u64,
}

impl Score {
    /// What was stored of a score.
    pub fn restore(value: u32, at_ms: u64, out: bool) -> Self {
        Self { value: f64::from(value), at_ms, out, total: 0 }
    }

    /// The backend has gone down.
    pub fn penalize(&mut self, settings: &Damping, now_ms: u64) {
        self.step(settings, now_ms);
        if settings.mode == Switch::Off {
            return;
        }
        // Beyond what takes the longest time to decay a score says nothing more.
        let halvings = f64::from(settings.suppress_ms_max) / f64::from(settings.half_life_ms);
        let ceiling = (f64::from(settings.reuse) * halvings.exp2()).max(f64::from(settings.suppress));
        self.value = (self.at(settings, now_ms) + f64::from(FLAP_PENALTY)).min(ceiling);
        self.at_ms = now_ms;
        if !self.out && self.value >= f64::from(settings.suppress) {
            self.out = true;
            self.total += 1;
        }
    }

    /// Brings it to a moment. Returns whether the backend was kept out until then.
    pub fn step(&mut self, settings: &Damping, now_ms: u64) -> bool {
        if settings.mode == Switch::Off {
            let was_out = self.out;
            *self = Self { total: self.total, ..Self::default() };
            return was_out;
        }
        let ends = self.out && self.until_ms(settings).is_none_or(|until_ms| until_ms <= now_ms);
        if ends {
            self.value = self.at(settings, now_ms).min(f64::from(settings.reuse));
            (self.at_ms, self.out) = (now_ms, false);
        }
        ends
    }

    /// Forgets what is held against the backend. Returns whether it was kept out.
    pub fn forgive(&mut self) -> bool {
        let was_out = self.out;
        *self = Self { total: self.total, ..Self::default() };
        was_out
    }

    /// Whether the backend is kept out.
    pub const fn is_out(&self) -> bool {
        self.out
    }

    /// Times that the backend was kept out.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Until when the backend is kept out unless it goes down again; none when it is not.
    pub fn until_ms(&self, settings: &Damping) -> Option<u64> {
        if !self.out {
            return None;
        }
        let halvings = (self.value / f64::from(settings.reuse)).log2().max(0.0);
        let decay_ms = halvings * f64::from(settings.half_life_ms);
        let wait_ms = decay_ms.min(f64::from(settings.suppress_ms_max));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a day")]
        let wait_ms = wait_ms.ceil() as u64;
        Some(self.at_ms.saturating_add(wait_ms))
    }

    /// The score at a moment, rounded.
    pub fn value(&self, settings: &Damping, now_ms: u64) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to some 10^7 at the most")]
        let value = self.at(settings, now_ms).round().min(f64::from(u32::MAX)) as u32;
        value
    }

    fn at(&self, settings: &Damping, now_ms: u64) -> f64 {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms) as f64;
        self.value * (-elapsed_ms / f64::from(settings.half_life_ms)).exp2()
    }
}

#[cfg(test)]
mod tests;
