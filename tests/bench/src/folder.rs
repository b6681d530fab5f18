//! The temporary folder of a run, and the process that removes it.
//!
//! The sweeper is a child that reads from a pipe until the conductor has ended, however that
//! happens, and then removes the folder. Used by `place`.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The first word of the sweeper's role.
pub(crate) const ROLE: &str = "role:sweeper";
/// Attempts at removing a folder in which a proxy may still be ending, and the time between them.
const ATTEMPTS_MAX: u32 = 20;
const ATTEMPT_EVERY: Duration = Duration::from_millis(100);

/// A folder that is gone when this is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    /// Makes an empty folder that only this user may read.
    ///
    /// # Errors
    /// Why it could not.
    pub(crate) fn make() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("poise-bench-{}", process::id()));
        let fault = |fault: io::Error| format!("make the folder {}: {fault}", path.display());
        DirBuilder::new().mode(0o700).create(&path).map_err(fault)?;
        // In a process group of its own: what a terminal tells the conductor is not meant for it.
        let sweeper = Command::new(env::current_exe().map_err(fault)?)
            .arg(ROLE)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(fault)?;
        Ok(Self { path, sweeper })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Waiting closes the pipe first.
        drop(self.sweeper.wait());
    }
}

/// Removes the folder that the words name, once nobody holds the other end of stdin.
///
/// # Errors
/// When it is still there after all attempts.
pub(crate) fn sweep(words: &[String]) -> Result<(), String> {
    let [folder] = words else { return Err("a sweeper needs a folder".into()) };
    // An error of the pipe ends the wait as its end does.
    drop(io::stdin().read_to_end(&mut Vec::new()));
    for _ in 0..ATTEMPTS_MAX {
        if fs::remove_dir_all(folder).is_ok() {
            return Ok(());
        }
        thread::sleep(ATTEMPT_EVERY);
    }
    Err(format!("{folder} could not be removed"))
}
