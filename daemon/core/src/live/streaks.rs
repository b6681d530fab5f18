//! Failures of traffic in a row: what passive checks go by.
//!
//! Shared by all workers: a backend that fails fails at all of them. A success is a load as long as
//! nothing has failed, so that healthy backends cost nothing. The longest row since control looked
//! last is kept for it; a success in between does not hide it. Who counts says what counts: nothing
//! that clients break off, and nothing that poised refuses itself.

use std::sync::atomic::{AtomicU32, Ordering};

use poise_ipc::status::PassiveCause;

/// The rows of one backend.
#[derive(Debug, Default)]
pub struct Streaks([Streak; PassiveCause::ALL.len()]);

#[derive(Debug, Default)]
struct Streak {
    now: AtomicU32,
    longest: AtomicU32,
}

impl Streaks {
    /// Something has failed.
    #[cold]
    pub fn failed(&self, cause: PassiveCause) {
        let streak = &self.0[cause as usize];
        let now = streak.now.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        streak.longest.fetch_max(now, Ordering::Relaxed);
    }

    /// It went well.
    #[inline]
    pub fn succeeded(&self, cause: PassiveCause) {
        let streak = &self.0[cause as usize];
        if streak.now.load(Ordering::Relaxed) != 0 {
            streak.now.store(0, Ordering::Relaxed);
        }
    }

    /// A response came whole; whether its status was 5xx. One that is cut off is not a success, however
    /// well it began.
    #[inline]
    pub fn answered(&self, is_error: bool) {
        self.succeeded(PassiveCause::Timeouts);
        if is_error {
            self.failed(PassiveCause::ServerErrors);
        } else {
            self.succeeded(PassiveCause::ServerErrors);
        }
    }

    /// The longest row of a kind since this was last asked; one that goes on counts again.
    pub fn take(&self, cause: PassiveCause) -> u32 {
        let streak = &self.0[cause as usize];
        match streak.longest.load(Ordering::Relaxed) {
            0 => 0,
            _ => streak.longest.swap(0, Ordering::Relaxed),
        }
    }

    /// Begins all anew.
    pub fn reset(&self) {
        for cause in PassiveCause::ALL {
            self.take(cause);
            self.succeeded(cause);
        }
    }
}

#[cfg(test)]
mod tests;
