//! Slow start: a backend that begins to take new work grows to its weight.
//!
//! It grows in a straight line over the group's time, from 1 % on (behaviour.md §4.3, Envoy's curve
//! with aggression 1). It begins when a backend comes up, is added, or is enabled again; only while
//! a peer takes its whole share, since there is nobody to spare it otherwise: at the start of the
//! daemon, or when all come back at once, none ramps. Keeps no clock: time is an argument. Control
//! calls it and hands the result to [`compile`](crate::plan::compile()).

use std::collections::HashMap;

use poise_ipc::Config;
use poise_ipc::model::{Group, Scheduler};

use crate::health::Standing;
use crate::plan::{BackendId, Identities, standing_of, takes_new};

/// The least share of the weight, in thousandths.
pub const RAMP_PERMILLE_MIN: u16 = 10;
/// The whole weight, in thousandths.
pub const RAMP_PERMILLE_FULL: u16 = 1_000;

/// The backends in slow start.
#[derive(Clone, Debug, Default)]
pub struct Ramps {
    /// Backends that take new work, and since when they ramp if they do.
    serving: HashMap<BackendId, Option<u64>>,
    permilles: HashMap<BackendId, u16>,
}

/// A backend that takes new work.
#[derive(Clone, Copy, Debug)]
struct Serving {
    id: BackendId,
    backup: bool,
    /// Since when it ramps.
    since_ms: Option<u64>,
}

impl Ramps {
    /// Thousandths of their weight that backends in slow start have; the others have all of it.
    pub fn permilles(&self) -> &HashMap<BackendId, u16> {
        &self.permilles
    }

    /// Follows configuration and health to `now_ms`, any monotonic time. Returns whether a backend
    /// has another share than before.
    pub fn follow(
        &mut self,
        config: &Config,
        identities: &Identities,
        standings: &HashMap<BackendId, Standing>,
        now_ms: u64,
    ) -> bool {
        let mut groups: HashMap<&str, Vec<Serving>> = HashMap::new();
        for (path, &id) in &identities.backends {
            let Some(group) = config.groups.get(&path.group) else { continue };
            let Some(backend) = group.backends.get(&path.backend) else { continue };
            if takes_new(backend) && standing_of(group, id, standings).is_fit() {
                let since_ms = self.serving.get(&id).copied().unwrap_or(Some(now_ms));
                let since_ms = since_ms.filter(|&since_ms| is_ramping(group, since_ms, now_ms));
                groups.entry(path.group.as_str()).or_default().push(Serving { id, backup: backend.backup, since_ms });
            }
        }
        let before = std::mem::take(&mut self.permilles);
        self.serving.clear();
        for (name, mut serving) in groups {
            let slow_start_ms = config.groups.get(name).map_or(0, slow_start_ms);
            skip(&mut serving);
            for Serving { id, since_ms, .. } in serving {
                self.serving.insert(id, since_ms);
                let permille = since_ms.map(|since_ms| permille(now_ms.saturating_sub(since_ms), slow_start_ms));
                self.permilles.extend(permille.map(|permille| (id, permille)));
            }
        }
        before != self.permilles
    }
}

/// The time of a group; 0 where there is no slow start. `rr` knows no weights, and the clients of
/// `hash` would move twice.
fn slow_start_ms(group: &Group) -> u64 {
    match group.scheduler {
        Scheduler::Rr | Scheduler::Hash => 0,
        Scheduler::Wrr | Scheduler::Wlc | Scheduler::P2c => group.slow_start_ms.map_or(0, u64::from),
    }
}

fn is_ramping(group: &Group, since_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(since_ms) < slow_start_ms(group)
}

/// Ends the ramps of those who have no peer at full weight: nobody could take what they leave.
/// Backups are no peers of the others, since they do not serve together.
fn skip(serving: &mut [Serving]) {
    for backup in [false, true] {
        if serving.iter().all(|peer| peer.backup != backup || peer.since_ms.is_some()) {
            serving.iter_mut().filter(|peer| peer.backup == backup).for_each(|peer| peer.since_ms = None);
        }
    }
}

/// The share after `elapsed_ms` of `slow_start_ms`.
fn permille(elapsed_ms: u64, slow_start_ms: u64) -> u16 {
    let full = u64::from(RAMP_PERMILLE_FULL);
    let grown = elapsed_ms.saturating_mul(full) / slow_start_ms.max(1);
    u16::try_from(grown.min(full)).unwrap_or(RAMP_PERMILLE_FULL).max(RAMP_PERMILLE_MIN)
}

#[cfg(test)]
mod tests;
