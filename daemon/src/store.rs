//! The store: what must outlive the process, in one SQLite database of the state directory.
//!
//! One thread owns the database; control hands it work through a bounded queue and never waits
//! for a disk while verdicts wait. An answer of [`Store::commit`] means that the commit is on the
//! disk. It decides nothing about configurations; the operator's file is control's (`control::file`).

mod audit;
mod database;
mod entries;
mod lock;
mod names;
mod thread;
mod undertakings;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;
use std::{io, path::Path};

use poise_core::plan::BackendId;
use poise_ipc::message::{AuditQuery, AuditRow, Commit};
use poise_ipc::status::Health;
use tokio::sync::oneshot;

pub use entries::{EntryPart, EntryParts};
pub use lock::StateDir;
pub use names::NameRow;
pub use undertakings::WindowChange;

/// Commits of the history that are kept unless it is told otherwise.
pub const HISTORY_MAX_DEFAULT: u32 = 1_000;
/// Commits of one answer of the history.
pub const HISTORY_PAGE_MAX: u32 = 1_000;
/// Rows of the audit trail that are kept.
pub const AUDIT_ROWS_MAX: u32 = 100_000;
/// Bytes of rows of the audit trail in one answer.
pub const AUDIT_LEN_MAX: usize = 512 << 10;
/// Rows of the audit trail that wait for the disk.
const AUDIT_WAITING_MAX: usize = 4_096;
/// Bytes of edits in one answer of the history: with the rest of the reply it stays within a frame.
pub const HISTORY_LEN_MAX: usize = 512 << 10;
/// Work that may wait for the thread: one commit, some queries, some batches of health. A full
/// queue means a disk that stands still, which is said instead of waited for.
const QUEUE_MAX: usize = 64;
/// How long a stop waits for the thread: a stop ends within a second of its drain time.
const CLOSE_WAIT: Duration = Duration::from_millis(900);

/// What the database held when it was opened.
#[derive(Debug)]
pub struct Stored {
    /// Identity of this state, made once.
    pub daemon_id: String,
    /// Key of the cookie tokens, made once.
    pub cookie_key: [u8; 16],
    /// The running configuration, unless nothing was committed yet.
    pub running: Option<Running>,
    /// Last known health and since when, in milliseconds since the epoch.
    pub health: Vec<HealthRow>,
    /// The last good addresses of host names.
    pub names: Vec<NameRow>,
    /// What listeners remembered of their clients.
    pub entries: Vec<EntryPart>,
    /// What poised has undertaken to do later.
    pub undertakings: Undertakings,
}

/// What poised has undertaken to do later, in control's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undertakings {
    /// The confirm window that is open.
    pub window: Option<String>,
    /// Leases and ramps.
    pub layers: Option<String>,
}

/// The running configuration as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its revision.
    pub revision: u64,
    /// The configuration as TOML text.
    pub text: String,
    /// The identities, in control's words.
    pub identities: String,
    /// The operator's file as it was last taken, if one ever was.
    pub taken: Option<String>,
}

/// A commit with all that follows from it, stored as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// For the history.
    pub commit: Commit,
    /// The configuration that it leads to.
    pub running: Running,
    /// Backends that it removed: their health is forgotten.
    pub gone: Vec<BackendId>,
    /// What the names of the configuration stand for.
    pub names: Vec<NameRow>,
    /// Commits before it that are in force and not stored yet, oldest first.
    pub earlier: Vec<Commit>,
    /// What becomes of the confirm window.
    pub window: WindowChange,
    /// Leases and ramps after it, where it changes them.
    pub layers: Option<String>,
}

/// Health of one backend, for the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRow {
    /// The backend.
    pub backend: BackendId,
    /// Its health.
    pub health: Health,
    /// When it changed, in milliseconds since the epoch.
    pub since_ms: u64,
    /// The score of damping.
    pub score: u32,
    /// When it had that score, in milliseconds since the epoch.
    pub score_ms: u64,
    /// Whether damping kept it out.
    pub is_out: bool,
}

