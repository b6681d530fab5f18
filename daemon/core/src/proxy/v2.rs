//! Version 2: sixteen bytes, then addresses, then extensions (TLVs).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::crc32c::crc32c;
use super::{Addresses, Decoded, Header, Invalid, Match, Transport};

/// Bytes of a header with everything in it, at most. The specification allows 65,551; addresses take
/// 216 at most, and what proxies add (names, certificates' subjects) has room here.
pub const V2_LEN_MAX: usize = 4_096;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes in front of the addresses: signature, version and command, family and transport, length.
const FIXED_LEN: usize = 16;

/// Bytes of type and length in front of an extension.
const TLV_HEAD_LEN: usize = 3;
/// The extension that holds a checksum of the header.
const TLV_CRC32C: u8 = 0x03;

pub(super) fn matches(bytes: &[u8]) -> Match {
    Match::of(bytes, SIGNATURE)
}

/// Reads a header that begins with the signature.
pub(super) fn decode(bytes: &[u8], transport: Transport) -> Result<Decoded, Invalid> {
    let Some(fixed) = bytes.first_chunk::<FIXED_LEN>() else { return Ok(Decoded::Partial) };
    let [.., command, family, high, low] = *fixed;
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Invalid::Kind),
    };
    let len = FIXED_LEN + usize::from(u16::from_be_bytes([high, low]));
    if len > V2_LEN_MAX {
        return Err(Invalid::TooLong);
    }
    let shape = Shape::of(family, transport).ok_or(Invalid::Kind);
    // Of a proxy that speaks for itself the addresses mean nothing, whatever they are.
    let shape = if local { shape.unwrap_or(Shape::Unknown { len: 0 }) } else { shape? };
    if len < FIXED_LEN + shape.len() && !local {
        return Err(Invalid::Length);
    }
    let Some(header) = bytes.get(..len) else { return Ok(Decoded::Partial) };
    if local {
        return Ok(Decoded::Header(Header { len, addresses: None }));
    }
    let (addresses, extensions) = header[FIXED_LEN..].split_at(shape.len());
    check_extensions(header, FIXED_LEN + addresses.len(), extensions)?;
    Ok(Decoded::Header(Header { len, addresses: shape.addresses(addresses) }))
}

/// The form of the addresses.
#[derive(Clone, Copy)]
enum Shape {
    V4,
    V6,
    /// So many bytes that say nothing of use.
    Unknown {
        len: usize,
    },
}

impl Shape {
    /// The form that a family and transport announce, unless it is not defined or not of this transport.
    fn of(family: u8, transport: Transport) -> Option<Self> {
        let stream = transport == Transport::Stream;
        match family {
            0x00 => Some(Self::Unknown { len: 0 }),
            0x11 if stream => Some(Self::V4),
            0x12 if !stream => Some(Self::V4),
            0x21 if stream => Some(Self::V6),
            0x22 if !stream => Some(Self::V6),
            0x31 if stream => Some(Self::Unknown { len: 216 }),
            0x32 if !stream => Some(Self::Unknown { len: 216 }),
            _ => None,
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::V4 => 12,
            Self::V6 => 36,
            Self::Unknown { len } => len,
        }
    }

    fn addresses(self, bytes: &[u8]) -> Option<Addresses> {
        let port = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        match self {
            Self::V4 => {
                let address = |at: usize| Some(IpAddr::V4(Ipv4Addr::from(*bytes.get(at..)?.first_chunk::<4>()?)));
                let source = SocketAddr::new(address(0)?, port(8)?);
                Some(Addresses { source, destination: SocketAddr::new(address(4)?, port(10)?) })
            }
            Self::V6 => {
                let address = |at: usize| Some(IpAddr::V6(Ipv6Addr::from(*bytes.get(at..)?.first_chunk::<16>()?)));
                let source = SocketAddr::new(address(0)?, port(32)?);
                Some(Addresses { source, destination: SocketAddr::new(address(16)?, port(34)?) })
            }
            Self::Unknown { .. } => None,
        }
    }
}

/// Walks the extensions: each must fit, and a checksum must be right. What they say is not used.
fn check_extensions(header: &[u8], mut at: usize, mut rest: &[u8]) -> Result<(), Invalid> {
    while !rest.is_empty() {
        let [kind, high, low] = *rest.first_chunk::<TLV_HEAD_LEN>().ok_or(Invalid::Length)?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let value = rest.get(TLV_HEAD_LEN..TLV_HEAD_LEN + len).ok_or(Invalid::Length)?;
        if kind == TLV_CRC32C {
            let told = u32::from_be_bytes(*value.first_chunk::<4>().filter(|_| len == 4).ok_or(Invalid::Length)?);
            let (before, after) = (at + TLV_HEAD_LEN, at + TLV_HEAD_LEN + len);
            if crc32c([&header[..before], &[0; 4], &header[after..]]) != told {
                return Err(Invalid::Checksum);
            }
        }
        at += TLV_HEAD_LEN + len;
        rest = &rest[TLV_HEAD_LEN + len..];
    }
    Ok(())
}

pub(super) fn encode(addresses: Option<Addresses>, transport: Transport) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    let Some(Addresses { source, destination }) = addresses else {
        header.extend([0x20, 0x00, 0, 0]);
        return header;
    };
    let transport = match transport {
        Transport::Stream => 0x01,
        Transport::Datagram => 0x02,
    };
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend([0x21, 0x10 | transport, 0, 12]);
            header.extend(from.octets().into_iter().chain(to.octets()));
        }
        (from, to) => {
            let wide = |address: IpAddr| match address {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            header.extend([0x21, 0x20 | transport, 0, 36]);
            header.extend(wide(from).into_iter().chain(wide(to)));
        }
    }
    header.extend(source.port().to_be_bytes().into_iter().chain(destination.port().to_be_bytes()));
    header
}
