//! The state directory and its lock: one daemon per state.
//!
//! The lock is an advisory `flock` on a file of its own, so it goes with the process however that
//! ends, and a leftover file means nothing. It does not look into the database.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::StoreError;

/// Longest content of a lock file that is read: a process id.
const PID_LEN_MAX: u64 = 20;

/// A state directory held by this process until it is dropped.
// Not Clone: the lock is released with it.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

impl StateDir {
    /// Makes the directory (mode 0700) unless it exists, and takes its lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another daemon holds it, [`StoreError::Directory`] when it
    /// cannot be made or written.
    pub fn hold(path: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Directory { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
        let file = path.join("poised.lock");
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(failed(&file))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            // The pid is a courtesy: without it the message still names the directory.
            let _ = (&lock).take(PID_LEN_MAX).read_to_string(&mut pid);
            return Err(StoreError::Locked { path: path.to_owned(), pid: pid.trim().parse().ok() });
        }
        let this = Self { path: path.to_owned(), lock };
        this.sign();
        Ok(this)
    }

    /// Goes on with the lock of another process, which holds as long as anybody has it open.
    pub fn take_up(path: &Path, lock: OwnedFd) -> Self {
        Self { path: path.to_owned(), lock: lock.into() }
    }

    /// Another handle, for a later time or another process.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn share(&self) -> std::io::Result<Self> {
        Ok(Self { path: self.path.clone(), lock: self.lock.try_clone()? })
    }

    /// Says in the lock file that this process is the holder.
    pub fn sign(&self) {
        let line = format!("{}\n", std::process::id());
        // A full disk must not keep the daemon from starting: the lock holds without the pid. Whoever
        // reads meanwhile finds a number.
        let written = self.lock.write_all_at(line.as_bytes(), 0);
        let _ = written.and_then(|()| self.lock.set_len(line.len() as u64));
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl From<StateDir> for OwnedFd {
    fn from(dir: StateDir) -> Self {
        dir.lock.into()
    }
}
