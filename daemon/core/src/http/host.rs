//! Hosts: what may stand in `Host` and in the authority of a target, and when two are the same.
//!
//! It resolves nothing and keeps no list of names. Called by `request`.

use std::net::Ipv6Addr;

use super::refusal::Refusal;

/// Characters of a host name (RFC 1035 §2.3.4, with room for what is used in practice).
const HOST_LEN_MAX: usize = 255;

/// Checks a host with an optional port (RFC 9110 §7.2): no user, no path, no list, not empty.
///
/// # Errors
/// [`Refusal::HostInvalid`].
pub(super) fn check(value: &[u8]) -> Result<(), Refusal> {
    let (host, port) = split(value).ok_or(Refusal::HostInvalid)?;
    let host_fits = if let Some(inner) = host.strip_prefix(b"[") {
        inner.strip_suffix(b"]").is_some_and(is_ipv6)
    } else {
        !host.is_empty() && host.len() <= HOST_LEN_MAX && is_name(host)
    };
    if host_fits && port.is_none_or(is_port) { Ok(()) } else { Err(Refusal::HostInvalid) }
}

/// Whether two checked hosts are the same: case and the default port make no difference.
pub(super) fn same(a: &[u8], b: &[u8], default_port: &str) -> bool {
    let default_port = default_port.as_bytes();
    match (split(a), split(b)) {
        (Some((host_a, port_a)), Some((host_b, port_b))) => {
            host_a.eq_ignore_ascii_case(host_b) && port_a.unwrap_or(default_port) == port_b.unwrap_or(default_port)
        }
        _ => false,
    }
}

/// Splits off the port; none when an address in brackets is followed by something else.
fn split(value: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_len = if value.first() == Some(&b'[') {
        value.iter().position(|&byte| byte == b']')? + 1
    } else {
        value.iter().position(|&byte| byte == b':').unwrap_or(value.len())
    };
    let (host, rest) = value.split_at(host_len);
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(port))),
        _ => None,
    }
}

/// A registered name or IPv4 address: unreserved and the sub-delimiters without the comma, which
/// some parsers take for a list. None is percent-encoded: RFC 3986 §3.2.2 allows it, but clients of
/// HTTP send names as DNS has them, and a backend that decodes would see another host than routes.
fn is_name(host: &[u8]) -> bool {
    host.iter().all(|&byte| PLAIN[usize::from(byte)])
}

fn is_ipv6(inner: &[u8]) -> bool {
    std::str::from_utf8(inner).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// The characters of a name: a table, because every request asks.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        plain[byte as usize] = byte.is_ascii_alphanumeric() || is_mark(byte);
        byte += 1;
    }
    plain
};

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=')
}

fn is_port(port: &[u8]) -> bool {
    let add = |number: u16, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    (1..=5).contains(&port.len()) && port.iter().try_fold(0, add).is_some()
}