/// Why the state cannot be used or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The state directory cannot be made or used.
    #[error("use the state directory {path}")]
    Directory {
        /// The directory or a file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another daemon holds the state directory.
    #[error("the state directory {path} is in use by another poised{}", pid.map_or_else(String::new, |pid| format!(" (pid {pid})")))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Its holder, where the lock file says so.
        pid: Option<u32>,
    },
    /// The file is no database of poise.
    #[error("{path} is no database of poise; it was left as it is")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A later version wrote the database.
    #[error("{path} has schema {found}, this version knows up to {known}; it was left as it is")]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The database fails its own check.
    #[error("{path} is damaged: {detail}; restore it from a backup or move it away")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the check says.
        detail: String,
    },
    /// A read or write failed.
    #[error("{what}")]
    Database {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: DatabaseError,
    },
    /// No random bytes for the keys.
    #[error("draw random bytes for the keys of this state")]
    Random(#[source] getrandom::Error),
    /// The thread has more work than it gets done, or is gone.
    #[error("the disk does not keep up with the store")]
    Stalled,
}

/// What the database says. Its own cause repeats it, so it has none here.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", disk.as_ref().map_or_else(String::new, |disk| format!(" ({disk})")))]
pub struct DatabaseError {
    error: rusqlite::Error,
    /// What the disk says itself.
    disk: Option<io::Error>,
}

/// Called on the store's thread with the outcome.
type Done<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// Work of the thread.
enum Work {
    Commit { change: Box<Change>, done: Done<()> },
    Taken { text: String, done: Done<()> },
    Window { change: WindowChange, done: Done<()> },
    Layers { body: String, done: Option<Done<()>> },
    Health(Vec<HealthRow>),
    Names(Vec<NameRow>),
    Entries(EntryParts),
    History { limit: u32, before: Option<u64>, done: Done<Vec<Commit>> },
    Since { revision: u64, until: u64, done: Done<Vec<Commit>> },
    Audit(Box<AuditRow>),
    Audited { query: AuditQuery, done: Done<(Vec<AuditRow>, u64)> },
    Stop(SyncSender<()>),
}

/// The handle of the store.
// Not Clone: reconcile is the only writer.
#[derive(Debug)]
pub struct Store {
    work: SyncSender<Work>,
    audit_lost: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Store {
    /// Opens or makes the database of a state directory and starts the thread.
    ///
    /// # Errors
    /// [`StoreError`] when the database is not ours, too new, damaged or cannot be written. Such
    /// a file is left as it is.
    pub fn open(dir: StateDir, history_max: u32) -> Result<(Self, Stored), StoreError> {
        let (database, stored) = database::Database::open(dir.path(), history_max)?;
        let (work, queue) = std::sync::mpsc::sync_channel(QUEUE_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let lost = Arc::clone(&lost);
                move || thread::run(database, &queue, dir, lost)
            })
            .map_err(|source| StoreError::Directory { path: PathBuf::from("store thread"), source })?;
        Ok((Self { work, audit_lost: Arc::clone(&lost), thread: Some(thread) }, stored))
    }

