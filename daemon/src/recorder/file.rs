//! The files of the recorder's folder: which days are there, how large they are, how they go.
//!
//! A day is one database with the log files that `SQLite` keeps beside it. Nothing here opens one.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::date;

/// What the name of a day that could not be read ends with.
const ASIDE: &str = ".damaged";
/// The database and what `SQLite` keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// The file of a day.
pub(super) fn of(folder: &Path, day: u64) -> PathBuf {
    folder.join(format!("{}.db", date::text(day)))
}

/// Makes the folder, for its owner alone, unless it is there.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a file, readable by its owner alone, unless it is there; the log files inherit the mode.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// The days that are there, oldest first.
pub(super) fn days(folder: &Path) -> Vec<u64> {
    let mut days: Vec<u64> = names(folder).filter_map(|name| date::parse(name.strip_suffix(".db")?)).collect();
    days.sort_unstable();
    days
}

/// The bytes of everything in the folder.
pub(super) fn bytes(folder: &Path) -> u64 {
    names(folder).filter_map(|name| Some(folder.join(name).metadata().ok()?.len())).sum()
}

/// Whether rows of a day stand in the log file beside its database only.
pub(super) fn has_log(path: &Path) -> bool {
    part(path, "-wal").metadata().is_ok_and(|log| log.len() > 0)
}

/// How `SQLite` is told of a database on a disk that nobody writes to.
pub(super) fn unchanging(path: &Path) -> PathBuf {
    let mut name = OsString::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => name.push(format!("%{byte:02x}")),
            _ => name.push(OsStr::from_bytes(&[*byte])),
        }
    }
    name.push("?immutable=1");
    name.into()
}

/// Removes a day.
pub(super) fn remove(folder: &Path, day: u64) {
    remove_parts(&of(folder, day));
}

/// Moves a day aside that cannot be read. Another that was moved before it goes: one is enough to look at.
pub(super) fn move_aside(path: &Path) {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else { return };
    remove_aside(folder);
    let aside = folder.join(format!("{}{ASIDE}", name.to_string_lossy()));
    if std::fs::rename(path, aside).is_ok() {
        // Its log files belong to no other database of the name.
        remove_parts(path);
    }
}

/// Removes what was moved aside; whether there was any.
pub(super) fn remove_aside(folder: &Path) -> bool {
    let aside: Vec<String> = names(folder).filter(|name| name.ends_with(ASIDE)).collect();
    aside.iter().filter(|name| std::fs::remove_file(folder.join(name)).is_ok()).count() > 0
}

fn remove_parts(path: &Path) {
    for end in PARTS {
        // It may not be there; what cannot be removed still counts as bytes.
        let _ = std::fs::remove_file(part(path, end));
    }
}

fn part(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}
