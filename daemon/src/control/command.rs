//! Commands to the single writer.
//!
//! The control socket, the signals and the wiring send them through a bounded inbox; reconcile
//! takes them one by one. Roles are checked by the sender: what arrives here is allowed. It does
//! not hold the words of the protocol itself (`poise_ipc::message`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use poise_ipc::message::{AuditRow, Author, ErrorReply, Reply, Role, Verb};
use poise_ipc::status::{PredecessorStatus, Status};
use tokio::sync::{mpsc, oneshot};

use super::tallies::Counting;
use crate::tls::TicketKeys;
use crate::upgrade::Counted;
use crate::upgrade::words::Progress;

/// Commands that may wait. Each connection has one request under way, so this is as many busy
/// clients as a socket admits; a full inbox is answered `busy`.
pub const INBOX_MAX: usize = 256;

/// Where commands are sent.
pub type Inbox = mpsc::Sender<Command>;

/// Orders that may wait for the one under way: more are answered `busy`.
pub const ORDERS_MAX: usize = 4;

/// What a request is answered with.
pub type Answer = Result<Reply, ErrorReply>;

/// A message to the single writer.
#[derive(Debug)]
pub enum Command {
    /// A client's request. `Subscribe`, `Unsubscribe` and `StepDown` belong to the connection and
    /// never come here; after a `StepDown` the connection sends `Hello` with its new role.
    Request {
        /// What is asked.
        verb: Verb,
        /// Who asks, by the credentials of the socket.
        author: Author,
        /// What the connection may do; the sender has checked that it suffices.
        role: Role,
        /// Where the answer goes. Dropped unanswered only when poised ends.
        reply: oneshot::Sender<Answer>,
    },
    /// The state as a whole, shared among all who ask within a moment: for snapshots and counters
    /// of subscriptions.
    Snapshot {
        /// Where it goes.
        reply: oneshot::Sender<Arc<Status>>,
    },
    /// A row for the audit trail.
    Note(Box<AuditRow>),
    /// Store everything and let go of the disk: another process may take over. Changes are answered
    /// `busy` from then on; traffic and health go on.
    Freeze {
        /// What goes with it, or why it cannot be.
        reply: oneshot::Sender<Result<Box<Frozen>, String>>,
    },
    /// Nobody has taken over: go on.
    Thaw {
        /// Told when that is so.
        done: oneshot::Sender<()>,
    },
    /// Another process has taken over: end without a word.
    Leave {
        /// What counts on.
        reply: oneshot::Sender<Counting>,
    },
    /// How processes before this one are doing, and what they have counted.
    Predecessors(Box<Progress>),
    /// Store what is not yet stored and end.
    Stop,
}

/// What goes to another process and is not on the disk.
#[derive(Debug)]
pub struct Frozen {
    /// Everything as it stands: health with its evidence is taken from it.
    pub status: Box<Status>,
    /// Counters.
    pub counted: Counted,
    /// Keys of TLS session tickets.
    pub tickets: TicketKeys,
    /// Processes before this one that still drain.
    pub predecessors: Vec<PredecessorStatus>,
    /// Who has asked for it; nobody where a signal did.
    pub author: Option<Author>,
}

/// What is wanted of the life of the process.
#[derive(Debug)]
pub enum Order {
    /// Another program is to take over.
    Upgrade {
        /// The program, where it is not the usual one.
        binary: Option<PathBuf>,
        /// Who waits for what comes of it.
        asker: oneshot::Sender<Answer>,
    },
    /// It is to drain and end.
    Shutdown {
        /// How long open connections may go on; the usual time by default.
        within: Option<Duration>,
        /// Who waits for it to begin.
        asker: oneshot::Sender<Answer>,
    },
}
