//! Ejection: a backend that traffic meets failing is out for a time.
//!
//! The first ejection lasts `ejection`, the second twice as long, and so on up to `ejection_max`. A
//! backend that stayed in after an ejection for at least as long as that ejection was to last begins
//! anew with the first. Time alone ends it; [`Ejection::readmit`] ends it at once and forgets the row.
//! It goes with an upgrade, but not over a restart: traffic finds out anew soon enough. Keeps no clock: time is an
//! argument.

use poise_ipc::model::{Passive, Switch};
use poise_ipc::status::{EjectionStatus, PassiveCause};

use crate::live::Streaks;

/// The ejections of one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ejection {
    /// The one under way or the last.
    latest: Option<EjectionStatus>,
}

impl Ejection {
    /// As another process has known it.
    pub const fn take_up(latest: Option<EjectionStatus>) -> Self {
        Self { latest }
    }

    /// Whether the backend is out.
    pub fn is_out(&self) -> bool {
        self.latest.is_some_and(|latest| latest.active)
    }

    /// The ejection under way or the last, with the counts.
    pub fn status(&self) -> Option<EjectionStatus> {
        self.latest
    }

    /// Takes what traffic has met since the last look. Returns whether that ejects the backend.
    pub fn look(&mut self, settings: &Passive, streaks: &Streaks, now_ms: u64) -> bool {
        if self.is_out() || settings.mode == Switch::Off {
            // What is met meanwhile, or was before, does not count.
            streaks.reset();
            return false;
        }
        let found = PassiveCause::ALL.into_iter().filter(|&cause| {
            let (met, many) = (streaks.take(cause), threshold(settings, cause));
            many > 0 && met >= u32::from(many)
        });
        // All are taken: a second cause of the same failure is no news afterwards.
        let Some(why) = found.fold(None, |first, cause| first.or(Some(cause))) else { return false };
        self.begin(settings, why, now_ms);
        streaks.reset();
        true
    }

    fn begin(&mut self, settings: &Passive, why: PassiveCause, now_ms: u64) {
        let (before, total) = self.latest.map_or((0, 0), |latest| {
            let length_ms = latest.until_ms.saturating_sub(latest.since_ms);
            let follows_closely = now_ms.saturating_sub(latest.until_ms) < length_ms;
            (if follows_closely { latest.streak } else { 0 }, latest.total)
        });
        let streak = before.saturating_add(1);
        let longest_ms = u64::from(settings.ejection_ms_max.max(settings.ejection_ms));
        let length_ms = u64::from(settings.ejection_ms).saturating_mul(u64::from(streak)).min(longest_ms);
        let until_ms = now_ms.saturating_add(length_ms);
        let total = total.saturating_add(1);
        self.latest = Some(EjectionStatus { active: true, why, since_ms: now_ms, until_ms, streak, total });
    }

    /// Brings it to a moment. Returns whether the backend was out until then.
    pub fn step(&mut self, settings: &Passive, now_ms: u64) -> bool {
        match &mut self.latest {
            Some(latest) if latest.active && (latest.until_ms <= now_ms || settings.mode == Switch::Off) => {
                latest.active = false;
                latest.until_ms = latest.until_ms.min(now_ms);
                true
            }
            _ => false,
        }
    }

    /// Lets the backend in again, and begins the row anew. Returns whether it was out.
    pub fn readmit(&mut self, now_ms: u64) -> bool {
        let Some(latest) = &mut self.latest else { return false };
        let was_out = latest.active;
        (latest.active, latest.streak) = (false, 0);
        latest.until_ms = latest.until_ms.min(now_ms);
        was_out
    }
}

/// How many in a row eject; 0: they do not count.
fn threshold(settings: &Passive, cause: PassiveCause) -> u16 {
    match cause {
        PassiveCause::ConnectErrors => settings.connect_errors,
        PassiveCause::ServerErrors => settings.server_errors,
        PassiveCause::Timeouts => settings.timeouts,
    }
}

#[cfg(test)]
mod tests;
