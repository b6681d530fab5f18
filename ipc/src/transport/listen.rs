//! Taking the place of a socket: nobody else may hold it, nobody else may open it.
//!
//! A lock file beside the socket decides between two daemons; the file of a dead one is replaced
//! only with the lock held and when nobody answers. Symbolic links are not followed. Owner, group
//! and mode are set and then read back, because the umask cuts what `bind(2)` was asked for.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::file::{PlaceError, SocketFile, remove_stale};
use super::paths::{PathTooLong, check_length};
use super::{Held, Listener, bind_socket, take_up_socket};

/// Mode of a control socket: its owner and its group may connect.
const SOCKET_MODE: u32 = 0o660;

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

/// The file of the control socket with the lock beside it.
#[derive(Debug)]
pub(super) struct Place {
    file: SocketFile,
    // Held as long as the socket: the file itself stays, for removing it would let two daemons
    // lock two files of one name.
    lock: File,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn leave(&self) {
        self.file.leave();
    }

    /// The lock, for another process: it holds as long as anybody has it open.
    pub(super) fn lock(&self) -> io::Result<OwnedFd> {
        self.lock.try_clone().map(OwnedFd::from)
    }
}

/// Listens at `path`: see [`Listener::bind`].
pub(super) fn bind(path: &Path, access: Access) -> Result<Listener, ListenError> {
    check_length(path)?;
    prepare_directory(path)?;
    let lock = lock(path)?;
    let refused = |error| refused(path, error);
    remove_stale(path).map_err(refused)?;
    let socket = bind_socket(path, SOCKET_MODE).map_err(|error| refused(error.into()))?;
    let file = SocketFile::of(path).map_err(refused)?;
    if let Some(group) = access.group {
        // The group first, so that no other group gets the mode.
        give(path, group).map_err(|error| refused(error.into()))?;
    }
    file.open_to(SOCKET_MODE).map_err(refused)?;
    Ok(Listener { socket, place: Place { file, lock } })
}

/// Goes on with what another process has bound: see [`Listener::take_up`].
pub(super) fn take_up(path: &Path, held: Held) -> io::Result<Listener> {
    let file = SocketFile::of(path).map_err(io::Error::other)?;
    Ok(Listener { socket: take_up_socket(held.socket)?, place: Place { file, lock: held.lock.into() } })
}

/// A refused place, in the words of the control socket.
fn refused(path: &Path, error: PlaceError) -> ListenError {
    let path = path.to_owned();
    match error {
        PlaceError::Occupied => ListenError::Occupied { path },
        PlaceError::Living => ListenError::Running { path },
        PlaceError::Mode { found, .. } => ListenError::Mode { path, mode: found },
        PlaceError::Io(source) => ListenError::Bind { path, source },
    }
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

/// Gives the socket to a group. Only root and members of the group may: it then stays the user's.
fn give(path: &Path, group: u32) -> io::Result<()> {
    match lchown(path, None, Some(group)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}
