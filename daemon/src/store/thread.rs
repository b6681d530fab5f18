//! The store's thread: takes work from the queue, one transaction at a time.
//!
//! Health, the addresses of names and persistence entries are the daemon's own knowledge: they are
//! gathered, written piece by piece when nothing else waits, and tried again after a failure. A commit is tried once and its outcome told. It holds the state
//! directory's lock until it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use poise_core::plan::BackendId;
use poise_ipc::message::AuditRow;
use tracing::{info, warn};

use super::database::Database;
use super::entries::Snapshot;
use super::{AUDIT_WAITING_MAX, HealthRow, NameRow, StateDir, StoreError, Work};

/// Time between two attempts to write health on a disk that refuses.
const RETRY: Duration = Duration::from_secs(5);

/// Runs until told to stop or until the handle is gone.
pub(super) fn run(mut database: Database, queue: &Receiver<Work>, _dir: StateDir, lost: Arc<AtomicU64>) {
    let mut unwritten = Unwritten { lost, ..Unwritten::default() };
    loop {
        match next(queue, &unwritten) {
            Next::Work(Work::Stop(done)) => {
                unwritten.write(&mut database, true);
                // The one who waits may have given up.
                let _ = done.send(());
                return;
            }
            Next::Ended => return unwritten.write(&mut database, true),
            Next::Work(work) => take(work, &mut database, &mut unwritten),
            Next::Nothing => unwritten.write(&mut database, false),
        }
    }
}

enum Next {
    Work(Work),
    Nothing,
    Ended,
}

/// The next work; `Nothing` when it is time to write what is gathered.
fn next(queue: &Receiver<Work>, unwritten: &Unwritten) -> Next {
    if unwritten.is_empty() {
        return queue.recv().map_or(Next::Ended, Next::Work);
    }
    if unwritten.failing {
        return match queue.recv_timeout(RETRY) {
            Ok(work) => Next::Work(work),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Ended,
        };
    }
    match queue.try_recv() {
        Ok(work) => Next::Work(work),
        Err(TryRecvError::Empty) => Next::Nothing,
        Err(TryRecvError::Disconnected) => Next::Ended,
    }
}

fn take(work: Work, database: &mut Database, unwritten: &mut Unwritten) {
    match work {
        Work::Commit { change, done } => {
            let outcome = database.commit(&change);
            if outcome.is_ok() {
                // It has brought names of its own, which are newer.
                unwritten.names = None;
                if change.layers.is_some() {
                    unwritten.layers = None;
                }
            }
            done(outcome);
        }
        Work::Taken { text, done } => done(database.taken(&text)),
        Work::Window { change, done } => done(database.window(&change)),
        Work::Layers { body, done: Some(done) } => {
            let outcome = database.layers(&body);
            if outcome.is_ok() {
                // What waits to be tried again is older.
                unwritten.layers = None;
            }
            done(outcome);
        }
        Work::Layers { body, done: None } => unwritten.layers = Some(body),
        Work::History { limit, before, done } => done(database.history(limit, before)),
        Work::Since { revision, until, done } => done(database.since(revision, until)),
        Work::Audit(row) if unwritten.audit.len() < AUDIT_WAITING_MAX => unwritten.audit.push(*row),
        Work::Audit(_) => {
            unwritten.lost.fetch_add(1, Ordering::Relaxed);
        }
        Work::Audited { query, done } => {
            // What is asked for may have been noted a moment ago. A disk that refuses is told by the reading.
            let _ = unwritten.write_audit(database);
            let lost = unwritten.lost.load(Ordering::Relaxed);
            done(database.audited(&query).map(|rows| (rows, lost)));
        }
        Work::Health(rows) => unwritten.health.extend(rows.into_iter().map(|row| (row.backend, row))),
        Work::Names(rows) => unwritten.names = Some(rows),
        Work::Entries(parts) => unwritten.entries = Some(Snapshot::new(parts)),
        Work::Stop(_) => {}
    }
}

/// What is not on the disk yet: of health at most one row per backend, of names and entries the newest
/// of all.
#[derive(Default)]
struct Unwritten {
    health: HashMap<BackendId, HealthRow>,
    names: Option<Vec<NameRow>>,
    layers: Option<String>,
    entries: Option<Snapshot>,
    audit: Vec<AuditRow>,
    /// Rows of the audit trail that found no room.
    lost: Arc<AtomicU64>,
    failing: bool,
}

impl Unwritten {
    fn is_empty(&self) -> bool {
        self.health.is_empty()
            && self.names.is_none()
            && self.layers.is_none()
            && self.entries.is_none()
            && self.audit.is_empty()
    }

    /// Writes the next piece, or with `whole` all there is.
    fn write(&mut self, database: &mut Database, whole: bool) {
        if self.is_empty() {
            return;
        }
        match self.try_write(database, whole) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    info!("what poised knows is stored again");
                }
            }
            Err(error) if !self.failing => {
                self.failing = true;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "what poised knows cannot be stored; it is kept and tried again"
                );
            }
            Err(_) => {}
        }
    }

    fn write_audit(&mut self, database: &mut Database) -> Result<(), StoreError> {
        if !self.audit.is_empty() {
            database.audit(&self.audit)?;
            self.audit.clear();
        }
        Ok(())
    }

    fn try_write(&mut self, database: &mut Database, whole: bool) -> Result<(), StoreError> {
        if !self.health.is_empty() {
            database.health(self.health.values())?;
            self.health.clear();
        }
        self.write_audit(database)?;
        if let Some(body) = &self.layers {
            database.layers(body)?;
            self.layers = None;
        }
        if let Some(names) = &self.names {
            database.names(names)?;
            self.names = None;
        }
        if let Some(snapshot) = &mut self.entries
            && database.entries(snapshot, whole)?
        {
            self.entries = None;
        }
        Ok(())
    }
}
