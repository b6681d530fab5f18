//! Commands to the single writer.
//!
//! The control socket, the signals and the wiring send them through a bounded inbox; reconcile
//! takes them one by one. Roles are checked by the sender: what arrives here is allowed. It does
//! not hold the words of the protocol itself (`poise_ipc::message`).

use std::sync::Arc;

use poise_ipc::message::{AuditRow, Author, ErrorReply, Reply, Role, Verb};
use poise_ipc::status::Status;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait. Each connection has one request under way, so this is as many busy
/// clients as a socket admits; a full inbox is answered `busy`.
pub const INBOX_MAX: usize = 256;

/// Where commands are sent.
pub type Inbox = mpsc::Sender<Command>;

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
    /// Store what is not yet stored and end.
    Stop,
}
