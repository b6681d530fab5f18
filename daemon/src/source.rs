//! The addresses that this host speaks from (S-08), as the routing table says.
//!
//! Nothing is sent: a datagram socket that is connected has a local address, and that is all. Asked
//! by control for its listings and by the workers to know their own host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// A port to ask the way to; none is ever reached.
const ANY_PORT: u16 = 9;

/// The address that connections to `to` come from.
///
/// # Errors
/// Those of connect(2): no route, or not permitted.
pub(crate) fn source_of(to: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(to, ANY_PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// Whether an address is one of this host: the way to those leads over themselves.
pub(crate) fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || source_of(address).is_ok_and(|source| source == address)
}

#[cfg(test)]
mod tests;
