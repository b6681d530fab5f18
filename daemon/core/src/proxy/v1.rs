//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 198.51.100.1 51234 443`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, Decoded, Header, Invalid, Match};

/// Bytes of a line with its end, at most.
pub const V1_LEN_MAX: usize = 107;

const SIGNATURE: &[u8] = b"PROXY ";

pub(super) fn matches(bytes: &[u8]) -> Match {
    Match::of(bytes, SIGNATURE)
}

/// Reads a line that begins with the signature.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Invalid> {
    let seen = &bytes[..bytes.len().min(V1_LEN_MAX)];
    let Some(end) = seen.iter().position(|&byte| byte == b'\n') else {
        return if seen.len() == V1_LEN_MAX { Err(Invalid::TooLong) } else { Ok(Decoded::Partial) };
    };
    let line = seen[SIGNATURE.len()..end].strip_suffix(b"\r").ok_or(Invalid::Line)?;
    // A return within the line could end it for another reader.
    if line.iter().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err(Invalid::Line);
    }
    let line = std::str::from_utf8(line).map_err(|_| Invalid::Line)?;
    Ok(Decoded::Header(Header { len: end + 1, addresses: addresses(line)? }))
}

fn addresses(line: &str) -> Result<Option<Addresses>, Invalid> {
    let mut words = line.split(' ');
    let read: fn(&str) -> Result<IpAddr, Invalid> = match words.next() {
        // The rest of the line is to be left alone.
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => v4,
        Some("TCP6") => v6,
        _ => return Err(Invalid::Line),
    };
    let mut word = || words.next().ok_or(Invalid::Line);
    let (source, destination) = (read(word()?)?, read(word()?)?);
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    if words.next().is_some() {
        return Err(Invalid::Line);
    }
    let source = SocketAddr::new(source, source_port);
    Ok(Some(Addresses { source, destination: SocketAddr::new(destination, destination_port) }))
}

fn v4(word: &str) -> Result<IpAddr, Invalid> {
    word.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Invalid::Address)
}

/// Groups of hexadecimal digits only: not the form that ends like IPv4.
fn v6(word: &str) -> Result<IpAddr, Invalid> {
    if word.contains('.') {
        return Err(Invalid::Address);
    }
    word.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Invalid::Address)
}

fn port(word: &str) -> Result<u16, Invalid> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = word.len() > 1 && word.starts_with('0');
    if !digits || leading_zero {
        return Err(Invalid::Port);
    }
    word.parse().map_err(|_| Invalid::Port)
}

pub(super) fn encode(addresses: Option<Addresses>) -> Vec<u8> {
    let Some(Addresses { source, destination }) = addresses else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (hexadecimal(source.ip()), hexadecimal(destination.ip()));
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

/// An address without the form that ends like IPv4, which the specification does not know.
fn hexadecimal(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let [.., high, low] = v6.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        other => other.to_string(),
    }
}
