//! Health of backends with the evidence, and the rows of the health log.
//!
//! What a single probe found is a [`Verdict`], in `verdict`. Part of [`Status`](super::Status) and
//! of the events of a subscription.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Phases, Verdict};
use crate::model::{Address, CheckProtocol};
use crate::name::Name;

/// Whether a backend can serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It passed its checks.
    Up,
    /// It failed its checks.
    Down,
    /// No verdict yet: eligible, and the first verdict decides at once.
    #[default]
    Unknown,
}

impl Health {
    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Health of one backend with the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStatus {
    /// Up, down or unknown.
    pub health: Health,
    /// When it last changed, in milliseconds since the epoch; 0 before the first verdict.
    pub since_ms: u64,
    /// Equal verdicts in a row, the last one included.
    pub streak: u32,
    /// Changes of health within the last ten minutes.
    pub transitions_10min: u32,
    /// The last verdict.
    pub last: Option<LastVerdict>,
    /// Verdicts in a row that change the health: rise or fall; 0 where nothing is probed.
    #[serde(default)]
    pub threshold: u16,
    /// When the next probe is due, in milliseconds since the epoch.
    #[serde(default)]
    pub next_ms: Option<u64>,
    /// That the health is that of before a restart, and no verdict has come since.
    #[serde(default)]
    pub carried: bool,
    /// That it is usable only because `min_usable` wants so many.
    #[serde(default)]
    pub kept: bool,
    /// What damping thinks of it, where there is a score.
    #[serde(default)]
    pub damping: Option<DampingStatus>,
    /// Its ejection by traffic, the one under way or the last.
    #[serde(default)]
    pub ejection: Option<EjectionStatus>,
}

/// What damping thinks of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DampingStatus {
    /// The score now: 1000 for each time that it went down, halved every half-life.
    pub score: u32,
    /// Until when it is kept out, in milliseconds since the epoch; absent when it is not.
    pub until_ms: Option<u64>,
    /// Times that it was kept out.
    pub total: u64,
}

/// An ejection of a backend by what traffic met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EjectionStatus {
    /// Whether it is under way.
    pub active: bool,
    /// What there was too much of.
    pub why: PassiveCause,
    /// When it began, in milliseconds since the epoch.
    pub since_ms: u64,
    /// When it ends or has ended.
    pub until_ms: u64,
    /// Ejections that follow each other closely, this one included.
    pub streak: u32,
    /// Ejections in all.
    pub total: u64,
}

/// Failures of traffic that eject a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassiveCause {
    /// Connections that could not be made.
    ConnectErrors,
    /// Responses with a 5xx status.
    ServerErrors,
    /// Responses that did not come in time.
    Timeouts,
}

impl PassiveCause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ConnectErrors, Self::ServerErrors, Self::Timeouts];

    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConnectErrors => "connect-errors",
            Self::ServerErrors => "server-errors",
            Self::Timeouts => "timeouts",
        }
    }
}

impl fmt::Display for PassiveCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The newest verdict on a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it said.
    pub verdict: Verdict,
    /// How long the probe took, in microseconds.
    pub latency_us: u64,
    /// How long each of its parts took.
    #[serde(default)]
    pub phases: Phases,
}

/// A row of the health log: equal verdicts in a row on one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Number of the row; a row that grows keeps it.
    pub seq: u64,
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// What was probed.
    pub address: Address,
    /// What the probe spoke.
    pub protocol: CheckProtocol,
    /// What it found.
    pub verdict: Verdict,
    /// How many probes in a row found it.
    pub count: u32,
    /// The first of them, in milliseconds since the epoch.
    pub first_ms: u64,
    /// The last of them.
    pub last_ms: u64,
    /// Fastest, in microseconds.
    pub latency_us_min: u64,
    /// Mean.
    pub latency_us_mean: u64,
    /// Slowest.
    pub latency_us_max: u64,
    /// Equal verdicts in a row up to and including this row.
    pub streak: u32,
    /// Verdicts in a row that change the health: rise or fall.
    pub threshold: u16,
    /// The health that this row's last verdict brought about.
    pub transition: Option<Health>,
    /// The health after this row's last verdict; before it, where that was a transition, the row before
    /// says.
    #[serde(default)]
    pub health: Health,
}
