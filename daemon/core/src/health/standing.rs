//! Whether a backend may be used, by itself: what its checks say, and what keeps it out all the same.
//!
//! What a group makes of it is `policy`'s. Control fills it in and hands it to the plan.

use poise_ipc::status::Health;

/// What is known of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What its checks say.
    pub health: Health,
    /// Damping or an ejection keeps it out, whatever its checks say.
    pub is_out: bool,
    /// When it ceased to be fit, in milliseconds on the clock of the verdicts; 0 while it is fit.
    pub unfit_since_ms: u64,
}

impl Standing {
    /// Whether it may be used for its own sake.
    pub fn is_fit(self) -> bool {
        self.health != Health::Down && !self.is_out
    }
}

impl From<Health> for Standing {
    fn from(health: Health) -> Self {
        Self { health, ..Self::default() }
    }
}
