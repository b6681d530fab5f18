//! A response head: parsed, checked, its framing decided in the light of the request.
//!
//! Backends are held to the strictness that clients are held to. It forwards nothing (`onward`
//! writes the head for the client). Called by the relay.

use super::cookie::Set;
use super::fields::{Class, FieldStore, Fields};
use super::framing::Framing;
use super::refusal::Refusal;
use super::store::StatusLine;

/// What of a request bears on the reading of its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one request")]
pub struct Asked {
    /// The method was HEAD: there is no body.
    pub head: bool,
    /// The request asked for a WebSocket: 101 is an answer.
    pub switch: bool,
    /// The client speaks HTTP/1.0: it can read neither chunks nor interim responses.
    pub http10: bool,
    /// The backend was asked as HTTP/1.0: it must not answer in chunks.
    pub as_http10: bool,
}

/// One response head. Borrows the bytes it was read from.
pub struct ResponseHead<'h, 'b> {
    /// Status code, 100 to 599.
    pub status: u16,
    /// How its body is framed; a tunnel is [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the backend lets the connection live on.
    pub keep_alive: bool,
    /// The client cannot read chunks: a body in chunks goes to it bare, until the connection ends.
    pub is_bare: bool,
    pub(super) is_http11: bool,
    pub(super) reason: &'b [u8],
    pub(super) fields: Fields<'h, 'b>,
}

impl<'h, 'b> ResponseHead<'h, 'b> {
    /// Whether these first bytes may become a head: a peer that speaks something else is found out
    /// by its first word, not by waiting for a line that never ends.
    pub fn may_begin(bytes: &[u8]) -> bool {
        bytes.iter().zip(b"HTTP/1.").all(|(byte, expected)| byte == expected)
    }

    /// Parses a scanned head: the bytes up to and including its blank line.
    ///
    /// # Errors
    /// [`Refusal`] for everything that is malformed or ambiguous, or does not answer what was asked.
    pub fn parse(head: &'b [u8], store: &'h mut FieldStore, asked: Asked) -> Result<Self, Refusal> {
        let StatusLine { status, reason, is_http11 } = store.response(head)?;
        if !(100..=599).contains(&status) {
            return Err(Refusal::StatusCode);
        }
        let fields = Fields::read(head, store)?;
        let framing = framing(&fields, status, is_http11, asked)?;
        let keep_alive = is_http11 && !fields.options.close && framing != Framing::UntilClose;
        let is_bare = asked.http10;
        Ok(Self { status, framing, keep_alive, is_bare, is_http11, reason, fields })
    }

    /// How its body is framed for the client.
    pub fn framing_onward(&self) -> Framing {
        if self.is_bare && self.framing == Framing::Chunked { Framing::UntilClose } else { self.framing }
    }

    /// A 1xx other than 101: another head follows.
    pub fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }

    /// The connection is no longer HTTP after this head.
    pub fn switches(&self) -> bool {
        self.status == 101
    }

    /// The cookies of this name that it sets.
    pub fn cookies_set<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Set<'b>> + 'a {
        self.fields.values(Class::SetCookie).filter_map(|value| Set::of(value, name.as_bytes()))
    }

    /// Class, name and value of every field.
    pub fn fields(&self) -> impl Iterator<Item = (Class, &'b [u8], &'b [u8])> {
        self.fields.iter().map(|(class, header)| (class, header.name, header.value))
    }

    /// Whether shared caches are already kept from storing it.
    pub(super) fn is_private(&self) -> bool {
        let guards =
            |member: &[u8]| [&b"private"[..], b"no-store"].iter().any(|word| member.eq_ignore_ascii_case(word));
        self.fields.values(Class::CacheControl).flat_map(super::fields::members).any(guards)
    }
}

/// The body's framing (RFC 9112 §6.3), without its leniencies.
fn framing(fields: &Fields<'_, '_>, status: u16, is_http11: bool, asked: Asked) -> Result<Framing, Refusal> {
    let chunked = match fields.coding {
        None => false,
        Some(coding) if is_http11 && coding.eq_ignore_ascii_case(b"chunked") => true,
        Some(_) => return Err(Refusal::Coding),
    };
    match status {
        100..=199 if chunked || fields.length.is_some() => Err(Refusal::BodyForbidden),
        101 if asked.switch && fields.switches() => Ok(Framing::UntilClose),
        101 => Err(Refusal::Switch),
        204 if chunked || fields.length.is_some_and(|length| length > 0) => Err(Refusal::BodyForbidden),
        100..=199 | 204 | 304 => Ok(Framing::None),
        _ if asked.head => Ok(Framing::None),
        _ if chunked && asked.as_http10 => Err(Refusal::Coding),
        _ if chunked => Ok(Framing::Chunked),
        _ => Ok(fields.length_framing().unwrap_or(Framing::UntilClose)),
    }
}

#[cfg(test)]
mod tests;
