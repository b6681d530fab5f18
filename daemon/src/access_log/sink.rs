//! Where lines end up: a file that is opened again on demand, or standard output.
//!
//! Written in batches. What cannot be written is dropped and counted: a full disk never reaches the
//! data path. It knows no listener and no format. Used by the writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// Mode of a log that poised makes: the operator's group may read it, nobody else, since targets and
/// addresses are in it.
const MODE: u32 = 0o640;
/// Lines wait in a batch until there are so many bytes; then it is written at once.
pub(super) const BATCH_BYTES: usize = 256 << 10;
/// How long a place that could not be written is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Standard output of the daemon.
    Stdout,
    /// A file, by its absolute path.
    File(String),
}

/// A place that is being written.
pub(super) struct Sink {
    place: Place,
    open: Option<File>,
    /// Whole lines that were not written yet.
    pub(super) batch: Vec<u8>,
    /// The last write ended within a line.
    is_torn: bool,
    /// It could not be written: when it is tried again, and what was lost since.
    failing: Option<Failing>,
}

struct Failing {
    until: Instant,
    lines: u64,
}

impl Place {
    /// Opens it for appending, and makes the file where there is none. A pipe that nobody reads is
    /// an error, never a wait.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            Self::File(path) => open(Path::new(path)),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => f.write_str(path),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let options = |options: &mut OpenOptions| {
        options.append(true).mode(MODE).custom_flags(nonblock);
        options.clone()
    };
    match options(OpenOptions::new().create_new(true)).open(path) {
        Ok(file) => {
            // Whatever the umask of the process is.
            file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options(&mut OpenOptions::new()).open(path),
        Err(error) => Err(error),
    }
}

impl Sink {
    /// A place of which nothing is open.
    pub(super) fn new(place: Place) -> Self {
        Self { place, open: None, batch: Vec::new(), is_torn: false, failing: None }
    }

    /// Whether its lines go there.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.place == *place
    }

    /// The next write opens the place anew.
    pub(super) fn reopen(&mut self) {
        (self.open, self.is_torn) = (None, false);
        if let Some(failing) = &mut self.failing {
            failing.until = Instant::now();
        }
    }

    /// Writes the batch. Returns how many lines were lost.
    pub(super) fn flush(&mut self) -> u64 {
        if self.batch.is_empty() {
            return 0;
        }
        let written = match &self.failing {
            Some(failing) if Instant::now() < failing.until => Err(None),
            _ => self.write().map_err(Some),
        };
        let lost = match written {
            Ok(()) => {
                self.recovered();
                0
            }
            Err(error) => self.failed(error),
        };
        self.batch.clear();
        // One burst does not keep its memory for ever.
        self.batch.shrink_to(BATCH_BYTES);
        lost
    }

    /// Writes the batch; what is written is taken from it.
    fn write(&mut self) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.place.open()?,
        };
        if self.is_torn {
            file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut at = 0;
        while at < self.batch.len() {
            match file.write(&self.batch[at..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => at += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_torn = at > 0 && self.batch[at - 1] != b'\n';
                    self.batch.drain(..at);
                    self.open = Some(file);
                    return Err(error);
                }
            }
        }
        self.open = Some(file);
        Ok(())
    }

    fn recovered(&mut self) {
        if let Some(Failing { lines, .. }) = self.failing.take() {
            info!(place = %self.place, lost_count = lines, "the access log is written again");
        }
    }

    fn failed(&mut self, error: Option<io::Error>) -> u64 {
        let lost = self.batch.split(|&byte| byte == b'\n').count() as u64 - 1;
        if let Some(error) = error {
            if self.failing.is_none() {
                warn!(place = %self.place, %error, "the access log cannot be written");
            }
            // A file is opened again, in case that somebody has put it right.
            if matches!(self.place, Place::File(_)) && error.kind() != io::ErrorKind::WouldBlock {
                self.open = None;
            }
            let lines = self.failing.as_ref().map_or(0, |failing| failing.lines);
            self.failing = Some(Failing { until: Instant::now() + RETRY, lines });
        }
        if let Some(failing) = &mut self.failing {
            failing.lines += lost;
        }
        lost
    }
}

#[cfg(test)]
mod tests;
