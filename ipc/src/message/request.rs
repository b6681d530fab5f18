//! What clients ask: the verbs with the role each needs, and what goes with them.
//!
//! Answers are in `reply`. Part of the control protocol, see [`message`](super).

use serde::{Deserialize, Serialize};

use super::{
    AuditQuery, BalanceQuery, LayerQuery, LeaseQuery, PlanQuery, RampQuery, Shutdown, Upgrade, WindowQuery, WindowWish,
};
use crate::edit::Edit;
use crate::entries::{EntryQuery, EntryRemoval};
use crate::errors::ErrorQuery;
use crate::health::{BackendQuery, WhyQuery};
use crate::name::Name;
use crate::persistence::CookieQuery;
use crate::routing::RouteQuery;
use crate::status::Reason;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client; the reply carries it.
    #[serde(default)]
    pub id: u64,
    /// What is asked.
    pub verb: Verb,
}

/// What can be asked, and the role it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Who am I, and who are you (view).
    Hello,
    /// Everything at this moment (view).
    Status,
    /// The running configuration (view).
    Config,
    /// The running configuration as text (view).
    ConfigText,
    /// Applies edits as one commit (operate).
    Apply(Apply),
    /// Replaces the configuration by a text, as one commit (operate).
    Replace(Replace),
    /// Events of these kinds from now on, after a snapshot; replaces an earlier subscription (view).
    Subscribe(Subscribe),
    /// Ends the subscription (view).
    Unsubscribe,
    /// Rows of the health log (view).
    Logs(LogQuery),
    /// The newest commits (view).
    History {
        /// How many at the most, 1 to 1000.
        #[serde(default = "history_default")]
        limit: u32,
        /// Only those before this revision.
        #[serde(default)]
        before: Option<u64>,
    },
    /// How the operator's file differs from the running configuration (view).
    Drift,
    /// Reads the operator's file again (admin).
    Reload {
        /// Which side wins when both have changed.
        #[serde(default)]
        take: Option<Take>,
        /// Which side wins where both have changed one value.
        #[serde(default)]
        decide: Vec<Decision>,
        /// Only say what it would do.
        #[serde(default)]
        dry_run: bool,
    },
    /// Gives up rights for the rest of the connection (view).
    StepDown {
        /// The role to keep.
        role: Role,
    },
    /// What listeners with source persistence remember, page by page (view).
    Entries(EntryQuery),
    /// Forgets clients: they are scheduled anew (operate).
    EntriesRemove(EntryRemoval),
    /// Whom a persistence cookie binds (view).
    Cookie(CookieQuery),
    /// Reads certificates again and uses them from then on, all of them or none (operate).
    CertificatesReload {
        /// This one only.
        #[serde(default)]
        name: Option<Name>,
    },
    /// The messages that were refused last; they hold what peers sent (operate).
    Errors(ErrorQuery),
    /// Where a request would go (view).
    RouteTest(RouteQuery),
    /// Probes a backend now; its health does not change by it (operate).
    Probe(BackendQuery),
    /// How a backend was at a moment, and why (view).
    Why(WhyQuery),
    /// Ends the ejection of a backend, and what damping holds against it (operate).
    Readmit(BackendQuery),
    /// Confirms, takes back or extends the confirm window that is open (operate).
    Window(WindowQuery),
    /// Holds values for a time, above the configured ones (operate).
    Lease(LeaseQuery),
    /// Moves the weight of a backend in steps (operate).
    Ramp(RampQuery),
    /// Ends, extends, holds or resumes a lease or ramp (operate).
    Layer(LayerQuery),
    /// Says what the client is, for history and audit; answered as `Hello` (view).
    Introduce {
        /// As in `poise weight`: 1 to 64 printable ASCII characters.
        client: String,
    },
    /// The configuration as text, as it was at a revision (view).
    ConfigAt {
        /// The revision.
        revision: u64,
    },
    /// The audit trail (operate).
    Audit(AuditQuery),
    /// Lets another program take over without a connection being refused or cut (admin).
    Upgrade(Upgrade),
    /// Drains and ends the daemon (admin).
    Shutdown(Shutdown),
    /// Says what a change would do to traffic, and makes none (view).
    Plan(PlanQuery),
    /// Says what a commit has done to traffic, beside what was forecast (view).
    Aftermath {
        /// Of which; the last one where it is absent.
        #[serde(default)]
        revision: Option<u64>,
    },
    /// Says why the balance of a group is not what its weights ask for (view).
    Balance(BalanceQuery),
}

const fn history_default() -> u32 {
    20
}

/// Edits to apply as one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// The edits, applied in order.
    pub edits: Vec<Edit>,
    /// Refuse with `conflict` unless this is the revision now.
    #[serde(default)]
    pub if_revision: Option<u64>,
    /// Validate and compute only.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether it has to be confirmed.
    #[serde(default)]
    pub window: WindowWish,
}

/// A whole configuration to take as one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    /// The configuration as TOML text.
    pub text: String,
    /// Refuse with `conflict` unless this is the revision now.
    #[serde(default)]
    pub if_revision: Option<u64>,
    /// Validate and compute only.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether it has to be confirmed.
    #[serde(default)]
    pub window: WindowWish,
}

/// Which side of a drift wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Take {
    /// The operator's file.
    File,
    /// The running configuration; the file stays as it is and counts as taken.
    Running,
}

/// Which side wins at a path and below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The path.
    pub path: String,
    /// The side.
    pub take: Take,
}

/// What a connection may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Read.
    View,
    /// Change the configuration, forget clients.
    Operate,
    /// Reload.
    Admin,
}

impl Role {
    /// The word for messages and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// A class of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Commits. A snapshot follows each.
    Config,
    /// Transitions of health, fail-open begun and ended, drains that ended, certificates that were
    /// read or come to their end.
    Health,
    /// Every verdict.
    Checks,
    /// Counters that moved, at the interval of the subscription.
    Counters,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// The classes of events wanted.
    pub topics: Vec<Topic>,
    /// Time between two `Counters` events, 100 to 60000 ms.
    #[serde(default = "interval_default")]
    pub interval_ms: u32,
    /// Which verdicts.
    #[serde(default)]
    pub filter: LogFilter,
}

const fn interval_default() -> u32 {
    1_000
}

/// Which rows of the health log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// Only this group.
    #[serde(default)]
    pub group: Option<Name>,
    /// Only backends of this name.
    #[serde(default)]
    pub backend: Option<Name>,
    /// Only failures and transitions.
    #[serde(default)]
    pub only: LogLevel,
    /// Only rows whose last verdict is not older, in milliseconds since the epoch.
    #[serde(default)]
    pub since_ms: u64,
    /// Only rows whose first verdict is not younger.
    #[serde(default)]
    pub until_ms: Option<u64>,
    /// Only rows of this outcome.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// Only failures for this reason.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// Only rows whose line has this text, in whatever case.
    #[serde(default)]
    pub text: Option<String>,
}

/// What a probe may have led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// Nothing was heard.
    Silent,
}

/// How much of the health log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Every row.
    #[default]
    All,
    /// Failed probes and transitions.
    Failures,
    /// Transitions.
    Transitions,
}

/// A query of the health log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Which rows.
    #[serde(default)]
    pub filter: LogFilter,
    /// Only rows with a smaller number, for paging backwards.
    #[serde(default)]
    pub before_seq: Option<u64>,
    /// How many, 1 to 1000; the newest that match are returned, oldest first.
    #[serde(default = "log_limit_default")]
    pub limit: u32,
}

const fn log_limit_default() -> u32 {
    100
}
