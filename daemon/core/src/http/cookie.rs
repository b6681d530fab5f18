//! Cookies of requests and responses: found by name, and rewritten where persistence lives in a
//! cookie of the backend.
//!
//! It neither decodes values nor keeps anything; what a value means is persistence's. It works on
//! values of fields, so that every version of HTTP can use it. Called for `Cookie` and `Set-Cookie`
//! fields where a listener persists by cookie.

use std::ops::Range;

use crate::token::{TOKEN_LEN, Token};

/// Stands between a token and the backend's own value in a rewritten cookie: it may stand in a value
/// (RFC 6265 section 4.1.1) and in no token.
pub const MARK: u8 = b'~';
/// Bytes by which rewriting makes a value longer.
pub const PREFIX_LEN: usize = TOKEN_LEN + 1;
/// Bytes of name and value that browsers keep (RFC 6265bis section 5.6): a cookie that would grow
/// beyond is passed on as it is, for the backend's own sake.
pub const PAIR_LEN_MAX: usize = 4_096;

/// The values of all cookies of this name in one `Cookie` field, in order, without white space or
/// quotes round them. Names compare byte by byte (RFC 6265 §5.4).
pub fn values<'b>(field: &'b [u8], name: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    field.split(|&byte| byte == b';').filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        Some(unquoted(value))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// What looks like the token in a rewritten value; `None` for a value that was never rewritten.
pub fn marked(value: &[u8]) -> Option<&[u8; TOKEN_LEN]> {
    let (token, rest) = value.split_first_chunk()?;
    (rest.starts_with(&[MARK]) && Token::parse(token).is_some()).then_some(token)
}

/// Where in a `Cookie` field the marks of rewritten cookies of this name stand: what is left without
/// them is what the backend set.
pub fn marks<'b>(field: &'b [u8], name: &'b [u8]) -> impl Iterator<Item = Range<usize>> {
    values(field, name).filter(|value| marked(value).is_some()).map(|value| {
        let start = value.as_ptr().addr() - field.as_ptr().addr();
        start..start + PREFIX_LEN
    })
}

/// Appends a `Cookie` field's value as the backend wrote its parts: without the marks of rewritten
/// cookies of this name.
pub fn restore(field: &[u8], name: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for mark in marks(field, name) {
        out.extend_from_slice(&field[from..mark.start]);
        from = mark.end;
    }
    out.extend_from_slice(&field[from..]);
}

/// A cookie as a `Set-Cookie` field sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<'b> {
    /// The bytes before its value, an opening quote among them.
    before: &'b [u8],
    /// Its value and its attributes.
    rest: &'b [u8],
}

impl<'b> Set<'b> {
    /// Reads a `Set-Cookie` field's value; `None` unless it sets the cookie of this name.
    pub fn of(field: &'b [u8], name: &[u8]) -> Option<Self> {
        let rest = field.trim_ascii_start().strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?;
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
        let (before, rest) = field.split_at(field.len() - rest.len());
        Some(Self { before, rest })
    }

    /// Whether clients would still keep it with a token before its value.
    pub fn has_room(&self) -> bool {
        let value_len = self.rest.iter().position(|&byte| byte == b';').unwrap_or(self.rest.len());
        self.before.len() + value_len + PREFIX_LEN <= PAIR_LEN_MAX
    }

    /// Appends the field's value with the token before the value of the cookie.
    pub fn write(&self, token: &Token, out: &mut Vec<u8>) {
        for part in [self.before, token.as_bytes(), &[MARK], self.rest] {
            out.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests;
