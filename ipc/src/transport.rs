//! The control socket in motion: listen, connect, peer credentials, default paths.
//!
//! The only file that names the transport's package; everything behind it sees [`Listener`] and
//! [`Stream`]. It does not know messages or roles. Called by the client and by the server of the
//! control socket. There is no half-close: `shutdown` is a no-op, an end is a dropped stream.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use interprocess::ConnectWaitMode;
use interprocess::local_socket::tokio as local;
use interprocess::local_socket::traits::StreamCommon;
use interprocess::local_socket::traits::tokio::{Listener as _, Stream as _};
use interprocess::local_socket::{ConnectOptions, GenericFilePath, ListenerOptions, Name, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustix::event::{PollFd, PollFlags, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use listen::{Access, ListenError};
pub use paths::{SOCKET_PATH_LEN_MAX, client_socket, default_socket, view_socket};

pub mod file;
mod listen;
mod paths;

/// Time to reach a socket whose daemon does not accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Who is at the other end, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Effective user id when it connected.
    pub uid: u32,
    /// Effective group id when it connected.
    pub gid: u32,
    /// Process id.
    pub pid: i32,
}

/// A socket that accepts. Dropping it removes the file, unless another has taken its place.
#[derive(Debug)]
pub struct Listener {
    socket: local::Listener,
    place: listen::Place,
}

/// A listening control socket on its way from one process to another.
#[derive(Debug)]
pub struct Held {
    /// The socket.
    pub socket: OwnedFd,
    /// The lock beside it.
    pub lock: OwnedFd,
}

/// A connection; cheap to clone, each clone may read or write. It ends with the last clone.
#[derive(Clone, Debug)]
pub struct Stream(Arc<local::Stream>);

impl Listener {
    /// Listens at `path` with `access`. A file left by a dead daemon is replaced; the socket of a
    /// living one is never touched. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`], one variant per thing an operator can do about it.
    pub fn bind(path: &Path, access: Access) -> Result<Self, ListenError> {
        listen::bind(path, access)
    }

    /// Goes on with a socket that another process listens on at `path`, and with its lock.
    ///
    /// # Errors
    /// When the runtime cannot watch it, or its file is gone.
    pub fn take_up(path: &Path, held: Held) -> io::Result<Self> {
        listen::take_up(path, held)
    }

    /// What another process needs to go on with it.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn share(&self) -> io::Result<Held> {
        let socket = match &self.socket {
            local::Listener::UdSocket(socket) => socket.as_fd().try_clone_to_owned()?,
        };
        Ok(Held { socket, lock: self.place.lock()? })
    }

    /// Leaves the file to another process, which listens there from now on.
    pub fn leave(&self) {
        self.place.leave();
    }

    /// The next connection.
    ///
    /// # Errors
    /// Those of `accept(2)`: running out of descriptors passes, so the caller waits and goes on.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.socket.accept().await.map(|stream| Stream(Arc::new(stream)))
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Stream {
    /// Connects to the socket at `path`, within two seconds.
    ///
    /// # Errors
    /// Those of `connect(2)`, `InvalidInput` for a path that is too long, `TimedOut`.
    pub async fn connect(path: &Path) -> io::Result<Self> {
        paths::check_length(path).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let wait = ConnectWaitMode::Timeout(CONNECT_TIMEOUT);
        let options = ConnectOptions::new().name(socket_name(path)?).wait_mode(wait);
        // The package's own wait covers the handshake alone; a full backlog blocks before it.
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, local::Stream::from_options(&options));
        Ok(Self(Arc::new(connecting.await.map_err(io::Error::from)??)))
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// When the kernel does not tell, for example because the other end has gone.
    pub fn peer(&self) -> io::Result<Peer> {
        let creds = self.0.peer_creds()?;
        let missing = || io::Error::new(io::ErrorKind::Unsupported, "the kernel gives no peer credentials");
        Ok(Peer {
            uid: creds.euid().ok_or_else(missing)?,
            gid: creds.egid().ok_or_else(missing)?,
            pid: creds.pid().ok_or_else(missing)?,
        })
    }

    /// Whether the other end is closed for reading as well, so that writing is in vain. A peer
    /// that has only ended its input (`echo ... | socat`) is not.
    pub fn is_gone(&self) -> bool {
        let local::Stream::UdSocket(socket) = &*self.0;
        let mut fds = [PollFd::new(socket, PollFlags::empty())];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}

fn socket_name(path: &Path) -> io::Result<Name<'_>> {
    path.to_fs_name::<GenericFilePath>()
}

/// Goes on with a bound socket.
fn take_up_socket(socket: OwnedFd) -> io::Result<local::Listener> {
    Ok(local::Listener::UdSocket(socket.try_into()?))
}

/// Binds the socket file with a mode no wider than `mode`, leaving the file to us.
fn bind_socket(path: &Path, mode: u32) -> io::Result<local::Listener> {
    ListenerOptions::new().name(socket_name(path)?).mode(mode).reclaim_name(false).create_tokio()
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self.0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
