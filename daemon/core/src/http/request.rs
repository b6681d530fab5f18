//! A request head: parsed, checked, its framing decided.
//!
//! It takes the scanned bytes of one head and refuses whatever two readers could read differently.
//! It forwards nothing (`onward` writes the head for the backend). Called by the relay.

use poise_ipc::model::HeaderMatch;

use super::fields::{Class, FieldStore, Fields};
use super::framing::Framing;
use super::refusal::Refusal;
use super::scan::METHOD_LEN_MAX;
use super::store::RequestLine;
use super::{cookie, host};
use crate::journal::Version;
use crate::route::Asking;

/// One request head. Borrows the bytes it was read from.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each asked for alone")]
pub struct RequestHead<'h, 'b> {
    /// The method, as sent.
    pub method: &'b [u8],
    /// HTTP/1.1; otherwise HTTP/1.0.
    pub is_http11: bool,
    /// How its body is framed.
    pub framing: Framing,
    /// Whether the client lets the connection live on.
    pub keep_alive: bool,
    /// Whether the client waits for 100 (Continue) before it sends the body.
    pub expects_continue: bool,
    /// Whether the client asks for a WebSocket.
    pub switches: bool,
    pub(super) target: Target<'b>,
    pub(super) host: Option<&'b [u8]>,
    pub(super) fields: Fields<'h, 'b>,
}

/// What the target asks for, in the form that the backend gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'b> {
    /// The authority of an absolute target; it takes the place of `Host`.
    pub(super) authority: Option<&'b [u8]>,
    /// Whether an absolute target is one of `https`; none for any other form.
    pub(super) is_secure: Option<bool>,
    /// Whether a `/` must be put before `path`.
    pub(super) needs_slash: bool,
    /// Path and query, or `*`.
    pub(super) path: &'b [u8],
}

impl<'h, 'b> RequestHead<'h, 'b> {
    /// Parses a scanned head: the bytes up to and including its blank line.
    ///
    /// # Errors
    /// [`Refusal`] for everything that is malformed, ambiguous or not served.
    pub fn parse(head: &'b [u8], store: &'h mut FieldStore) -> Result<Self, Refusal> {
        let line = store.request(head)?;
        let RequestLine { method, is_http11, .. } = line;
        if method.len() > METHOD_LEN_MAX {
            return Err(Refusal::StartLine);
        }
        let target = Target::parse(&line)?;
        let fields = Fields::read(head, store)?;
        let host = checked_host(&fields, &target, is_http11)?;
        let framing = framing(&fields, is_http11)?;
        let options = &fields.options;
        Ok(Self {
            method,
            is_http11,
            framing,
            keep_alive: !options.close && (is_http11 || options.keep_alive),
            expects_continue: expects_continue(&fields, is_http11)?,
            switches: is_http11 && method == b"GET" && framing == Framing::None && fields.switches(),
            target,
            host,
            fields,
        })
    }

    /// The version that it is written in.
    pub fn version(&self) -> Version {
        if self.is_http11 { Version::Http11 } else { Version::Http10 }
    }

    /// Whether sending the request twice does what sending it once does (RFC 9110 §9.2.2).
    pub fn is_idempotent(&self) -> bool {
        matches!(self.method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE")
    }

    /// Whether the backend is asked as HTTP/1.1. An HTTP/1.0 client is no reason not to, since that
    /// would cost a connection for each of its requests; only a host has to be known.
    pub fn goes_as_http11(&self) -> bool {
        self.is_http11 || self.host.is_some()
    }

    /// Whether the response will have no body whatever its fields say.
    pub fn is_head(&self) -> bool {
        self.method == b"HEAD"
    }

    /// Host and port that are asked for.
    pub fn authority(&self) -> Option<&'b [u8]> {
        self.host
    }

    /// Whether the target may be asked for over a connection that is or is not under TLS: an absolute
    /// one names the scheme that it is for (RFC 9110 §7.4), all others are for either.
    pub fn fits(&self, is_tls: bool) -> bool {
        self.target.is_secure.is_none_or(|is_secure| is_secure == is_tls)
    }

