//! Connecting to a backend on a Unix socket.
//!
//! Such a connection is there at once or refused at once, but for a queue that is full: where TCP
//! would wait, the system asks to come again. That is the backend's shortage, so it is given a
//! moment and then counts as silent.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::TcpStream;

/// Pauses between attempts while the queue is full, in milliseconds: a tenth of a second in all, in
/// which a backend that lives takes many connections. Another one is tried then.
const PAUSES_MS: [u64; 7] = [1, 2, 4, 8, 16, 32, 37];

/// A socket that is not connected yet.
pub(super) fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// Connects it. From here on it is used like a stream of TCP: reading, writing, ending and waiting
/// are the same calls, and options of TCP fail harmlessly.
///
/// # Errors
/// Those of connect(2), and `TimedOut` when the queue stays full.
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(super) async fn connect(socket: OwnedFd, path: &Path) -> io::Result<TcpStream> {
    let address = SocketAddrUnix::new(path)?;
    let mut pauses = PAUSES_MS.into_iter();
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return TcpStream::from_std(std::net::TcpStream::from(socket)),
            Err(Errno::AGAIN) => {
                let full = || io::Error::new(io::ErrorKind::TimedOut, "its queue of connections is full");
                let pause_ms = pauses.next().ok_or_else(full)?;
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}
