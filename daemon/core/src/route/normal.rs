//! The normal forms of hosts and paths: what routes compare, so that no spelling passes a rule by.
//!
//! A host loses its port, its brackets, its case and the dot at its end. A path loses its query;
//! percent-encoded bytes become themselves but for the slash, which would make other segments of it;
//! empty segments and `.` go, and `..` takes the segment before it along, as RFC 3986 section 6.2.2
//! and most servers have it. What is sent to the backend stays as it came.

use std::borrow::Cow;

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
        let bare = match sent {
            [b'[', rest @ ..] => &rest[..rest.iter().position(|&byte| byte == b']')?],
            _ => &sent[..sent.iter().position(|&byte| byte == b':').unwrap_or(sent.len())],
        };
        let bare = bare.strip_suffix(b".").unwrap_or(bare);
        let mut host = Self { text: [0; HOST_LEN_MAX], len: bare.len() };
        let text = host.text.get_mut(..bare.len()).filter(|text| !text.is_empty())?;
        text.copy_from_slice(bare);
        text.make_ascii_lowercase();
        Some(host)
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
    let path = &target[..target.iter().position(|&byte| byte == b'?').unwrap_or(target.len())];
    let odd = |pair: &[u8; 2]| *pair == *b"//" || *pair == *b"/.";
    if path.first() != Some(&b'/') || !(path.contains(&b'%') || path.array_windows().any(odd)) {
        return Cow::Borrowed(path);
    }
    let mut normal = Vec::with_capacity(path.len());
    let ends_open = segments(&decoded(path), &mut normal);
    if ends_open || normal.is_empty() {
        normal.push(b'/');
    }
    Cow::Owned(normal)
}

/// The path with its percent-encoded bytes as themselves, but for slashes and what is no encoding.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    match high << 4 | low {
                        b'/' => out.extend_from_slice(b"%2F"),
                        byte => out.push(byte),
                    }
                    rest = behind;
                }
                _ => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Appends the segments that are left, each behind a slash; true when the path ends with a slash.
fn segments(path: &[u8], normal: &mut Vec<u8>) -> bool {
    let mut ends_open = false;
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        ends_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
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
