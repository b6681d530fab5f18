//! Speaking to backends from the client's own address (S-53, L-04).
//!
//! Needs a capability, which is tried before a commit, and routes that bring the backends' answers
//! back here, which nobody but the operator can set: what is known to stand in the way becomes a
//! finding. The relays dial through `connect`, which asks here for the socket.

mod advice;
mod rules;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

pub(crate) use self::advice::findings;
use crate::platform;

/// Whether sockets of this process may take foreign addresses.
///
/// # Errors
/// What is missing, in words.
pub(crate) fn check() -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    allow(&socket, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// A non-blocking socket that speaks to a target from the client's address: from its port too unless
/// somebody here has it, or it is reserved, then from any.
///
/// # Errors
/// Those of the system; in words, where the capability is missing, or an address of the client's in
/// the family of the target.
pub(crate) fn socket(client: SocketAddr, target: SocketAddr, kind: Type) -> io::Result<Socket> {
    let client = SocketAddr::new(client.ip().to_canonical(), client.port());
    if client.is_ipv4() != target.is_ipv4() {
        let reason = "the client's address is not of the backend's family";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let open = || {
        let socket = Socket::new(Domain::for_address(client), kind.nonblocking().cloexec(), None)?;
        allow(&socket, client.ip())?;
        if kind == Type::STREAM {
            // A client may use one port at several listeners, and again before the kernel forgets it.
            socket.set_reuse_address(true)?;
        }
        io::Result::Ok(socket)
    };
    let socket = open()?;
    match socket.bind(&client.into()) {
        Ok(()) => Ok(socket),
        // Ports below 1024 are reserved for who may have them.
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            let socket = open()?;
            socket.bind(&SocketAddr::new(client.ip(), 0).into())?;
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}

fn allow(socket: &Socket, of: IpAddr) -> io::Result<()> {
    let allowed = match of {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
        IpAddr::V6(_) => platform::set_ip_transparent_v6(socket),
    };
    allowed.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(
            error.kind(),
            "speaking from clients' addresses needs CAP_NET_ADMIN (CAP_NET_RAW does too): start poised with it, or set client_address to proxy-v2",
        ),
        _ => error,
    })
}

/// Whether a dial from a client's address failed because that address could not be taken.
pub(crate) fn is_of_source(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::AddrNotAvailable, io::ErrorKind::InvalidInput];
    kinds.contains(&error.kind())
}
