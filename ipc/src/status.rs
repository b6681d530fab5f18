//! What the daemon says about its running state: listeners, groups, backends, health, counters,
//! and the rows of the health log.
//!
//! Totals only ever grow while an object lives; rates and shares are differences that the reader
//! makes. Times are milliseconds since the Unix epoch, spans are milliseconds or microseconds as
//! the name says.

mod group;
mod health;
mod hook;
mod latency;
mod listener;
mod predecessor;
mod recorder;
mod tls;
mod verdict;

use serde::{Deserialize, Serialize};

use crate::advice::Finding;
use crate::message::{LayerEnded, LayerStatus, WindowStatus};

pub use group::{BackendCounters, BackendStatus, Configured, DrainOutcome, DrainStatus, GroupCounters, GroupStatus};
pub use health::{CheckRow, DampingStatus, EjectionStatus, Health, HealthStatus, LastVerdict, PassiveCause};
pub use hook::HookStatus;
pub use latency::{LatencyWindows, Quantiles};
pub use listener::{ListenerCounters, ListenerStatus, RouteCounters, RouteStatus, RuleHits, SourceCounters};
pub use predecessor::PredecessorStatus;
pub use recorder::RecorderStatus;
pub use tls::{CertificateFacts, CertificateStatus, TlsCounters, TlsFailure};

pub use self::verdict::{Phase, Phases, Reason, Verdict};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When this was taken, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The process.
    pub daemon: DaemonStatus,
    /// Number of the last commit.
    pub revision: u64,
    /// Number of the plan in force.
    pub generation: u64,
    /// Listeners by name.
    pub listeners: Vec<ListenerStatus>,
    /// Groups by name.
    pub groups: Vec<GroupStatus>,
    /// Advice on the running configuration.
    pub findings: Vec<Finding>,
    /// Certificates by name.
    pub certificates: Vec<CertificateStatus>,
    /// The recorder of probes.
    #[serde(default)]
    pub recorder: RecorderStatus,
    /// The hook command, where poised was given one.
    #[serde(default)]
    pub hook: Option<HookStatus>,
    /// The confirm window that is open.
    #[serde(default)]
    pub window: Option<WindowStatus>,
    /// Leases and ramps, in the order in which they began.
    #[serde(default)]
    pub layers: Vec<LayerStatus>,
    /// Those that ended last, since the start, the newest last; at most
    /// [`ENDED_MAX`](crate::message::ENDED_MAX).
    #[serde(default)]
    pub layers_ended: Vec<LayerEnded>,
}

/// The process that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Version of poised.
    pub version: String,
    /// Host name of the machine.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Worker threads of the data plane.
    pub workers: u16,
    /// The operator's file, if one is in use.
    pub config_file: Option<String>,
    /// Whether the operator's file has changed since it was last taken.
    pub drift: bool,
    /// Records of failed work that a full ring dropped.
    pub records_lost_total: u64,
    /// Whether nothing may be changed.
    #[serde(default)]
    pub read_only: bool,
    /// Processes that have handed over to this one and still drain, the oldest first.
    #[serde(default)]
    pub predecessors: Vec<PredecessorStatus>,
}
