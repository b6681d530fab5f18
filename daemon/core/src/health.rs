//! Health: verdicts turned into up and down by rise and fall.
//!
//! The machine of one backend. The first verdict on an unknown backend decides at once; later ones
//! only after `rise` or `fall` of them in a row. It probes nothing and reads no clock; control
//! feeds it and owns it, so an edit of the check (`retune`) never forgets what is known.

mod damping;
mod ejection;
pub mod policy;
mod standing;

use poise_ipc::status::Health;

pub use damping::Score;
pub use ejection::Ejection;
pub use standing::Standing;

/// The span over which transitions are counted, in milliseconds.
pub const TRANSITIONS_SPAN_MS: u64 = 600_000;
/// Slots of the count of transitions: ten seconds each, so that flapping needs no more room.
const SLOTS: usize = 60;
const SLOT_MS: u64 = TRANSITIONS_SPAN_MS / SLOTS as u64;

/// The health machine of one backend.
#[derive(Clone, Debug)]
pub struct Machine {
    health: Health,
    since_ms: u64,
    rise: u16,
    fall: u16,
    last: Option<Heard>,
    streak: u32,
    transitions: Transitions,
}

/// What a probe has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Pass,
    Fail,
    Nothing,
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Health before.
    pub from: Health,
    /// Health now.
    pub to: Health,
    /// Equal verdicts in a row that brought it about.
    pub streak: u32,
}

impl Machine {
    /// A machine that starts from what is known (unknown, or what a restart carried over).
    /// Thresholds of 0 count as 1.
    pub fn new(initial: Health, rise: u16, fall: u16) -> Self {
        Self {
            health: initial,
            since_ms: 0,
            rise: rise.max(1),
            fall: fall.max(1),
            last: None,
            streak: 0,
            transitions: Transitions::default(),
        }
    }

    /// Goes on where the machine of another process stood: with its health, and so many equal verdicts
    /// in a row, the last one of which passed, failed, or proved nothing.
    pub fn take_up(&mut self, health: Health, (streak, last): (u32, Option<bool>), transitions: u32, now_ms: u64) {
        self.health = health;
        if streak > 0 {
            self.streak = streak;
            self.last = Some(last.map_or(Heard::Nothing, |passed| if passed { Heard::Pass } else { Heard::Fail }));
        }
        self.transitions.add_many(now_ms, transitions);
    }

    /// Takes a verdict; returns the change it brought about, if any.
    pub fn observe(&mut self, passed: bool, now_ms: u64) -> Option<Change> {
        if passed { self.hear(Heard::Pass, Health::Up, now_ms) } else { self.hear(Heard::Fail, Health::Down, now_ms) }
    }

    /// Takes a probe that proved nothing. After as many in a row as another verdict would need, what
    /// was known is known no longer.
    pub fn observe_silence(&mut self, now_ms: u64) -> Option<Change> {
        self.hear(Heard::Nothing, Health::Unknown, now_ms)
    }

    fn hear(&mut self, heard: Heard, to: Health, now_ms: u64) -> Option<Change> {
        self.streak = if self.last == Some(heard) { self.streak.saturating_add(1) } else { 1 };
        self.last = Some(heard);
        let threshold = match self.health {
            Health::Unknown => 1,
            Health::Down => u32::from(self.rise),
            Health::Up => u32::from(self.fall),
        };
        if to == self.health || self.streak < threshold {
            return None;
        }
        let change = Change { from: self.health, to, streak: self.streak };
        self.health = to;
        self.since_ms = now_ms;
        self.transitions.add(now_ms);
        Some(change)
    }

    /// Changes the thresholds; health, streak and history stay.
    pub fn retune(&mut self, rise: u16, fall: u16) {
        (self.rise, self.fall) = (rise.max(1), fall.max(1));
    }

    /// What is known.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Equal verdicts in a row, the last one included; 0 before the first.
    pub fn streak(&self) -> u32 {
        self.streak
    }

    /// When the health last changed, on the clock of `observe`; 0 before the first verdict.
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Changes of health within the last ten minutes, to ten seconds.
    pub fn transitions(&self, now_ms: u64) -> u32 {
        self.transitions.count(now_ms)
    }
}

/// Transitions by the slot of time in which they happened; a slot that comes round is overwritten.
#[derive(Clone, Debug)]
struct Transitions {
    slots: [(u64, u32); SLOTS],
}

impl Default for Transitions {
    fn default() -> Self {
        Self { slots: [(0, 0); SLOTS] }
    }
}

impl Transitions {
    fn add(&mut self, now_ms: u64) {
        self.add_many(now_ms, 1);
    }

    fn add_many(&mut self, now_ms: u64, count: u32) {
        let number = now_ms / SLOT_MS;
        let at = usize::try_from(number % SLOTS as u64).expect("a slot number is small");
        let slot = &mut self.slots[at];
        if slot.0 != number {
            *slot = (number, 0);
        }
        slot.1 = slot.1.saturating_add(count);
    }

    fn count(&self, now_ms: u64) -> u32 {
        let now = now_ms / SLOT_MS;
        let recent = self.slots.iter().filter(|&&(number, _)| now.saturating_sub(number) < SLOTS as u64);
        recent.fold(0, |sum, &(_, n)| sum.saturating_add(n))
    }
}

#[cfg(test)]
mod tests;
