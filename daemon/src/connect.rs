//! Opening a TCP connection to a backend, ready for use.
//!
//! Both relays dial through it; deadlines, counters and the choice of the backend are theirs.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Connects, with small writes sent at once.
///
/// # Errors
/// Those of the system, and a refusal where the connection would be to itself.
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // On one host the kernel may give the dial the very port that it dials: a backend that is not
    // there would seem to answer, with an echo, and could not come back.
    if address.ip().is_loopback() && stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
