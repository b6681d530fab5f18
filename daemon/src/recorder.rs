//! The flight recorder: the rows of the health log on disk, in one SQLite file per UTC day.
//!
//! One thread owns the files; rows reach it through a bounded queue. A queue that is full loses the
//! row, which is counted: neither a probe nor control nor the data path ever waits for it. What a
//! disk refuses is kept and tried again. Control folds verdicts into rows (`control::checks`) and
//! asks a [`Reader`] for what memory no longer holds.

mod date;
mod day;
mod days;
mod file;
mod gauges;
mod read;
mod thread;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use poise_ipc::health::Exchange;
use poise_ipc::status::{CheckRow, RecorderStatus};

use days::Days;
use gauges::Gauges;

pub use date::day_of;
pub use read::{Order, ReadError, Reader};

/// Rows that may wait for the thread: what 1,000 backends bring about in the seconds that a disk
/// needs to wake up, some 4 MiB.
pub const WAITING_MAX: usize = 8_192;
/// How long a stop waits for the thread: a stop ends within a second of its drain time.
const CLOSE_WAIT: Duration = Duration::from_millis(900);
/// Folder of the files in the state directory.
const FOLDER: &str = "health";

/// How much the recorder keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Days that ended longer ago are removed, in milliseconds.
    pub retention_ms: u64,
    /// Bytes on disk at the most; the oldest rows make room.
    pub bytes_max: u64,
}

/// A row as the recorder takes it: new, or grown since it was handed over last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The row.
    pub row: Arc<CheckRow>,
    /// What the probe of its transition sent and received.
    pub exchange: Option<Arc<Exchange>>,
}

/// Work of the thread.
#[derive(Debug)]
enum Work {
    Row(Kept),
    /// A reader could not make sense of a day.
    Suspect(PathBuf),
    Stop(SyncSender<()>),
}

/// The handle of the recorder.
// Not Clone: control is the only one who writes.
#[derive(Debug)]
pub struct Recorder {
    work: SyncSender<Work>,
    gauges: Arc<Gauges>,
    folder: PathBuf,
    first_seq: u64,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Recorder {
    /// Opens the recorder of a state directory and starts its thread. Files that are damaged are moved
    /// aside; a disk that cannot be written is counted and tried again.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn open(state_dir: &Path, limits: Limits) -> io::Result<Self> {
        let folder = state_dir.join(FOLDER);
        let gauges = Arc::new(Gauges::new(limits.bytes_max));
        let days = Days::open(folder.clone(), limits, Arc::clone(&gauges));
        let first_seq = days.first_seq();
        let (work, queue) = std::sync::mpsc::sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || thread::run(days, &queue))?;
        Ok(Self { work, gauges, folder, first_seq, thread: Some(thread) })
    }

    /// The number that the next row has: no row on disk has it or a higher one.
    pub const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Takes a row, or counts it as lost when too many wait. Never waits.
    pub fn record(&self, kept: Kept) {
        self.gauges.arrived();
        if self.work.try_send(Work::Row(kept)).is_err() {
            self.gauges.lost(1);
        }
    }

    /// Writes what is left and ends the thread; what comes afterwards is lost. Gives up on a disk that
    /// stands still.
    pub fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        let told = match self.work.try_send(Work::Stop(done)) {
            Ok(()) => ended.recv_timeout(CLOSE_WAIT).is_ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        };
        if !told {
            tracing::error!("the disk stands still: the last rows of the health log may not be stored");
            return;
        }
        // It has said its last word: what is left is closing the files.
        let _ = thread.join();
    }

    /// How it is doing.
    pub fn status(&self) -> RecorderStatus {
        self.gauges.status()
    }

    /// Whether the disk owes an answer for so long that none is to be waited for.
    pub fn stands_still(&self) -> bool {
        self.gauges.still().is_some()
    }

    /// For questions about what is on disk; while that stands still, nothing is.
    pub fn reader(&self) -> Reader {
        let folder = (!self.stands_still()).then(|| self.folder.clone());
        Reader::new(folder, self.work.clone())
    }
}

impl Drop for Recorder {
    /// Writes what is left and ends the thread; gives up on a disk that stands still.
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
pub(crate) mod tests;
