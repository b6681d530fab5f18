//! Explanations: why the balance of a group is not what its weights ask for.
//!
//! Shares are millionths of the work of the group in a span of time; work is connections (`tcp`), flows
//! (`udp`) or requests (`http`). What the causes take from or add to a backend adds up to its gap.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::model::Scheduler;
use crate::name::Name;

/// Spans that can be asked about, in milliseconds: 10 s to 1 h.
pub const BALANCE_WINDOW_MS: RangeInclusive<u64> = 10_000..=3_600_000;

/// Asks about a balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceQuery {
    /// A group, or a listener, which stands for the group that it leads to.
    pub of: Name,
    /// How far back, [`BALANCE_WINDOW_MS`].
    pub window_ms: u64,
}

/// How a balance came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceAnswer {
    /// The group.
    pub group: Name,
    /// Its scheduler now.
    pub scheduler: Scheduler,
    /// When it was asked, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The span that it is about, in milliseconds: not more than is known.
    pub span_ms: u64,
    /// Work that came in it.
    pub work: u64,
    /// How much of that persistence decided.
    pub pinned: u64,
    /// Whether it is as the weights ask, or no further off than chance puts it.
    pub is_even: bool,
    /// How likely work that goes at random by the shares that were due is as far off, in millionths.
    pub chance_ppm: u32,
    /// The backends by name, and those that are gone and had work.
    pub backends: Vec<BackendBalance>,
    /// The causes, the greatest first.
    pub causes: Vec<BalanceCause>,
}

impl BalanceAnswer {
    /// How much of the work went to others than the weights of now ask for, in millionths.
    pub fn gap_ppm(&self) -> u32 {
        let gaps = self.backends.iter().map(|one| u64::from(one.observed_ppm.abs_diff(one.expected_ppm)));
        u32::try_from(gaps.sum::<u64>() / 2).unwrap_or(u32::MAX)
    }
}

/// A backend in a balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendBalance {
    /// Its name; as it was last where it is gone.
    pub backend: Name,
    /// Whether it is still there.
    pub is_there: bool,
    /// Its share by the weights that are configured now.
    pub expected_ppm: u32,
    /// The share that it got.
    pub observed_ppm: u32,
    /// Work that it got.
    pub picks: u64,
    /// What each cause adds or takes.
    pub terms: Vec<(Imbalance, i32)>,
}

/// A cause of imbalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceCause {
    /// Which.
    pub cause: Imbalance,
    /// How much of the work it moved, in millionths.
    pub size_ppm: u32,
    /// What was measured, with its span.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: String,
    /// The edits that would mend it, if some would.
    pub mend: Vec<Edit>,
}

/// Kinds of causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Imbalance {
    /// The weights were others for a part of the span (S-13).
    Weights,
    /// Leases or ramps held other weights.
    Layers,
    /// Backends were drained or disabled, or had weight 0 in force.
    State,
    /// Backends were down, ejected or kept out, backups served, or the group failed open (S-17).
    Health,
    /// Backends were in slow start.
    SlowStart,
    /// Persistence bound clients to their backends (S-16).
    Pinned,
    /// The same together with `wlc`, which cannot move whom persistence binds (S-19).
    PinnedWlc,
    /// The scheduler goes by open work: backends that take longer, or keep connections open, get less new (S-18).
    Busy,
    /// Backends could not be reached and others took their work.
    Failover,
    /// Backends were at their bound of connections (S-15).
    Full,
    /// Few keys: each has its backend by `hash` (S-16).
    Keys,
    /// Chance, or the turn of the scheduler that was not over (S-14).
    Chance,
}

impl Imbalance {
    /// The word for it, the same as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Layers => "layers",
            Self::State => "state",
            Self::Health => "health",
            Self::SlowStart => "slow-start",
            Self::Pinned => "pinned",
            Self::PinnedWlc => "pinned-wlc",
            Self::Busy => "busy",
            Self::Failover => "failover",
            Self::Full => "full",
            Self::Keys => "keys",
            Self::Chance => "chance",
        }
    }
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
