//! The PROXY protocol, versions 1 and 2: a header ahead of a connection, or of a flow's first
//! datagram, that says who the client is.
//!
//! Pure: bytes in, addresses out, and the reverse. Strict: what two readers could understand
//! differently is refused, since a client's address decides about access. Whose headers are
//! believed is the daemon's business (`proxy` there). Source: the PROXY protocol specification,
//! 2.1 (version 1) and 2.2 (version 2).

mod crc32c;
mod v1;
mod v2;

use std::net::SocketAddr;

pub use v1::V1_LEN_MAX;
pub use v2::V2_LEN_MAX;

/// Bytes that a header may take.
pub const HEADER_LEN_MAX: usize = V2_LEN_MAX;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that it takes.
    pub len: usize,
    /// The addresses of the connection that it speaks of; `None` where it speaks of its own
    /// connection (LOCAL) or does not know (UNKNOWN, UNSPEC, Unix sockets).
    pub addresses: Option<Addresses>,
}

/// Both ends of a connection or flow, of one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

impl Addresses {
    /// Two addresses brought to one family: IPv4 where both are, else IPv6.
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        let (source, destination) = (canonical(source), canonical(destination));
        if source.is_ipv4() == destination.is_ipv4() {
            return Self { source, destination };
        }
        Self { source: widened(source), destination: widened(destination) }
    }
}

fn widened(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        std::net::IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        std::net::IpAddr::V6(_) => address,
    }
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The beginning of a header, as far as can be told: more bytes are needed.
    Partial,
    /// A whole header.
    Header(Header),
    /// Something else.
    Absent,
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It does not end where it must.
    #[error("the header is longer than it may be")]
    TooLong,
    /// A line that is no header of version 1.
    #[error("the line is no header of version 1")]
    Line,
    /// An address that is none, or of another family than announced.
    #[error("an address in the header is no address of its family")]
    Address,
    /// A port that is none.
    #[error("a port in the header is no port")]
    Port,
    /// A version, command, family or transport that is not defined, or not for this listener.
    #[error("the header's version, command, family or transport is not known here")]
    Kind,
    /// Addresses or an extension that reach beyond the header.
    #[error("the header's length does not fit what is in it")]
    Length,
    /// The checksum of the header is wrong.
    #[error("the header's checksum is wrong")]
    Checksum,
}

impl Invalid {
    /// Every fault.
    pub const ALL: [Self; 7] =
        [Self::TooLong, Self::Line, Self::Address, Self::Port, Self::Kind, Self::Length, Self::Checksum];
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A byte stream: TCP.
    Stream,
    /// Datagrams: UDP.
    Datagram,
}

/// Reads the first bytes of a connection. The same bytes give the same answer however they
/// arrive: `Partial` until it is certain.
///
/// # Errors
/// [`Invalid`] when they begin like a header and are none.
pub fn decode(bytes: &[u8], transport: Transport) -> Result<Decoded, Invalid> {
    match (v2::matches(bytes), v1::matches(bytes)) {
        (Match::Yes, _) => v2::decode(bytes, transport),
        (_, Match::Yes) => v1::decode(bytes),
        (Match::No, Match::No) => Ok(Decoded::Absent),
        (Match::Maybe, _) | (_, Match::Maybe) => Ok(Decoded::Partial),
    }
}

/// A header of version 1; without addresses it says that they are not known.
pub fn encode_v1(addresses: Option<Addresses>) -> Vec<u8> {
    v1::encode(addresses)
}

/// A header of version 2; without addresses it speaks of the connection that carries it.
pub fn encode_v2(addresses: Option<Addresses>, transport: Transport) -> Vec<u8> {
    v2::encode(addresses, transport)
}

/// Whether bytes begin with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// They are the beginning of it.
    Maybe,
}

impl Match {
    fn of(bytes: &[u8], signature: &[u8]) -> Self {
        if bytes.starts_with(signature) {
            Self::Yes
        } else if signature.starts_with(bytes) {
            Self::Maybe
        } else {
            Self::No
        }
    }
}

#[cfg(test)]
mod tests;
