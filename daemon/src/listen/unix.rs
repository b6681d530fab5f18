//! One listening Unix socket for all workers, and its file.
//!
//! Nobody may connect before the mode is what the operator wants. A file that nobody answers on is
//! replaced, a living one refused; a link is not followed. Sockets of that family cannot share a
//! path as those of TCP share a port, so the workers share one queue: each has a descriptor of it,
//! all are woken by a client, one gets it and the others go back to sleep.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;

use poise_ipc::model::Mode;
use poise_ipc::transport::file::{PlaceError, SocketFile, remove_stale};
use rustix::fs::{Mode as FileMode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

use super::socket::BACKLOG;

/// Binds and listens at a path, and returns as many descriptors of the socket as there are workers.
///
/// # Errors
/// `AddrInUse` when somebody answers there, `AlreadyExists` when something else than a socket stands
/// there, and as bind(2).
pub(super) fn bind_at(path: &Path, mode: Mode, workers: usize) -> io::Result<(SocketFile, Vec<UnixListener>)> {
    remove_stale(path).map_err(in_words)?;
    let address = SocketAddrUnix::new(path)?;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    // The file gets the mode of its socket, less the umask: never more than is wanted.
    fchmod(&socket, FileMode::from_raw_mode(u32::from(mode.0)))?;
    bind(&socket, &address)?;
    let file = SocketFile::of(path).map_err(in_words)?;
    open_to(&file, mode)?;
    listen(&socket, BACKLOG)?;
    let first = UnixListener::from(socket);
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(sockets[0].try_clone()?);
    }
    Ok((file, sockets))
}

/// Sets the mode of a socket's file.
///
/// # Errors
/// When something else has taken the place, or the mode cannot be set.
pub(super) fn open_to(file: &SocketFile, mode: Mode) -> io::Result<()> {
    file.open_to(u32::from(mode.0)).map_err(in_words)
}

fn in_words(error: PlaceError) -> io::Error {
    let kind = match &error {
        PlaceError::Living => io::ErrorKind::AddrInUse,
        PlaceError::Occupied => io::ErrorKind::AlreadyExists,
        PlaceError::Mode { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    match error {
        PlaceError::Io(error) => error,
        error => io::Error::new(kind, error),
    }
}
