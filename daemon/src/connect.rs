//! Opening a connection to a backend, ready for use.
//!
//! Both relays dial through [`reach`], probes through [`connect`]; deadlines, counters and the
//! choice of the backend are theirs. A connected Unix stream travels as one of TCP.

mod home;
mod unix;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poise_core::plan::{BackendPlan, ListenerId, Target};
use poise_ipc::model::Listener;
use socket2::{SockRef, TcpKeepalive, Type};
use tokio::net::{TcpSocket, TcpStream};

use crate::loops::Passing;
use crate::transparent;
use crate::worker::WorkerContext;

/// Probes without an answer, one keep-alive time apart, after which a peer is gone.
const KEEPALIVE_PROBES: u32 = 3;

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

/// Whom a connection to a backend is for, and how it is dialled.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    /// The listener that the client came to.
    pub(crate) listener: ListenerId,
    /// The client's connection, if it is hers alone.
    pub(crate) client: Option<&'a TcpStream>,
    /// How.
    pub(crate) manner: Manner,
}

/// A connection to a backend.
pub(crate) struct Reached {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// What makes it known again, where it leads back to poised. To be kept as long as the stream.
    pub(crate) passing: Option<Box<Passing>>,
}

/// Connects to a backend for a client, as [`connect`]. A backend that is one of our own listeners
/// is dialled in a way that it can be told when it goes round.
///
/// # Errors
/// Those of [`connect`].
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(crate) async fn reach(ctx: &WorkerContext, errand: Errand<'_>, backend: &BackendPlan) -> io::Result<Reached> {
    if ctx.loops.leads_home(&backend.target, ctx.clock.now_ms()) {
        return Box::pin(home::connect(ctx, errand, backend)).await;
    }
    Ok(Reached { stream: connect(&backend.target, errand.manner).await?, passing: None })
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
        Target::Unix(path) => unix::connect(unix::socket()?, path).await,
        Target::Unresolved => Err(io::Error::new(io::ErrorKind::HostUnreachable, "no answer to its name is known")),
    }
}

/// Sets the times of a listener after which a peer that says nothing more is given up, on either
/// side of a connection. A Unix socket has none of them.
pub(crate) fn watch_peer(stream: &TcpStream, listener: &Listener) {
    let socket = SockRef::from(stream);
    let ms = |ms: u32| Duration::from_millis(ms.into());
    if let Some(keepalive) = listener.keepalive_ms.map(ms) {
        let probes = TcpKeepalive::new().with_time(keepalive).with_interval(keepalive).with_retries(KEEPALIVE_PROBES);
        // Fails only where there is no such thing.
        let _ = socket.set_tcp_keepalive(&probes);
    }
    if let Some(user_timeout) = listener.user_timeout_ms.map(ms) {
        let _ = socket.set_tcp_user_timeout(Some(user_timeout));
    }
}

async fn connect_ip(address: SocketAddr, manner: Manner) -> io::Result<TcpStream> {
    match manner.from {
        None => dial(own_socket(address)?, address, manner.data).await,
        Some(client) => match dial(foreign_socket(client, address)?, address, manner.data).await {
            // Another connection of that client to that backend has the port: any other will do.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                let client = SocketAddr::new(client.ip(), 0);
                dial(foreign_socket(client, address)?, address, manner.data).await
            }
            dialled => dialled,
        },
    }
}

fn own_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn foreign_socket(client: SocketAddr, address: SocketAddr) -> io::Result<TcpSocket> {
    Ok(TcpSocket::from_std_stream(transparent::socket(client, address, Type::STREAM)?.into()))
}

/// Connects a socket, which may be bound.
async fn dial(socket: TcpSocket, address: SocketAddr, data: bool) -> io::Result<TcpStream> {
    if data {
        SockRef::from(&socket).set_tcp_quickack(false)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    // On one host the kernel may give the dial the very port that it dials: a backend that is not
    // there would seem to answer, with an echo, and could not come back.
    if address.ip().is_loopback() && stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

#[cfg(test)]
mod tests;
