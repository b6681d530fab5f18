//! Opening a TCP connection to a backend, ready for use.
//!
//! Both relays dial through it; deadlines, counters and the choice of the backend are theirs.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;

use poise_core::plan::Target;
use socket2::{SockRef, Type};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::transparent;

/// How a backend is dialled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Data is at hand and written as soon as the connection is there: the handshake's last
    /// acknowledgement waits for it and travels with it, a packet less. Without, a backend that
    /// speaks first must hear of us at once.
    pub(crate) data: bool,
    /// The address to speak from, instead of our own.
    pub(crate) from: Option<SocketAddr>,
}

/// Connects, with small writes sent at once.
///
/// # Errors
/// Those of the system, and a refusal where the connection would be to itself.
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(crate) async fn connect(target: &Target, manner: Manner) -> io::Result<TcpStream> {
    match target {
        Target::Ip(address) => connect_ip(*address, manner).await,
        Target::Unix(path) => connect_unix(path).await,
        Target::Unresolved => Err(io::Error::new(io::ErrorKind::HostUnreachable, "no answer to its name is known")),
    }
}

async fn connect_ip(address: SocketAddr, manner: Manner) -> io::Result<TcpStream> {
    let stream = match manner.from {
        None => dial(own_socket(address)?, address, manner.data).await?,
        Some(client) => match dial(foreign_socket(client)?, address, manner.data).await {
            // Another connection of that client to that backend has the port: any other will do.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                let client = SocketAddr::new(client.ip(), 0);
                dial(foreign_socket(client)?, address, manner.data).await?
            }
            dialled => dialled?,
        },
    };
    // On one host the kernel may give the dial the very port that it dials: a backend that is not
    // there would seem to answer, with an echo, and could not come back.
    if address.ip().is_loopback() && stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

fn own_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn foreign_socket(client: SocketAddr) -> io::Result<TcpSocket> {
    Ok(TcpSocket::from_std_stream(transparent::socket(client, Type::STREAM)?.into()))
}

async fn dial(socket: TcpSocket, address: SocketAddr, data: bool) -> io::Result<TcpStream> {
    if data {
        SockRef::from(&socket).set_tcp_quickack(false)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connected Unix stream, which from here on is used like one of TCP: reading, writing, ending
/// and waiting are the same calls, and options of TCP fail harmlessly.
async fn connect_unix(path: &Path) -> io::Result<TcpStream> {
    let stream = UnixStream::connect(path).await?.into_std()?;
    TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(stream)))
}
