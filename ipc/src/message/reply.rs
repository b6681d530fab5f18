//! What the daemon sends: answers, refusals and events, which are in `event`.
//!
//! Part of the control protocol, see [`message`](super).

use serde::{Deserialize, Serialize};

use super::{Aftermath, AuditRow, BalanceAnswer, Event, Forecast, LayerStatus, Role, Stopping, Upgraded, WindowStatus};
use crate::edit::Edit;
use crate::entries::EntryPage;
use crate::errors::ErrorPage;
use crate::fault::Fault;
use crate::health::{ProbeAnswer, WhyAnswer};
use crate::merge::Conflict;
use crate::model::Config;
use crate::persistence::CookieRow;
use crate::routing::RouteAnswer;
use crate::status::{CertificateStatus, CheckRow, RecorderStatus, Status};

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
    /// To `Hello`, `Introduce` and `StepDown`.
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
    /// To `ConfigText` and `ConfigAt`.
    ConfigText {
        /// Revision of the configuration.
        revision: u64,
        /// The configuration as TOML text.
        text: String,
    },
    /// To `Apply`, `Replace` and `Reload`, and to `Window` that takes back.
    Applied(Applied),
    /// To `Subscribe` and `Unsubscribe`.
    Done,
    /// To `Logs`.
    Logs {
        /// The rows, oldest first.
        rows: Vec<CheckRow>,
        /// Rows that the log has dropped since the start because it was full.
        lost_total: u64,
        /// How the log on disk is doing: from when on there is one, and whether it is whole.
        #[serde(default)]
        recorder: RecorderStatus,
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
        /// What either side has changed since the file was last taken.
        #[serde(default)]
        values: Vec<Drifted>,
        /// What a reload would not decide by itself.
        #[serde(default)]
        conflicts: Vec<Conflict>,
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
    /// To `Probe`.
    Probed(Box<ProbeAnswer>),
    /// To `Why`.
    Why(Box<WhyAnswer>),
    /// To `Readmit`.
    Readmitted {
        /// Whether it had been kept out.
        was_out: bool,
    },
    /// To `Window` that confirms or extends: the window as it was last.
    Window(WindowStatus),
    /// To `Lease`, `Ramp` and `Layer`: the layer, as it is or as it was last.
    Layer(Box<LayerStatus>),
    /// To `Audit`, newest first.
    Audit {
        /// The rows.
        rows: Vec<AuditRow>,
        /// Rows that were lost since the start because the disk was slower than requests.
        lost_total: u64,
    },
    /// To `Upgrade`: another process has taken over.
    Upgraded(Upgraded),
    /// To `Shutdown`: the daemon drains.
    Stopping(Stopping),
    /// To `Plan`.
    Plan(Box<Forecast>),
    /// To `Aftermath`.
    Aftermath(Box<Aftermath>),
    /// To `Balance`.
    Balance(Box<BalanceAnswer>),
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
    /// The confirm window that it is in.
    #[serde(default)]
    pub window: Option<WindowStatus>,
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
    /// What it called itself, as in `console` or `poise weight`; empty when it said nothing.
    #[serde(default)]
    pub client: String,
}

impl Author {
    /// Who is at the other end of a connection, before it has said what it is.
    pub fn new(uid: u32, user: impl Into<String>, pid: i32) -> Self {
        Self { uid, user: user.into(), pid, client: String::new() }
    }
}

/// A value that the file or the running configuration has otherwise than the file as it was last taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifted {
    /// Where.
    pub path: String,
    /// As it was taken; absent where there was none.
    pub taken: Option<String>,
    /// In the file now.
    pub file: Option<String>,
    /// As it runs.
    pub running: Option<String>,
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
    /// With `drift`: what both sides have changed, each in its own way.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
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
            conflicts: Vec::new(),
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
    /// A confirm window is open, and the commit does not join it.
    WindowOpen,
    /// The other program does not take over; the daemon goes on as it was.
    Upgrade,
}
