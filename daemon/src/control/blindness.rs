//! Backends that pass checks which only connect, while what they answer to clients fails (S-33).
//!
//! A backend is looked at anew for every so many responses, so that one bad moment is forgotten. No
//! health changes by it: it is advice. Reconcile keeps it in step.

use std::collections::{BTreeSet, HashMap};

use poise_core::plan::{BackendId, Plan};
use poise_ipc::model::{CheckProtocol, Group, Switch};
use poise_ipc::status::Health;

/// Responses between two looks: few enough for a quiet backend, too many for one slip to be half.
const RESPONSES_MIN: u64 = 10;

/// What is known of every backend whose check may be blind.
#[derive(Debug, Default)]
pub(super) struct Blindness(HashMap<BackendId, Seen>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Responses at the last look, and those of 5xx.
    responses: u64,
    failed: u64,
    is_blind: bool,
}

/// Whether nothing but the port of the backends is looked at, by checks or by traffic.
pub(super) fn sees_the_port_alone(group: &Group) -> bool {
    let (check, passive) = (&group.health_check, &group.passive);
    let connects = check.protocol == CheckProtocol::Tcp
        && check.send.is_none()
        && check.receive.is_none()
        && check.receive_regex.is_none();
    connects && (passive.mode == Switch::Off || passive.server_errors == 0)
}

impl Blindness {
    /// Takes the counts now and forgets what is gone. Whether there is something else to say.
    pub(super) fn turn(&mut self, plan: &Plan) -> bool {
        let before = std::mem::take(&mut self.0);
        for group in plan.groups.iter().filter(|group| sees_the_port_alone(&group.settings)) {
            for backend in &group.backends {
                let classes = backend.live.responses();
                let (responses, failed) = (classes.iter().sum::<u64>(), classes[4]);
                let last = before.get(&backend.id).copied().unwrap_or_default();
                let mut seen = last;
                if backend.standing.health != Health::Up {
                    seen = Seen { responses, failed, is_blind: false };
                } else if responses >= last.responses + RESPONSES_MIN {
                    let is_blind = 2 * (failed - last.failed) >= responses - last.responses;
                    seen = Seen { responses, failed, is_blind };
                }
                self.0.insert(backend.id, seen);
            }
        }
        blind(&before) != blind(&self.0)
    }

    /// Whether the check of a backend does not see what clients see.
    pub(super) fn holds(&self, backend: BackendId) -> bool {
        self.0.get(&backend).is_some_and(|seen| seen.is_blind)
    }
}

fn blind(seen: &HashMap<BackendId, Seen>) -> BTreeSet<BackendId> {
    seen.iter().filter(|(_, seen)| seen.is_blind).map(|(&id, _)| id).collect()
}

#[cfg(test)]
mod tests;
