//! The store's thread: takes work from the queue, one transaction at a time.
//!
//! Health is the daemon's own knowledge: it is gathered, written when nothing else waits, and
//! tried again after a failure. A commit is tried once and its outcome told. It holds the state
//! directory's lock until it ends.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use poise_core::plan::BackendId;
use tracing::{info, warn};

use super::database::Database;
use super::{HealthRow, StateDir, Work};

/// Time between two attempts to write health on a disk that refuses.
const RETRY: Duration = Duration::from_secs(5);

/// Runs until told to stop or until the handle is gone.
pub(super) fn run(mut database: Database, queue: &Receiver<Work>, _dir: StateDir) {
    let mut health = Unwritten::default();
    loop {
        match next(queue, &health) {
            Next::Work(Work::Stop(done)) => {
                health.write(&mut database);
                // The one who waits may have given up.
                let _ = done.send(());
                return;
            }
            Next::Ended => return health.write(&mut database),
            Next::Work(work) => take(work, &mut database, &mut health),
            Next::Nothing => health.write(&mut database),
        }
    }
}

enum Next {
    Work(Work),
    Nothing,
    Ended,
}

/// The next work; `Nothing` when it is time to write health.
fn next(queue: &Receiver<Work>, health: &Unwritten) -> Next {
    if health.rows.is_empty() {
        return queue.recv().map_or(Next::Ended, Next::Work);
    }
    if health.failing {
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

fn take(work: Work, database: &mut Database, health: &mut Unwritten) {
    match work {
        Work::Commit { change, done } => done(database.commit(&change)),
        Work::Taken { text, done } => done(database.taken(&text)),
        Work::History { limit, done } => done(database.history(limit)),
        Work::Health(rows) => health.rows.extend(rows.into_iter().map(|row| (row.backend, row))),
        Work::Stop(_) => {}
    }
}

/// Health that is not on the disk yet: at most one row per backend.
#[derive(Default)]
struct Unwritten {
    rows: HashMap<BackendId, HealthRow>,
    failing: bool,
}

impl Unwritten {
    fn write(&mut self, database: &mut Database) {
        if self.rows.is_empty() {
            return;
        }
        match database.health(self.rows.values()) {
            Ok(()) => {
                self.rows.clear();
                if std::mem::take(&mut self.failing) {
                    info!("health is stored again");
                }
            }
            Err(error) if !self.failing => {
                self.failing = true;
                warn!(error = &error as &dyn std::error::Error, "health cannot be stored; it is kept and tried again");
            }
            Err(_) => {}
        }
    }
}
