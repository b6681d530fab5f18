//! One listening address as one socket per worker.
//!
//! The kernel spreads connections over sockets that share an address by `SO_REUSEPORT`. That flag
//! would also let us share with a stranger unnoticed, so an address is first tried without it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, per socket. The kernel caps it at
/// `net.core.somaxconn`, 4,096 by default.
const BACKLOG: i32 = 4_096;

/// Finds out whether an address can be had by us alone.
///
/// # Errors
/// As bind(2): in use, not of this host, not permitted.
pub(super) fn trial(address: SocketAddr) -> io::Result<()> {
    socket(address)?.bind(&address.into())
}

/// Binds and listens, once per worker; with port 0 all take the port that the first one got.
///
/// # Errors
/// As bind(2) and listen(2); nothing stays bound then.
pub(super) fn bind(address: SocketAddr, workers: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = listener(address)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(listener(address)?);
    }
    Ok((address, sockets))
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    // Accepted connections inherit it: one call here instead of one for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // Connections of an earlier life of the listener may still wait out their time.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]:80` and `0.0.0.0:80` are two listeners.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Whether two addresses of ours share a port because one of them stands for all addresses.
pub(super) fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    let wild = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && wild
}
