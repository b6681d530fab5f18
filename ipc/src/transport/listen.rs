//! Taking the place of a socket: nobody else may hold it, nobody else may open it.
//!
//! A lock file beside the socket decides between two daemons; the file of a dead one is replaced
//! only with the lock held and when nobody answers. Symbolic links are not followed. Owner, group
//! and mode are set and then read back, because the umask cuts what `bind(2)` was asked for.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::geteuid;

use super::paths::{PathTooLong, check_length};
use super::{Listener, bind_socket};

/// Mode of a control socket: its owner and its group may connect.
const SOCKET_MODE: u32 = 0o660;
/// Permission bits of a mode.
const MODE_BITS: u32 = 0o7777;

/// Who may connect, beside the owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Group that owns the socket; the process's own when absent or when it may not be given.
    pub group: Option<u32>,
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The path does not fit.
    #[error(transparent)]
    Length(#[from] PathTooLong),
    /// The directory cannot be made or read.
    #[error("prepare the directory of the control socket {}", path.display())]
    Directory {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others could replace the socket.
    #[error("everybody may write to the directory of the control socket {}: choose one of your own", path.display())]
    SharedDirectory {
        /// The socket.
        path: PathBuf,
    },
    /// Another daemon answers at the path, or holds its lock.
    #[error("another poised is running at {}", path.display())]
    Running {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket stands at the path.
    #[error("{} exists and is no socket: remove it or choose another path", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// The lock cannot be taken.
    #[error("lock the control socket by {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket cannot be bound.
    #[error("bind the control socket {}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket's owner or mode is not what was set.
    #[error("the control socket {} has mode {mode:o}, {SOCKET_MODE:o} was set", path.display())]
    Mode {
        /// The socket.
        path: PathBuf,
        /// The mode found.
        mode: u32,
    },
}

/// The file of a bound socket, removed on drop while it is still the one that was made.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    // Held as long as the socket: the file itself stays, for removing it would let two daemons
    // lock two files of one name.
    _lock: File,
}

impl SocketFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = fs::symlink_metadata(&self.path).is_ok_and(|now| identity(&now) == self.identity);
        if same {
            // Nothing to do about a failure: the next daemon finds that nobody answers.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Listens at `path`: see [`Listener::bind`].
pub(super) fn bind(path: &Path, access: Access) -> Result<Listener, ListenError> {
    check_length(path)?;
    prepare_directory(path)?;
    let lock = lock(path)?;
    remove_stale(path)?;
    let failed = |source| ListenError::Bind { path: path.to_owned(), source };
    let socket = bind_socket(path, SOCKET_MODE).map_err(failed)?;
    let made = fs::symlink_metadata(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&made), _lock: lock };
    open_to(path, access).map_err(failed)?;
    verify(&file)?;
    Ok(Listener { socket, file })
}

/// Makes the directory unless it exists (0755 for root, 0700 for others) and refuses one in which
/// anybody may rename the socket away.
fn prepare_directory(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Directory { path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
    if !folder.exists() {
        DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(failed)?;
        // The umask may have cut it.
        fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(failed)?;
    }
    let found = fs::metadata(folder).map_err(failed)?;
    let (others_write, sticky) = (found.mode() & 0o002 != 0, found.mode() & 0o1000 != 0);
    if others_write && !sticky {
        return Err(ListenError::SharedDirectory { path: path.to_owned() });
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, ListenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |source| ListenError::Lock { path: name.clone(), source };
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("open flags fit in an int, as open(2) takes them");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow)
        .open(&name)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(ListenError::Running { path: path.to_owned() }),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Removes the socket of a dead daemon. Called with the lock held.
fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Bind { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::Occupied { path: path.to_owned() }),
        Ok(_) => {}
    }
    match knock(path) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(failed),
        // `AGAIN` is a full backlog: somebody lives there, but is busy.
        Ok(()) | Err(Errno::AGAIN) => Err(ListenError::Running { path: path.to_owned() }),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Whether anybody answers, without waiting.
fn knock(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

/// Gives the socket its group and mode, the group first so that no other group gets the mode.
fn open_to(path: &Path, access: Access) -> io::Result<()> {
    if let Some(group) = access.group {
        match lchown(path, None, Some(group)) {
            // Only root and members of the group may give it: the socket then stays the user's.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))
}

fn verify(file: &SocketFile) -> Result<(), ListenError> {
    let path = || file.path.clone();
    let found = fs::symlink_metadata(&file.path).map_err(|source| ListenError::Bind { path: path(), source })?;
    if identity(&found) != file.identity || !found.file_type().is_socket() {
        return Err(ListenError::Occupied { path: path() });
    }
    let mode = found.mode() & MODE_BITS;
    if mode != SOCKET_MODE || found.uid() != geteuid().as_raw() {
        return Err(ListenError::Mode { path: path(), mode });
    }
    Ok(())
}
