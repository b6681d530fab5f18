//! Drains: from the moment a backend begins to drain until it is empty or its time is over.
//!
//! A drain runs as long as the admin state is `draining` or `draining-hard`; any other state ends it,
//! and the next one begins anew. It says what has to leave the backend ([`Leaving`]), how far it has
//! come and when it will be done. Keeps no clock and counts no connections: control tells both.

use std::collections::{BTreeMap, VecDeque};

use poise_ipc::Config;
use poise_ipc::model::{AdminState, Backend, DrainEnd};
use poise_ipc::status::{DrainOutcome, DrainStatus};

use crate::live::Leaving;
use crate::plan::{BackendId, Identities};

/// Time between two looks that count for the rate, in milliseconds.
const SAMPLE_MS: u64 = 1_000;
/// Looks that the rate is taken from: half a minute tells a trend and forgets an old one.
const SAMPLES_MAX: usize = 30;

/// What is left at a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Connections, flows and requests that are open.
    pub open: u64,
    /// Those that wait for it.
    pub queued: u64,
    /// Clients that source persistence remembers with it.
    pub pinned: u64,
}

/// The backends that drain.
#[derive(Clone, Debug, Default)]
pub struct Drains {
    running: BTreeMap<BackendId, Drain>,
}

/// One of them. Times are those of the caller, in milliseconds.
#[derive(Clone, Debug)]
struct Drain {
    since_ms: u64,
    /// The same by the wall clock.
    begun_ms: u64,
    deadline_ms: u64,
    then: DrainEnd,
    /// Clients that are bound to the backend still come.
    soft: bool,
    left: Left,
    /// How much was left and when, the oldest first.
    samples: VecDeque<(u64, u64)>,
    told_deadline: bool,
    /// When it was first seen empty.
    empty_ms: Option<u64>,
}

impl Drains {
    /// Follows the admin states of a configuration. `now_ms` is any monotonic time, the same for all
    /// calls; `wall_ms` is what drains that begin now are dated by.
    pub fn follow(&mut self, config: &Config, identities: &Identities, now_ms: u64, wall_ms: u64) {
        let mut before = std::mem::take(&mut self.running);
        for (path, &id) in &identities.backends {
            let backend = config.groups.get(&path.group).and_then(|group| group.backends.get(&path.backend));
            let Some(backend) = backend.filter(|backend| backend.state.is_draining()) else { continue };
            let drain = before.remove(&id).unwrap_or_else(|| Drain::begin(now_ms, wall_ms));
            self.running.insert(id, drain.with(backend));
        }
    }

    /// Whether nobody drains.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The backends that drain.
    pub fn ids(&self) -> impl Iterator<Item = BackendId> {
        self.running.keys().copied()
    }

    /// Takes note of what is left at a backend. Returns what is news: that it is empty, or that its
    /// time is over. Each is said once, and the end of the time only if something is left.
    pub fn observe(&mut self, id: BackendId, left: Left, now_ms: u64) -> Option<DrainOutcome> {
        self.running.get_mut(&id)?.observe(left, now_ms)
    }

    /// What has to leave a backend.
    pub fn leaving(&self, id: BackendId, now_ms: u64) -> Leaving {
        self.running.get(&id).map_or(Leaving::No, |drain| drain.leaving(now_ms))
    }

    /// How far a drain has come, dated by the wall clock.
    pub fn status(&self, id: BackendId) -> Option<DrainStatus> {
        let drain = self.running.get(&id)?;
        let wall_ms = |at_ms: u64| drain.begun_ms.saturating_add(at_ms.saturating_sub(drain.since_ms));
        Some(DrainStatus {
            since_ms: drain.begun_ms,
            deadline_ms: wall_ms(drain.deadline_ms),
            open: drain.left.open,
            queued: drain.left.queued,
            pinned: drain.left.pinned,
            estimated_end_ms: drain.end_ms().map(wall_ms),
        })
    }
}

impl Drain {
    fn begin(now_ms: u64, wall_ms: u64) -> Self {
        Self {
            since_ms: now_ms,
            begun_ms: wall_ms,
            deadline_ms: now_ms,
            then: DrainEnd::Leave,
            soft: true,
            left: Left::default(),
            samples: VecDeque::new(),
            told_deadline: false,
            empty_ms: None,
        }
    }

    /// The same drain under these settings.
    fn with(self, backend: &Backend) -> Self {
        let deadline_ms = self.since_ms.saturating_add(backend.drain.timeout_ms.into());
        // More time is a new end to tell of.
        let told_deadline = self.told_deadline && deadline_ms <= self.deadline_ms;
        let soft = backend.state == AdminState::Draining;
        Self { deadline_ms, then: backend.drain.then, soft, told_deadline, ..self }
    }

    fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.deadline_ms
    }

    fn leaving(&self, now_ms: u64) -> Leaving {
        match self.then {
            DrainEnd::Close if self.is_over(now_ms) => Leaving::Close,
            DrainEnd::Reset if self.is_over(now_ms) => Leaving::Reset,
            DrainEnd::Leave | DrainEnd::Close | DrainEnd::Reset => Leaving::Idle,
        }
    }

    fn observe(&mut self, left: Left, now_ms: u64) -> Option<DrainOutcome> {
        // Where bound clients go elsewhere nothing binds them any more, whatever is remembered.
        let pinned = if self.soft && !self.leaving(now_ms).is_cut() { left.pinned } else { 0 };
        self.left = Left { pinned, ..left };
        if self.samples.back().is_none_or(|&(at_ms, _)| now_ms.saturating_sub(at_ms) >= SAMPLE_MS) {
            self.samples.push_back((now_ms, self.left.total()));
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        let empty = self.left.total() == 0;
        if empty && self.empty_ms.is_none() {
            self.empty_ms = Some(now_ms);
            return Some(DrainOutcome::Empty);
        }
        let over = self.is_over(now_ms) && !empty;
        (over && !std::mem::replace(&mut self.told_deadline, true)).then_some(DrainOutcome::Deadline)
    }

    /// When nothing will be left: at the rate of the last looks, and no later than it is cut. `None`
    /// while nothing ends.
    fn end_ms(&self) -> Option<u64> {
        if self.left.total() == 0 {
            return self.empty_ms;
        }
        let (&(from_ms, from), &(to_ms, to)) = (self.samples.front()?, self.samples.back()?);
        let ended = from.checked_sub(to).filter(|&ended| ended > 0)?;
        let end_ms = to_ms.saturating_add(to.saturating_mul(to_ms - from_ms).div_ceil(ended));
        let cut = self.then != DrainEnd::Leave && to_ms < self.deadline_ms;
        Some(if cut { end_ms.min(self.deadline_ms) } else { end_ms })
    }
}

impl Left {
    fn total(self) -> u64 {
        self.open + self.queued + self.pinned
    }
}

#[cfg(test)]
mod tests;
