//! A shim between the daemon and its disk (`shim/shim.c`), made by the C compiler that the build needs anyway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Errors that a disk has.
pub const NO_SPACE: i32 = 28;
pub const READ_ONLY: i32 = 30;
pub const IO: i32 = 5;

/// The compiled shim; made once for all tests.
fn library() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &MADE
        .get_or_init(|| {
            let dir = tempfile::tempdir().expect("a directory");
            let (source, made) = (dir.path().join("shim.c"), dir.path().join("shim.so"));
            fs::write(&source, include_str!("shim/shim.c")).expect("written");
            let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
            let mut command = Command::new(compiler);
            command.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).args([&made, &source]).arg("-ldl");
            let output = command.output().expect("a C compiler");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            (dir, made)
        })
        .1
}

/// Has a daemon end right before its `nth` step on the disk below `state`.
pub fn killed_at(command: &mut Command, state: &Path, nth: u64) {
    command.env("LD_PRELOAD", library()).env("POISE_SHIM_DIR", state).env("POISE_SHIM_KILL_AT", nth.to_string());
}

/// A disk that can be made to refuse.
pub struct Disk {
    errno: PathBuf,
}

impl Disk {
    /// The disk of a daemon that is about to start; for now it works.
    pub fn of(command: &mut Command, state: &Path, errno: PathBuf) -> Self {
        command.env("LD_PRELOAD", library()).env("POISE_SHIM_DIR", state).env("POISE_SHIM_ERRNO", &errno);
        Self { errno }
    }

    /// From now on everything that is written is refused so.
    pub fn refuses(&self, error: i32) {
        // Whole at once: the daemon looks at it at any moment.
        let next = self.errno.with_extension("next");
        fs::write(&next, error.to_string()).expect("written");
        fs::rename(next, &self.errno).expect("renamed");
    }

    /// From now on it works again.
    pub fn works(&self) {
        self.refuses(0);
    }
}
