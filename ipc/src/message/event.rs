//! Events of the control protocol: what a subscription tells, one by one.
//!
//! They travel within [`ServerMessage`](super::ServerMessage); `control::bus` of the daemon makes
//! them.

use serde::{Deserialize, Serialize};

use super::{Commit, LayerNews, WindowNews};
use crate::model::DrainEnd;
use crate::name::Name;
use crate::status::{
    BackendCounters, CheckRow, DrainOutcome, DrainStatus, EjectionStatus, GroupCounters, Health, HealthStatus,
    LatencyWindows, ListenerCounters, RouteCounters, Status, Verdict,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Number of the event within its connection; a gap means lost events.
    pub seq: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventBody {
    /// The state as a whole: first after `Subscribe`, then after each commit and after `Lost`.
    Snapshot(Box<Status>),
    /// A commit.
    Committed(Commit),
    /// The health of a backend changed.
    Transition(Transition),
    /// A group began or ceased to use backends although all are down.
    FailOpen {
        /// The group.
        group: Name,
        /// Whether it began.
        active: bool,
    },
    /// A verdict: a new row of the health log, or a row that grew.
    Checked(CheckRow),
    /// Counters and states that moved since the last such event.
    Counters(Counters),
    /// Events that this reader was too slow for.
    Lost {
        /// How many.
        count: u64,
    },
    /// A drain came to its end; topic `health`.
    Drained(Drained),
    /// A certificate was read, or comes to its end; topic `health`.
    Certificate(CertificateNews),
    /// A backend began or ceased to come and go; topic `health`.
    Flapping(Flapping),
    /// Traffic ejected a backend, or it is used again; topic `health`.
    Ejected(Ejected),
    /// A confirm window was opened, changed, confirmed or taken back; topic `config`.
    Window(Box<WindowNews>),
    /// A lease or ramp began, changed or ended; topic `config`.
    Layer(Box<LayerNews>),
}

/// An episode in which a backend comes and goes: told when it begins and when it ends, instead of
/// every transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// Whether it began.
    pub active: bool,
    /// When it began, in milliseconds since the epoch.
    pub since_ms: u64,
    /// Transitions within it so far.
    pub transitions: u32,
    /// Until when damping keeps the backend out, if it does.
    pub until_ms: Option<u64>,
}

/// The beginning or the end of an ejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ejected {
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// The ejection.
    pub ejection: EjectionStatus,
}

/// What happened to a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateNews {
    /// Its name in the configuration.
    pub certificate: Name,
    /// What.
    pub what: CertificateEvent,
    /// Whole days until the one in use expires, negative afterwards.
    pub days_left: Option<i64>,
    /// Why its files were refused.
    pub reason: Option<String>,
}

/// What may happen to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateEvent {
    /// It was read again and is used from now on.
    Loaded,
    /// Its files could not be used; the one of before stays.
    Refused,
    /// It expires within 30, 7 or 1 days.
    Expiring,
    /// It has expired.
    Expired,
}

impl CertificateEvent {
    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Refused => "refused",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
        }
    }
}

/// The end of a drain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// Whether it is empty or its time was over.
    pub outcome: DrainOutcome,
    /// What becomes of what is left when its time was over.
    pub then: DrainEnd,
    /// Connections, flows and requests that were open at that moment.
    pub open: u64,
}

/// A change of health with its cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// Health before.
    pub from: Health,
    /// Health after.
    pub to: Health,
    /// The verdict that brought it about.
    pub verdict: Verdict,
    /// Equal verdicts in a row that it took.
    pub streak: u32,
}

/// Counters that moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Listeners whose counters moved.
    pub listeners: Vec<ListenerMoved>,
    /// Backends whose counters, health or effective weight moved.
    pub backends: Vec<BackendMoved>,
    /// Routes whose counters moved.
    #[serde(default)]
    pub routes: Vec<RouteMoved>,
    /// Groups whose counters moved.
    #[serde(default)]
    pub groups: Vec<GroupMoved>,
}

impl Counters {
    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.backends.is_empty() && self.routes.is_empty() && self.groups.is_empty()
    }
}

/// New counters of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteMoved {
    /// Its listener.
    pub listener: Name,
    /// Its name; none for what stands for the listener itself.
    pub route: Option<Name>,
    /// Its counters.
    pub counters: RouteCounters,
    /// Time to the first byte of responses.
    pub latency: LatencyWindows,
}

/// New counters of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMoved {
    /// Its name.
    pub name: Name,
    /// Its counters.
    pub counters: GroupCounters,
    /// Time to the first byte of responses, over all its backends.
    pub latency: LatencyWindows,
}

/// New counters of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerMoved {
    /// Its name.
    pub name: Name,
    /// Its counters.
    pub counters: ListenerCounters,
    /// Time to the first byte of responses.
    #[serde(default)]
    pub latency: LatencyWindows,
}

/// New counters of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendMoved {
    /// Its group.
    pub group: Name,
    /// Its name.
    pub name: Name,
    /// Weight that the scheduler uses.
    pub effective_weight: u32,
    /// Its health with the evidence.
    pub health: HealthStatus,
    /// Its counters.
    pub counters: BackendCounters,
    /// How far its drain has come.
    #[serde(default)]
    pub drain: Option<DrainStatus>,
    /// Clients that source persistence binds to it.
    #[serde(default)]
    pub pinned_entries: u64,
    /// Connections or requests that wait for it.
    #[serde(default)]
    pub queued: u64,
    /// Time to the first byte of responses.
    #[serde(default)]
    pub latency: LatencyWindows,
}
