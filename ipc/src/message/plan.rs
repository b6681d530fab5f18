//! Plans before a commit: what a change would do to traffic, and afterwards what it did.
//!
//! A forecast is made on the live state (health, admin states, slow start, layers, persistence) and
//! changes nothing. Shares are thousandths of the work of a group; work is connections (`tcp`), flows
//! (`udp`) or requests (`http`).

use serde::{Deserialize, Serialize};

use crate::advice::Finding;
use crate::edit::Edit;
use crate::model::{DrainEnd, Scheduler};
use crate::name::Name;

/// Asks what a change would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanQuery {
    /// The change.
    pub wanted: Planned,
    /// Refuse unless this is the revision now.
    #[serde(default)]
    pub if_revision: Option<u64>,
}

/// A change that is thought of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Planned {
    /// The running configuration with these edits.
    Edits(Vec<Edit>),
    /// A whole configuration as text.
    Text(String),
}

/// What a change would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The revision that it starts from.
    pub revision: u64,
    /// When it was made, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The change, value by value; nothing would change where it is empty.
    pub edits: Vec<Edit>,
    /// The groups that it touches: their settings, backends, shares, or who may be used.
    pub groups: Vec<GroupForecast>,
    /// The listeners that it touches.
    pub listeners: Vec<ListenerForecast>,
    /// Findings that would appear.
    pub findings: Vec<Finding>,
    /// Findings that would go.
    pub findings_gone: Vec<Finding>,
}

impl Forecast {
    /// Entries of source persistence whose clients would go elsewhere when they next come, or be forgotten,
    /// because of the change.
    pub fn entries_moved(&self) -> u64 {
        let moved = self.groups.iter().flat_map(|group| &group.backends).map(BackendForecast::moved).sum::<u64>();
        moved + self.listeners.iter().map(|listener| listener.forgotten).sum::<u64>()
    }

    /// Open connections, flows and requests that would be ended by the change at some time.
    pub fn cut(&self) -> u64 {
        let backends = self.groups.iter().flat_map(|group| &group.backends);
        backends
            .filter(|backend| matches!(backend.fate, Fate::Drains { then, .. } if then.cuts()))
            .map(|b| b.open)
            .sum()
    }
}

/// What would become of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupForecast {
    /// Its name.
    pub group: Name,
    /// As it is; absent where it would be added.
    pub before: Option<GroupOutlook>,
    /// As it would be; absent where it would be removed.
    pub after: Option<GroupOutlook>,
    /// Work that came for it in the time that shares are made from.
    pub seen: u64,
    /// That time, in milliseconds; at most a minute.
    pub seen_ms: u64,
    /// How much of that work persistence decided, in thousandths.
    pub pinned_permille: u16,
    /// Its backends, those included that would go, by name.
    pub backends: Vec<BackendForecast>,
}

/// A group at one side of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOutlook {
    /// How a backend is chosen. Shares are exact for `rr` and `wrr`; for `wlc` and `p2c` they hold where
    /// backends are equally fast, for `hash` where clients are many.
    pub scheduler: Scheduler,
    /// Backends that take new work.
    pub takers: u32,
    /// Backends in all.
    pub backends: u32,
    /// Whether too few are usable.
    pub failing_open: bool,
    /// Whether the backups serve.
    pub on_backups: bool,
    /// Work that the takers have room for beside what they do now; absent where one of them has no bound.
    pub room: Option<u64>,
}

/// What would become of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendForecast {
    /// Its name, as it would be where it stays.
    pub backend: Name,
    /// Its share now, in thousandths; absent where it would be added, or nobody in the group takes work.
    pub before_permille: Option<u16>,
    /// Its share afterwards; absent where it would be removed, or nobody would take work.
    pub after_permille: Option<u16>,
    /// Clients that source persistence binds to it.
    pub entries: u64,
    /// How many of them go elsewhere when they next come, without the change.
    pub moving_anyway: u64,
    /// How many of them would after it.
    pub moving: u64,
    /// How many of them would be refused after it, because they may go nowhere else.
    pub refused: u64,
    /// Connections, flows and requests that are open at it.
    pub open: u64,
    /// What would become of those.
    pub fate: Fate,
}

impl BackendForecast {
    /// Clients that the change moves.
    pub fn moved(&self) -> u64 {
        self.moving.saturating_sub(self.moving_anyway)
    }
}

/// What becomes of what is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is not touched.
    #[default]
    Stays,
    /// It goes on until it ends by itself; nothing new comes.
    Outlives,
    /// It has so much time to end by itself.
    Drains {
        /// That time, in milliseconds.
        within_ms: u32,
        /// What happens to what is left then.
        then: DrainEnd,
    },
}

/// What would become of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerForecast {
    /// Its name.
    pub listener: Name,
    /// What happens to it.
    pub change: ListenerChange,
    /// Connections that are open at it.
    pub open: u64,
    /// Clients that it remembers.
    pub entries: u64,
    /// How many of them it would forget.
    pub forgotten: u64,
}

/// What happens to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerChange {
    /// It begins to accept.
    Added,
    /// It accepts no more.
    Removed,
    /// It accepts elsewhere; its sockets are new.
    Moved,
    /// It keeps its sockets; TLS is set up anew.
    Secured,
    /// It keeps its sockets; its settings are others.
    Set,
    /// Only its name is another.
    Renamed,
}

/// What a commit did, beside what was forecast of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aftermath {
    /// The revision of the commit.
    pub revision: u64,
    /// What was forecast when it was made.
    pub forecast: Forecast,
    /// Time since the commit, in milliseconds; what was seen, was seen in it.
    pub span_ms: u64,
    /// Clients of source persistence that have gone to another backend since.
    pub entries_moved: u64,
    /// What was seen at the groups of the forecast that are still there.
    pub groups: Vec<GroupSeen>,
}

/// What was seen at a group since a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSeen {
    /// Its name.
    pub group: Name,
    /// Work that came for its backends.
    pub picks: u64,
    /// Its backends by name.
    pub backends: Vec<BackendSeen>,
}

/// What was seen at a backend since a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSeen {
    /// Its name.
    pub backend: Name,
    /// Its share, in thousandths; absent where no work came.
    pub share_permille: Option<u16>,
    /// Work that it got.
    pub picks: u64,
    /// How much of that persistence decided.
    pub pinned: u64,
    /// Responses of 5xx, failed dials and failures after it was reached.
    pub errors: u64,
}
