//! One listening address as one socket per worker.
//!
//! The kernel spreads connections over sockets that share an address by `SO_REUSEPORT`. That flag
//! would also let us share with a stranger unnoticed, so an address is first tried without it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Socket, Type};

use crate::worker::{Accepting, Listening};

/// Connections that may wait to be accepted, per socket. The kernel caps it at
/// `net.core.somaxconn`, 4,096 by default.
pub(super) const BACKLOG: i32 = 4_096;

/// An address that a socket can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Address and port.
    pub(super) address: SocketAddr,
    /// On `[::]`: whether it takes IPv4 too.
    pub(super) dual: bool,
    /// `Type::STREAM` or `Type::DGRAM`, which have ports of their own each.
    pub(super) kind: Type,
}

impl Spot {
    /// Finds out whether it can be had by us alone, beside `ours`: those would meet the trial, and
    /// the kernel tells an address from all addresses of its port by the better match.
    ///
    /// # Errors
    /// As bind(2): in use, not of this host, not permitted.
    pub(super) fn try_alone(self, ours: &[Self]) -> io::Result<()> {
        let four = Self { address: (Ipv4Addr::UNSPECIFIED, self.address.port()).into(), dual: false, ..self };
        let parts = [Some(Self { dual: false, ..self }), self.dual.then_some(four)];
        for part in parts.into_iter().flatten() {
            if !ours.iter().any(|own| own.overlaps(part)) {
                part.socket()?.bind(&part.address.into())?;
            }
        }
        Ok(())
    }

    /// A socket for it that may share it with others of ours and is neither bound nor blocking.
    ///
    /// # Errors
    /// As socket(2).
    pub(super) fn shared(self) -> io::Result<Socket> {
        let socket = self.socket()?;
        socket.set_reuse_port(true)?;
        Ok(socket)
    }

    fn socket(self) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(self.address), self.kind.nonblocking(), None)?;
        if self.kind == Type::STREAM {
            // Connections of an earlier life of the listener may still wait out their time.
            socket.set_reuse_address(true)?;
        }
        if self.address.is_ipv6() {
            // `[::]:80` and `0.0.0.0:80` are two listeners, unless one is to be both.
            socket.set_only_v6(!self.dual)?;
        }
        Ok(socket)
    }

    /// Whether two share a port because one of them stands for all addresses.
    fn overlaps(self, other: Self) -> bool {
        let covers = |wild: Self, one: Self| {
            wild.address.ip().is_unspecified() && (wild.address.is_ipv4() == one.address.is_ipv4() || wild.dual)
        };
        self.kind == other.kind
            && self.address.port() == other.address.port()
            && (self.address.ip() == other.address.ip() || covers(self, other) || covers(other, self))
    }
}

/// Binds, and listens where connections are to be accepted, once per worker; with port 0 all take
/// the port that the first one got.
///
/// # Errors
/// As bind(2) and listen(2); nothing stays bound then.
pub(super) fn bind(spot: Spot, workers: usize) -> io::Result<(SocketAddr, Vec<Listening>)> {
    let (address, first) = listening(spot)?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(listening(Spot { address, ..spot })?.1);
    }
    Ok((address, sockets))
}

fn listening(spot: Spot) -> io::Result<(SocketAddr, Listening)> {
    let socket = spot.shared()?;
    if spot.kind == Type::DGRAM {
        socket.bind(&spot.address.into())?;
        let socket = UdpSocket::from(socket);
        return Ok((socket.local_addr()?, Listening::Udp(socket)));
    }
    // Accepted connections inherit it: one call here instead of one for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&spot.address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from(socket);
    Ok((socket.local_addr()?, Listening::Stream(Accepting::Tcp(socket))))
}
