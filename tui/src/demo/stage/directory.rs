//! A temporary directory that only this user may enter, removed when it is dropped.
//!
//! Its path is short, because a socket's path within it may have some 100 bytes only.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

use anyhow::Context;

use crate::demo::DIRECTORY_PREFIX;

#[cfg(test)]
mod tests;

/// Names that are tried before giving up.
const ATTEMPTS_MAX: u32 = 100;
/// Bytes of a path, so that a socket's path in it stays below the kernel's 108.
const PATH_LEN_MAX: usize = 80;

/// A directory that ends with the demo.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Creates one in the user's run-time directory, or in the one for temporary files.
    pub(super) fn create() -> anyhow::Result<Self> {
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let roots = [own, Some(std::env::temp_dir()), Some(PathBuf::from("/tmp"))];
        let mut last = None;
        for root in roots.into_iter().flatten() {
            match Self::create_in(&root) {
                Ok(directory) => return Ok(directory),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())).context("create a temporary directory")
    }

    fn create_in(root: &Path) -> io::Result<Self> {
        for attempt in 0..ATTEMPTS_MAX {
            let path = root.join(format!("{DIRECTORY_PREFIX}{}-{attempt}", process::id()));
            if path.as_os_str().len() > PATH_LEN_MAX {
                return Err(io::ErrorKind::InvalidFilename.into());
            }
            // Fails on whatever stands there already, so nothing of another user is ever entered.
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|()| Self(path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
