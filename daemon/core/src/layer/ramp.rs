//! A ramp: the weight of a backend in equal steps over a time, which can be held.

use poise_ipc::BackendPath;
use poise_ipc::message::{RAMP_STEP_MS_MIN, RampStatus, Trip};
use serde::{Deserialize, Serialize};

/// A weight on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// The backend.
    pub backend: BackendPath,
    /// The weight that it began with.
    pub from: u16,
    /// The weight that it leads to.
    pub to: u16,
    /// Over what time.
    pub over_ms: u64,
    /// In how many steps.
    pub steps: u32,
    /// What ends it before.
    pub aborts: Vec<Trip>,
    /// Time of it that is done, up to `running_ms` or, without that, for good while it is held.
    done_ms: u64,
    /// Since when it runs; none while it is held.
    running_ms: Option<u64>,
    /// Why its last weight is not configured yet.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl Ramp {
    /// A ramp that begins now. Without a number of steps it has as many as there are weights, at
    /// most one in [`RAMP_STEP_MS_MIN`].
    pub fn new(backend: BackendPath, (from, to): (u16, u16), over_ms: u64, steps: Option<u32>, now_ms: u64) -> Self {
        let most = u32::try_from(over_ms / RAMP_STEP_MS_MIN).unwrap_or(u32::MAX).max(1);
        let steps = steps.unwrap_or_else(|| u32::from(from.abs_diff(to))).clamp(1, most);
        let (done_ms, running_ms) = (0, Some(now_ms));
        Self { backend, from, to, over_ms, steps, aborts: Vec::new(), done_ms, running_ms, trouble: None }
    }

    fn elapsed_ms(&self, now_ms: u64) -> u64 {
        let since = self.running_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        self.done_ms.saturating_add(since).min(self.over_ms)
    }

    /// Steps done.
    pub fn step(&self, now_ms: u64) -> u32 {
        let done = u128::from(self.elapsed_ms(now_ms)) * u128::from(self.steps) / u128::from(self.over_ms.max(1));
        u32::try_from(done).unwrap_or(self.steps)
    }

    /// The weight now.
    pub fn weight(&self, now_ms: u64) -> u16 {
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        let way = (to - from) * i64::from(self.step(now_ms)) / i64::from(self.steps);
        u16::try_from(from + way).unwrap_or(self.to)
    }

    /// Whether it has done its last step.
    pub fn has_arrived(&self, now_ms: u64) -> bool {
        self.step(now_ms) >= self.steps
    }

    /// When it arrives; of one that is held, if it went on now.
    pub fn until_ms(&self, now_ms: u64) -> u64 {
        match self.running_ms {
            Some(since_ms) => since_ms.saturating_add(self.over_ms - self.done_ms.min(self.over_ms)),
            None => now_ms.saturating_add(self.over_ms - self.done_ms.min(self.over_ms)),
        }
    }

    /// Whether it is held.
    pub fn is_held(&self) -> bool {
        self.running_ms.is_none()
    }

    /// Stays at the weight of now.
    pub fn hold(&mut self, now_ms: u64) {
        self.done_ms = self.elapsed_ms(now_ms);
        self.running_ms = None;
    }

    /// Goes on from there.
    pub fn resume(&mut self, now_ms: u64) {
        self.running_ms.get_or_insert(now_ms);
    }

    /// When the next step is due; none while it is held and after the last.
    fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let next = u128::from(self.step(now_ms)) + 1;
        let at = (next * u128::from(self.over_ms)).div_ceil(u128::from(self.steps));
        let since_ms = self.running_ms.filter(|_| !self.has_arrived(now_ms))?;
        Some((since_ms + u64::try_from(at).ok()?).saturating_sub(self.done_ms))
    }

    /// The ramp as the protocol tells it.
    pub fn status(&self, now_ms: u64) -> RampStatus {
        RampStatus {
            backend: self.backend.clone(),
            from: self.from,
            to: self.to,
            weight: self.weight(now_ms),
            step: self.step(now_ms),
            steps: self.steps,
            next_ms: self.next_ms(now_ms),
            held: self.is_held(),
            aborts: self.aborts.clone(),
            trouble: self.trouble.clone(),
        }
    }
}
