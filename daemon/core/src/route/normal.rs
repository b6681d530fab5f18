//! The normal forms of hosts and paths: what routes compare, so that no spelling passes a rule by.
//!
//! A host loses its port, its case and the dot at its end, and an IPv6 literal has the spelling of
//! RFC 5952. A path loses its query; percent-encoded bytes become themselves, once, but for the slash
//! and the percent sign, which stay encoded; empty segments and `.` go, and `..` takes the segment
//! before it along, as RFC 3986 section 6.2.2 and most servers have it. Servers that read more into a
//! path have [`Readings`]. What is sent to the backend stays as it came.

use std::borrow::Cow;
use std::io::Write;
use std::net::Ipv6Addr;

/// Characters of the longest host: RFC 1035 section 2.3.4, with room for what is used in practice.
const HOST_LEN_MAX: usize = 255;

/// A host in its normal form.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    text: [u8; HOST_LEN_MAX],
    len: usize,
}

impl Host {
    /// The normal form of a host with or without port; `None` for what is no host.
    pub fn of(sent: &[u8]) -> Option<Self> {
        match sent {
            [b'[', rest @ ..] => Self::literal(&rest[..rest.iter().position(|&byte| byte == b']')?]),
            _ => Self::name(&sent[..sent.iter().position(|&byte| byte == b':').unwrap_or(sent.len())]),
        }
    }

    fn name(bare: &[u8]) -> Option<Self> {
        let bare = bare.strip_suffix(b".").unwrap_or(bare);
        let mut host = Self { text: [0; HOST_LEN_MAX], len: bare.len() };
        let text = host.text.get_mut(..bare.len()).filter(|text| !text.is_empty())?;
        text.copy_from_slice(bare);
        text.make_ascii_lowercase();
        Some(host)
    }

    fn literal(sent: &[u8]) -> Option<Self> {
        let address: Ipv6Addr = std::str::from_utf8(sent).ok()?.parse().ok()?;
        let mut text = [0; HOST_LEN_MAX];
        let mut room = &mut text[..];
        write!(room, "{address}").ok()?;
        let len = HOST_LEN_MAX - room.len();
        Some(Self { text, len })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    /// The names above it, the nearest first: `b.c` and `c` of `a.b.c`.
    pub(super) fn above(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            let dot = rest.iter().position(|&byte| byte == b'.')?;
            rest = &rest[dot + 1..];
            Some(rest)
        })
    }
}

/// The normal form of the path of a target; borrowed where the path is in it already.
pub fn normal_path(target: &[u8]) -> Cow<'_, [u8]> {
    let path = path_of(target);
    let odd = |pair: &[u8; 2]| *pair == *b"//" || *pair == *b"/.";
    if path.first() != Some(&b'/') || !(path.contains(&b'%') || path.array_windows().any(odd)) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(read(path, Reading::default()))
}

fn path_of(target: &[u8]) -> &[u8] {
    &target[..target.iter().position(|&byte| byte == b'?').unwrap_or(target.len())]
}

/// What a server reads into a path beyond the normal form: a sum of the constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading(u8);

/// `%2F` separates segments: nginx, IIS.
const ENCODED_SLASHES: u8 = 1;
/// So does a backslash, encoded or not: servers on Windows.
const BACKSLASHES: u8 = 2;
/// What follows `;` in a segment is no part of it: servlet containers.
const PARAMETERS: u8 = 4;
/// `..` takes an empty segment along: servers that do not merge slashes, by RFC 3986.
const EMPTY_SEGMENTS: u8 = 8;

impl Reading {
    const fn has(self, what: u8) -> bool {
        self.0 & what != 0
    }

    /// Everything that makes a difference to a path.
    fn matters(path: &[u8]) -> u8 {
        let has = |what: &[u8]| path.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what));
        let slashes = if has(b"%2f") { ENCODED_SLASHES } else { 0 };
        let backslashes = if has(b"\\") || has(b"%5c") { BACKSLASHES } else { 0 };
        let parameters = if has(b";") { PARAMETERS } else { 0 };
        let empty = if slashes | backslashes != 0 || has(b"//") { EMPTY_SEGMENTS } else { 0 };
        slashes | backslashes | parameters | empty
    }
}

/// The other paths that servers may read in a target: none for most targets. One that another route
/// would take is refused, since a rule cannot hold what its backend reads otherwise.
#[derive(Clone, Debug)]
pub(super) struct Readings<'t> {
    path: &'t [u8],
    matters: u8,
    next: u8,
}

impl<'t> Readings<'t> {
    /// Those of a target.
    #[inline]
    pub(super) fn of(target: &'t [u8]) -> Self {
        let path = path_of(target);
        let is_odd = path.first() == Some(&b'/')
            && (path.iter().any(|byte| matches!(byte, b'%' | b';' | b'\\'))
                || path.array_windows().any(|pair| pair == b"//"));
        Self { path, matters: if is_odd { Reading::matters(path) } else { 0 }, next: 1 }
    }
}

impl Iterator for Readings<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let reading = (self.next..=self.matters).find(|reading| reading & !self.matters == 0)?;
        self.next = reading + 1;
        Some(read(self.path, Reading(reading)))
    }
}

fn read(path: &[u8], reading: Reading) -> Vec<u8> {
    let stripped = if reading.has(PARAMETERS) { Cow::Owned(without_parameters(path)) } else { Cow::Borrowed(path) };
    let mut normal = Vec::with_capacity(path.len());
    let ends_open = segments(&decoded(&stripped, reading), reading.has(EMPTY_SEGMENTS), &mut normal);
    if ends_open || normal.is_empty() {
        normal.push(b'/');
    }
    if reading.has(EMPTY_SEGMENTS) {
        normal.dedup_by(|next, before| (*next, *before) == (b'/', b'/'));
    }
    normal
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let bare = path.split(|&byte| byte == b'/').map(|segment| segment.split(|&byte| byte == b';').next());
    bare.map(Option::unwrap_or_default).collect::<Vec<_>>().join(&b'/')
}

/// The path with its percent-encoded bytes as themselves, but for slashes and percent signs.
fn decoded(path: &[u8], reading: Reading) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let (byte, behind) = match (first, encoded(tail)) {
            (b'%', Some(byte)) => (byte, &tail[2..]),
            (&byte, _) => (byte, tail),
        };
        match byte {
            b'/' if *first == b'%' && !reading.has(ENCODED_SLASHES) => out.extend_from_slice(b"%2F"),
            b'\\' if reading.has(BACKSLASHES) => out.push(b'/'),
            // Also one that begins no encoding: nothing else is then what an encoded one stands for.
            b'%' => out.extend_from_slice(b"%25"),
            _ => out.push(byte),
        }
        rest = behind;
    }
    out
}

/// The byte that two hexadecimal digits at the beginning stand for.
fn encoded(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

/// Appends the segments that are left, each behind a slash; true when the path ends with a slash.
fn segments(path: &[u8], keeps_empty: bool, normal: &mut Vec<u8>) -> bool {
    let mut ends_open = false;
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        ends_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"." => {}
            b"" if !keeps_empty => {}
            b".." => normal.truncate(normal.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
            _ => {
                normal.push(b'/');
                normal.extend_from_slice(segment);
            }
        }
    }
    ends_open
}

#[cfg(test)]
mod tests;