    /// Path and query, or `*`.
    pub fn path(&self) -> &'b [u8] {
        self.target.path
    }

    /// Class, name and value of every field.
    pub fn fields(&self) -> impl Iterator<Item = (Class, &'b [u8], &'b [u8])> {
        self.fields.iter().map(|(class, header)| (class, header.name, header.value))
    }

    /// Whether the client takes trailers (`TE: trailers`).
    pub fn takes_trailers(&self) -> bool {
        self.fields.values(Class::Te).any(|value| value.eq_ignore_ascii_case(b"trailers"))
    }

    /// The first value of a field.
    pub fn value(&self, name: &str) -> Option<&'b [u8]> {
        let mut named = self.fields.iter().filter(|(_, header)| header.name.eq_ignore_ascii_case(name.as_bytes()));
        named.next().map(|(_, header)| header.value)
    }

    /// The values of a cookie, from all `Cookie` fields.
    pub fn cookies(&self, name: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        self.fields.values(Class::Cookie).flat_map(move |field| cookie::values(field, name))
    }
}

impl Asking for RequestHead<'_, '_> {
    fn method(&self) -> &[u8] {
        self.method
    }

    fn host(&self) -> Option<&[u8]> {
        self.host
    }

    fn target(&self) -> &[u8] {
        if self.target.needs_slash && !self.target.path.starts_with(b"/") { b"/" } else { self.target.path }
    }

    fn has(&self, field: &HeaderMatch) -> bool {
        self.fields.iter().any(|(_, header)| field.fits(header.name, header.value))
    }
}

impl<'b> Target<'b> {
    fn parse(line: &RequestLine<'b>) -> Result<Self, Refusal> {
        let (method, text) = (line.method, line.target);
        if method == b"CONNECT" {
            return Err(Refusal::Connect);
        }
        if !line.is_plain {
            return Err(Refusal::Target);
        }
        match text {
            [b'/', ..] => Ok(Self::origin(text)),
            b"*" if method == b"OPTIONS" => Ok(Self::origin(text)),
            _ => Self::absolute(method, text),
        }
    }

    const fn origin(path: &'b [u8]) -> Self {
        Self { authority: None, is_secure: None, needs_slash: false, path }
    }

    fn absolute(method: &[u8], text: &'b [u8]) -> Result<Self, Refusal> {
        let starts = |scheme: &[u8]| {
            let (start, rest) = text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let (is_secure, rest) = match (starts(b"http://"), starts(b"https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(Refusal::Target),
        };
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        host::check(authority)?;
        let target =
            |needs_slash, path| Self { authority: Some(authority), is_secure: Some(is_secure), needs_slash, path };
        Ok(match path {
            [] if method == b"OPTIONS" => target(false, b"*"),
            [b'/', ..] => target(false, path),
            _ => target(true, path),
        })
    }
}

/// The host that the backend is told: one, valid, and the same in target and field.
fn checked_host<'b>(
    fields: &Fields<'_, 'b>,
    target: &Target<'b>,
    is_http11: bool,
) -> Result<Option<&'b [u8]>, Refusal> {
    let mut hosts = fields.values(Class::Host);
    let named = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::HostRepeated);
    }
    match (named, target.authority) {
        (None, _) if is_http11 => Err(Refusal::HostMissing),
        (None, authority) => Ok(authority),
        (Some(named), None) => host::check(named).map(|()| Some(named)),
        (Some(named), Some(authority)) => {
            host::check(named)?;
            let default_port = if target.is_secure == Some(true) { "443" } else { "80" };
            if host::same(named, authority, default_port) { Ok(Some(authority)) } else { Err(Refusal::HostMismatch) }
        }
    }
}

fn framing(fields: &Fields<'_, '_>, is_http11: bool) -> Result<Framing, Refusal> {
    match fields.coding {
        // Byte for byte: a reader that compares with case would see another framing in `Chunked`.
        Some(b"chunked") if is_http11 => Ok(Framing::Chunked),
        Some(_) => Err(Refusal::Coding),
        None => Ok(fields.length_framing().unwrap_or(Framing::None)),
    }
}

fn expects_continue(fields: &Fields<'_, '_>, is_http11: bool) -> Result<bool, Refusal> {
    let mut expects = false;
    for value in fields.values(Class::Expect) {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::Expectation);
        }
        expects = is_http11;
    }
    Ok(expects)
}

#[cfg(test)]
mod tests;