    /// Stores a commit. The receiver gets the outcome
    /// once it is on the disk; a receiver that is closed without one means [`StoreError::Stalled`].
    pub fn commit(&self, change: Change) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, ack) = answer();
        self.hand(Work::Commit { change: Box::new(change), done });
        ack
    }

    /// Stores that the operator's file counts as taken; as [`Store::commit`].
    pub fn taken(&self, text: String) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, ack) = answer();
        self.hand(Work::Taken { text, done });
        ack
    }

    /// Stores what becomes of the confirm window; as [`Store::commit`].
    pub fn window(&self, change: WindowChange) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, ack) = answer();
        self.hand(Work::Window { change, done });
        ack
    }

    /// Stores all leases and ramps; as [`Store::commit`].
    pub fn layers(&self, body: String) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, ack) = answer();
        self.hand(Work::Layers { body, done: Some(done) });
        ack
    }

    /// Stores all leases and ramps in its own time and with retries; whether the thread has taken it.
    pub fn layers_later(&self, body: String) -> bool {
        self.work.try_send(Work::Layers { body, done: None }).is_ok()
    }

    /// Stores health for the next start, in its own time and with retries.
    ///
    /// # Errors
    /// The rows, when the queue is full: hand them over again later.
    pub fn health(&self, rows: Vec<HealthRow>) -> Result<(), Vec<HealthRow>> {
        self.work.try_send(Work::Health(rows)).map_err(|refused| match refused {
            TrySendError::Full(Work::Health(rows)) => rows,
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Vec::new(),
        })
    }

    /// Stores what names stand for, all of them, in its own time and with retries; whether the
    /// thread has taken it.
    pub fn names(&self, rows: Vec<NameRow>) -> bool {
        self.work.try_send(Work::Names(rows)).is_ok()
    }

    /// Stores what listeners remember, in place of all that was stored of it, in its own time and with
    /// retries; whether the thread has taken it. The parts are made on the thread, as they are
    /// written; a snapshot that is still being written then is given up.
    pub fn entries(&self, parts: EntryParts) -> bool {
        self.work.try_send(Work::Entries(parts)).is_ok()
    }

    /// Reads the newest commits, newest first; at most [`HISTORY_LEN_MAX`] bytes of edits.
    pub fn history(
        &self,
        limit: u32,
        before: Option<u64>,
        done: impl FnOnce(Result<Vec<Commit>, StoreError>) + Send + 'static,
    ) {
        self.hand(Work::History { limit, before, done: Box::new(done) });
    }

    /// Reads all commits after a revision, up to and with `until`, newest first.
    pub fn since(
        &self,
        revision: u64,
        until: u64,
        done: impl FnOnce(Result<Vec<Commit>, StoreError>) + Send + 'static,
    ) {
        self.hand(Work::Since { revision, until, done: Box::new(done) });
    }

    /// Adds to the audit trail, in its own time and with retries; what finds no room is counted.
    pub fn audit(&self, row: AuditRow) {
        if self.work.try_send(Work::Audit(Box::new(row))).is_err() {
            self.audit_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reads the audit trail, newest first, and how many rows were lost since the start.
    pub fn audited(
        &self,
        query: AuditQuery,
        done: impl FnOnce(Result<(Vec<AuditRow>, u64), StoreError>) + Send + 'static,
    ) {
        self.hand(Work::Audited { query, done: Box::new(done) });
    }

    /// One without a thread, which refuses everything: for the time in which another process may have
    /// the database.
    pub fn closed() -> Self {
        Self { work: std::sync::mpsc::sync_channel(1).0, audit_lost: Arc::default(), thread: None }
    }

    /// Writes what is left and ends the thread, within a time; false when it goes on.
    pub fn close(mut self, within: Duration) -> bool {
        self.end(within)
    }

    fn end(&mut self, within: Duration) -> bool {
        let Some(thread) = self.thread.take() else { return true };
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        if self.work.try_send(Work::Stop(done)).is_err() || ended.recv_timeout(within).is_err() {
            tracing::error!("the disk stands still: the last health and persistence entries may not be stored");
            return false;
        }
        // It has said its last word: what is left is closing the database.
        let _ = thread.join();
        true
    }

    fn hand(&self, work: Work) {
        if let Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) = self.work.try_send(work) {
            work.refuse();
        }
    }
}

impl Drop for Store {
    /// Writes what is left and ends the thread; gives up on a disk that stands still.
    fn drop(&mut self) {
        self.end(CLOSE_WAIT);
    }
}

impl Work {
    /// Tells the one who waits that it was not done.
    fn refuse(self) {
        match self {
            Self::Commit { done, .. }
            | Self::Taken { done, .. }
            | Self::Window { done, .. }
            | Self::Layers { done: Some(done), .. } => done(Err(StoreError::Stalled)),
            Self::History { done, .. } | Self::Since { done, .. } => done(Err(StoreError::Stalled)),
            Self::Audited { done, .. } => done(Err(StoreError::Stalled)),
            Self::Layers { done: None, .. }
            | Self::Audit(_)
            | Self::Health(_)
            | Self::Names(_)
            | Self::Entries(_)
            | Self::Stop(_) => {}
        }
    }
}

fn answer() -> (Done<()>, oneshot::Receiver<Result<(), StoreError>>) {
    let (send, receive) = oneshot::channel();
    let done = Box::new(move |outcome| {
        // The receiver is gone only when poised ends.
        let _ = send.send(outcome);
    });
    (done, receive)
}

/// The database's file in a state directory.
fn database_path(dir: &Path) -> PathBuf {
    dir.join("poise.db")
}

#[cfg(test)]
pub(crate) mod tests;
