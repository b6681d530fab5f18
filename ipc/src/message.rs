//! Messages of the control protocol: requests and replies here, events in `event`.
//!
//! The same types travel as bincode frames and as JSON lines (`frame`). Variants and fields are
//! only ever appended; fields that JSON may leave out have a default.

mod event;

use serde::{Deserialize, Serialize};

pub use event::Transition;
pub use event::{BackendMoved, CertificateEvent, CertificateNews, Counters, Drained, Event, EventBody, ListenerMoved};

use crate::edit::Edit;
use crate::entries::{EntryPage, EntryQuery, EntryRemoval};
use crate::errors::{ErrorPage, ErrorQuery};
use crate::fault::Fault;
use crate::model::Config;
use crate::name::Name;
use crate::persistence::{CookieQuery, CookieRow};
use crate::routing::{RouteAnswer, RouteQuery};
use crate::status::{CertificateStatus, CheckRow, Status};

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
    },
    /// How the operator's file differs from the running configuration (view).
    Drift,
    /// Reads the operator's file again (admin).
    Reload {
        /// Which side wins when both have changed.
        #[serde(default)]
        take: Option<Take>,
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
}

impl Verb {
    /// The least role that may ask it.
    pub const fn role(&self) -> Role {
        match self {
            Self::Apply(_)
            | Self::Replace(_)
            | Self::EntriesRemove(_)
            | Self::CertificatesReload { .. }
            | Self::Errors(_) => Role::Operate,
            Self::Reload { .. } => Role::Admin,
            Self::Hello
            | Self::Status
            | Self::Config
            | Self::ConfigText
            | Self::Subscribe(_)
            | Self::Unsubscribe
            | Self::Logs(_)
            | Self::History { .. }
            | Self::Drift
            | Self::StepDown { .. }
            | Self::Entries(_)
            | Self::Cookie(_)
            | Self::RouteTest(_) => Role::View,
        }
    }
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

/// What the daemon sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerMessage {
    /// The answer to a request.
    Reply {
        /// Id of the request.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// The refusal of a request.
    Error {
        /// Id of the request; 0 when it could not be read.
        id: u64,
        /// Why.
        error: ErrorReply,
    },
    /// Something that happened.
    Event(Event),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To `Hello` and `StepDown`.
    Hello(Welcome),
    /// To `Status`.
    Status(Box<Status>),
    /// To `Config`.
    Config {
        /// Revision of the configuration.
        revision: u64,
        /// The configuration.
        config: Config,
    },
    /// To `ConfigText`.
    ConfigText {
        /// Revision of the configuration.
        revision: u64,
        /// The configuration as TOML text.
        text: String,
    },
    /// To `Apply`, `Replace` and `Reload`.
    Applied(Applied),
    /// To `Subscribe` and `Unsubscribe`.
    Done,
    /// To `Logs`.
    Logs {
        /// The rows, oldest first.
        rows: Vec<CheckRow>,
        /// Rows that the log has dropped since the start because it was full.
        lost_total: u64,
    },
    /// To `History`, newest first.
    History {
        /// The commits.
        commits: Vec<Commit>,
    },
    /// To `Drift`.
    Drift {
        /// The operator's file, if one is in use.
        file: Option<String>,
        /// Edits that lead from the running configuration to the file.
        edits: Vec<Edit>,
    },
    /// To `Entries`.
    Entries(EntryPage),
    /// To `EntriesRemove`.
    EntriesRemoved {
        /// How many were forgotten.
        removed: u64,
    },
    /// To `Cookie`: a row for each listener and route whose cookie has the name.
    Cookie {
        /// The rows.
        rows: Vec<CookieRow>,
    },
    /// To `CertificatesReload`.
    CertificatesReloaded {
        /// Those that were read.
        certificates: Vec<CertificateStatus>,
        /// How many of them are others than before.
        changed: u64,
    },
    /// To `Errors`.
    Errors(ErrorPage),
    /// To `RouteTest`: an answer for each listener that the request may come to.
    RouteTest {
        /// The answers, by listener.
        answers: Vec<RouteAnswer>,
    },
}

/// Who talks to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Version of poised.
    pub version: String,
    /// Host name of the machine.
    pub host: String,
    /// What this connection may do.
    pub role: Role,
    /// Name of the user that connected, or the number where it has none.
    pub user: String,
    /// Identity of the daemon's state, the same over restarts: keys drafts of a console.
    pub daemon_id: String,
    /// Number of the last commit.
    pub revision: u64,
}

/// The outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Revision after it.
    pub revision: u64,
    /// Whether anything changed; when not, no revision was made.
    pub changed: bool,
    /// The change, value by value.
    pub edits: Vec<Edit>,
}

/// One commit of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its revision.
    pub revision: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Who.
    pub author: Author,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What changed.
    pub edits: Vec<Edit>,
    /// What would take it back.
    pub inverse: Vec<Edit>,
}

/// Who made a change, by the credentials of the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// User id.
    pub uid: u32,
    /// User name, or the number where it has none.
    pub user: String,
    /// Process id of the client; 0 for the daemon itself.
    pub pid: i32,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// Stable code.
    pub code: ErrorCode,
    /// Path of the value it is about.
    pub path: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// All faults of an invalid change.
    pub faults: Vec<Fault>,
    /// The revision now, with `conflict`.
    pub revision: Option<u64>,
    /// With `drift`: edits that lead from the running configuration to the file.
    pub edits: Vec<Edit>,
}

impl ErrorReply {
    /// A refusal without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            path: None,
            message: message.into(),
            hint: None,
            faults: Vec::new(),
            revision: None,
            edits: Vec::new(),
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Stable codes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request could not be read; the connection may be closed after it.
    Malformed,
    /// The client's protocol version is not spoken here.
    Version,
    /// The role of the connection does not allow it.
    Forbidden,
    /// The configuration would be invalid; `faults` says why.
    Invalid,
    /// No object stands at the path.
    NotFound,
    /// The revision has moved on.
    Conflict,
    /// The operator's file and the running configuration have both changed.
    Drift,
    /// A listener's address cannot be bound.
    Bind,
    /// The change could not be stored; it was not made.
    Storage,
    /// Too much at once: connections, subscriptions or queued requests.
    Busy,
    /// A fault of the daemon.
    Internal,
}
