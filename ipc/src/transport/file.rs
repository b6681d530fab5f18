//! The file of a Unix socket: whose place it is, whether anybody lives there, and its end.
//!
//! A file that nobody answers on is removed, a living one never touched; symbolic links are not
//! followed. It binds nothing. Called for the control socket and for listeners on Unix sockets.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::geteuid;

/// Permission bits of a mode.
const MODE_BITS: u32 = 0o7777;

/// Why the place of a socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Something that is no socket stands there.
    #[error("something that is no socket stands there")]
    Occupied,
    /// Somebody answers there.
    #[error("another process listens there")]
    Living,
    /// The socket's owner or mode is not what was set.
    #[error("the socket has mode {found:o} or another owner, {wanted:o} was set")]
    Mode {
        /// The mode found.
        found: u32,
        /// The mode wanted.
        wanted: u32,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The file of a bound socket, removed on drop while it is still the one that was made.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    /// It is another process's now.
    left: AtomicBool,
}

impl SocketFile {
    /// Takes charge of the socket that was just bound at `path`.
    ///
    /// # Errors
    /// When it cannot be found there, or is no socket.
    pub fn of(path: &Path) -> Result<Self, PlaceError> {
        let made = fs::symlink_metadata(path)?;
        if !made.file_type().is_socket() {
            return Err(PlaceError::Occupied);
        }
        Ok(Self { path: path.to_owned(), identity: identity(&made), left: AtomicBool::new(false) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the mode, which the umask may have cut, and reads it back.
    ///
    /// # Errors
    /// When another file has taken the place, or mode or owner are not what they should be.
    pub fn open_to(&self, mode: u32) -> Result<(), PlaceError> {
        // A link that has taken the place is refused here instead of followed.
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let held = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        if !self.is(&held.metadata()?) {
            return Err(PlaceError::Occupied);
        }
        if held.metadata()?.mode() & MODE_BITS != mode {
            fs::set_permissions(by_descriptor(&held), Permissions::from_mode(mode))?;
        }
        let found = fs::symlink_metadata(&self.path)?;
        let bits = found.mode() & MODE_BITS;
        if !self.is(&found) {
            return Err(PlaceError::Occupied);
        }
        if bits != mode || found.uid() != geteuid().as_raw() {
            return Err(PlaceError::Mode { found: bits, wanted: mode });
        }
        Ok(())
    }

    /// Leaves the file to another process, which listens there from now on.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    fn is(&self, file: &Metadata) -> bool {
        identity(file) == self.identity && file.file_type().is_socket()
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.left.load(Ordering::Relaxed) {
            return;
        }
        if fs::symlink_metadata(&self.path).is_ok_and(|now| self.is(&now)) {
            // Nothing to do about a failure: the next one finds that nobody answers.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The file that a descriptor stands for, whatever has become of its path.
fn by_descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Makes room at `path`: removes a socket that nobody answers on. A socket that comes to life
/// between the question and the removal is lost; who may not risk that holds a lock.
///
/// # Errors
/// [`PlaceError::Living`] and [`PlaceError::Occupied`] for what is left alone.
pub fn remove_stale(path: &Path) -> Result<(), PlaceError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(PlaceError::Occupied);
    }
    match knock(path) {
        // Only the file that was asked is removed.
        Err(Errno::CONNREFUSED) if identity(&fs::symlink_metadata(path)?) == identity(&found) => {
            Ok(fs::remove_file(path)?)
        }
        // `AGAIN` is a full backlog: somebody lives there, but is busy.
        Ok(()) | Err(Errno::AGAIN | Errno::CONNREFUSED) => Err(PlaceError::Living),
        Err(errno) => Err(io::Error::from(errno).into()),
    }
}

/// Whether anybody answers, without waiting.
fn knock(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}
