//! Sockets that the service manager has bound before it started this process (`sd_listen_fds(3)`).
//!
//! A listener whose address and protocol one of them has accepts on that one: nobody is refused while
//! poised starts, and ports below 1024 take no privilege. The names in `LISTEN_FDNAMES` do not matter.
//! TCP and UDP only; a listener on a Unix socket binds its own.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use listenfd::ListenFd;
use poise_ipc::model::Bind;
use socket2::SockRef;
use tracing::warn;

use crate::listen::Inherited;
use crate::worker::{Accepting, Listening};

/// What this process was started with. What is there of another kind is closed and told.
pub(crate) fn sockets() -> Vec<Inherited> {
    let mut handed = ListenFd::from_env();
    let mut sockets: Vec<Inherited> = Vec::new();
    for at in 0..handed.len() {
        let stream = handed.take_tcp_listener(at).ok().flatten().map(|socket| of_stream(&socket));
        let taken = stream.or_else(|| handed.take_udp_socket(at).ok().flatten().map(|socket| of_datagrams(&socket)));
        match taken {
            Some(Ok((address, dual, socket))) => put(&mut sockets, address, dual, socket),
            Some(Err(error)) => warn!(at, %error, "a socket of the service manager cannot be used"),
            None => warn!(at, "the service manager has handed over what is no socket for TCP or UDP"),
        }
    }
    sockets
}

/// Several with one address are one for each worker (`ReusePort=yes`).
fn put(sockets: &mut Vec<Inherited>, address: SocketAddr, dual: bool, socket: Listening) {
    let is_stream = |socket: &Listening| matches!(socket, Listening::Stream(_));
    let same = |one: &&mut Inherited| {
        one.address == Bind::Ip(address)
            && one.dual == dual
            && one.sockets.iter().all(|(other, _)| is_stream(other) == is_stream(&socket))
    };
    if let Some(one) = sockets.iter_mut().find(same) {
        return one.sockets.push((socket, Vec::new()));
    }
    let (bind, address) = (Bind::Ip(address), Bind::Ip(address));
    sockets.push(Inherited { listener: None, bind, address, dual, sockets: vec![(socket, Vec::new())] });
}

type Taken = std::io::Result<(SocketAddr, bool, Listening)>;

fn of_stream(socket: &TcpListener) -> Taken {
    // The copy is not for programs that this process starts.
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    SockRef::from(&socket).set_tcp_nodelay(true)?;
    let address = socket.local_addr()?;
    let dual = is_dual(address, &SockRef::from(&socket))?;
    Ok((address, dual, Listening::Stream(Accepting::Tcp(socket))))
}

fn of_datagrams(socket: &UdpSocket) -> Taken {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let dual = is_dual(address, &SockRef::from(&socket))?;
    Ok((address, dual, Listening::Udp(socket)))
}

/// Whether it takes IPv4 too.
fn is_dual(address: SocketAddr, socket: &SockRef<'_>) -> std::io::Result<bool> {
    Ok(address.is_ipv6() && address.ip().is_unspecified() && !socket.only_v6()?)
}
