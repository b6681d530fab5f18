//! Slow start and backups: what the daemon does to the shares of backends by itself.
//!
//! The rules are core's; here is the time they go by, and what is said of them. Nothing of it is
//! stored: after a restart nobody ramps.

use poise_core::plan::Plan;
use tracing::{info, warn};

use super::Reconcile;
use crate::control::ports::Ports;
use crate::wall::now_ms;

impl<P: Ports + 'static> Reconcile<P> {
    /// Lets slow start follow configuration and health. Returns whether it gives somebody another
    /// share than before.
    pub(super) fn follow_ramps(&mut self) -> bool {
        let now_ms = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (state, standings) = (&self.state, self.trackers.standings());
        let config = self.layers.in_force.as_ref().unwrap_or(&state.config);
        self.ramps.follow(config, &state.identities, standings, now_ms)
    }

    /// Lets those in slow start grow by a step.
    pub(super) fn step_ramps(&mut self) {
        if self.follow_ramps() {
            let failed_open = self.publish();
            self.tell_fail_open(&failed_open, now_ms());
        }
    }
}

/// Logs which groups began or ceased to be served by their backups.
pub(super) fn tell_backups(before: &Plan, after: &Plan) {
    for group in &after.groups {
        let served = before.group(&group.name).is_some_and(|before| before.on_backups);
        match (served, group.on_backups) {
            (false, true) => warn!(group = %group.name, "no other backend can serve: the backups do"),
            (true, false) => info!(group = %group.name, "the backups no longer serve"),
            _ => {}
        }
    }
}
