//! Writes the heads that go on: a request for the backend, a response for the client.
//!
//! Fields of one hop are left out, framing and host are written from what was decided, never
//! copied twice; what would come out the same passes as it came. It decides nothing about framing
//! and reads no sockets. Called by the relay.

mod edits;
mod told;

use std::cell::Cell;

use poise_ipc::model::{ForwardedFor, HeaderEdit};

use self::edits::{replaces, write_edits};
use super::cookie::{self, Set};
use super::fields::{Class, is_dashed};
use super::forwarded::{Forwarding, is_whole};
use super::framing::Framing;
pub use super::peer::PeerText;
use super::request::RequestHead;
use super::response::ResponseHead;
use super::store::Field;
use crate::journal::Version;
use crate::persistence::Binding;

/// What the backend is told about the client.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// What the listener tells, and under which name it goes.
    pub rule: &'a Forwarding,
    /// Address of the peer.
    pub peer: &'a PeerText,
    /// Address of the client, where that is somebody else.
    pub client: Option<&'a PeerText>,
    /// Whether the peer is trusted to say who the client is.
    pub vouched: bool,
    /// What the client speaks, which `Via` names (RFC 9110 section 7.6.3).
    pub version: Version,
    /// Cookie whose values the backend gets back without the tokens before them.
    pub restores: Option<&'a str>,
    /// The id of the request, when backends are told one.
    pub id: Option<IdField<'a>>,
    /// What the route changes.
    pub edits: &'a [HeaderEdit],
}

/// The field that tells a backend the id of a request; it replaces what the client sent under that
/// name.
#[derive(Clone, Copy, Debug)]
pub struct IdField<'a> {
    /// Its name, checked with the configuration.
    pub name: &'a str,
    /// The id.
    pub value: &'a [u8],
}

impl IdField<'_> {
    /// Whether a backend may take a field of this name for it.
    fn is(&self, name: &[u8]) -> bool {
        is_dashed(name, self.name)
    }
}

/// Room for what a head grows by, so that its buffer grows once at the most.
const GROWTH: usize = 512;

/// What a response is given on its way to the client.
#[derive(Clone, Copy, Debug)]
pub struct Returned<'a> {
    /// What the client is told about the connection.
    pub connection: Connection,
    /// What becomes of the cookie that binds the client to the backend.
    pub binding: Binding<'a>,
    /// What the route changes.
    pub edits: &'a [HeaderEdit],
}

impl Returned<'_> {
    /// What an interim response is given.
    pub const INTERIM: Self = Self { connection: Connection::Persist, binding: Binding::Off, edits: &[] };
}

/// What the client is told about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Nothing: HTTP/1.1 connections live on by default.
    Persist,
    /// `keep-alive`, for HTTP/1.0 clients that asked for it.
    KeepAlive,
    /// `close`.
    Close,
}

impl RequestHead<'_, '_> {
    /// Appends the head for the backend: origin form, one `Host`, no fields of the client's hop.
    pub fn write(&self, forwarded: Forwarded<'_>, out: &mut Vec<u8>) {
        out.reserve(self.fields.head_len() + GROWTH);
        let begun = self.begun();
        if begun == 0 {
            self.write_request_line(out);
            if let Some(host) = self.host {
                field(out, b"Host", host);
            }
        }
        let passes_length = forwarded.edits.is_empty() && self.fields.is_length_plain();
        let is_marked = Cell::new(false);
        self.fields.write(begun, out, |class, header| match class {
            Class::ContentLength => passes_length,
            _ if replaces(forwarded.edits, header.name) => false,
            Class::Plain if forwarded.id.is_some_and(|id| id.is(header.name)) => false,
            Class::Plain | Class::SetCookie => !self.fields.is_listed(header.name),
            Class::Cookie if holds_marks(header.value, forwarded.restores) => {
                is_marked.set(true);
                false
            }
            Class::Cookie | Class::CacheControl | Class::Via | Class::CdnLoop => true,
            Class::Expect => self.expects_continue,
            Class::ForwardedFor | Class::ForwardedAlike => forwarded.rule.forwarded_for == ForwardedFor::Off,
            Class::ForwardedProto | Class::ForwardedHost | Class::ForwardedPort => {
                forwarded.vouched || forwarded.rule.forwarded_for == ForwardedFor::Off
            }
            Class::Forwarded => forwarded.rule.forwarded == ForwardedFor::Off,
            Class::RealIp => !forwarded.rule.real_ip,
            _ => false,
        });
        if !passes_length {
            write_framing(self.framing, out);
        }
        if is_marked.get() {
            self.write_restored(forwarded.restores, out);
        }
        self.write_forwarded(&forwarded, out);
        if let Some(id) = forwarded.id {
            field(out, id.name.as_bytes(), id.value);
        }
        write_edits(forwarded.edits, out);
        self.write_connection(out);
        out.extend_from_slice(b"\r\n");
    }

    /// How much of the head goes as it came from its first byte: first line and host, where writing
    /// them anew would give the same.
    fn begun(&self) -> usize {
        let line_len = self.method.len() + self.target.path.len() + " ".len() + " HTTP/1.1\r\n".len();
        let goes_as_it_came = self.is_http11
            && self.target.authority.is_none()
            && !self.target.needs_slash
            && line_len == self.fields.start();
        self.fields.plain_host().filter(|_| goes_as_it_came).unwrap_or(0)
    }

    fn write_request_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method);
        out.extend_from_slice(if self.target.needs_slash { b" /" } else { b" " });
        out.extend_from_slice(self.target.path);
        out.extend_from_slice(if self.goes_as_http11() { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" });
    }

    /// Cookies that carry a token of ours in the backend's own value.
    fn write_restored(&self, restores: Option<&str>, out: &mut Vec<u8>) {
        let Some(name) = restores else { return };
        for value in self.fields.values(Class::Cookie).filter(|value| holds_marks(value, restores)) {
            out.extend_from_slice(b"Cookie: ");
            cookie::restore(value, name.as_bytes(), out);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn write_forwarded(&self, forwarded: &Forwarded<'_>, out: &mut Vec<u8>) {
        let Forwarded { rule, peer, client, .. } = *forwarded;
        let client = client.unwrap_or(peer);
        if rule.forwarded_for != ForwardedFor::Off {
            out.extend_from_slice(b"X-Forwarded-For: ");
            if rule.forwarded_for == ForwardedFor::Append {
                for value in self.kept(Class::ForwardedFor, forwarded) {
                    out.extend_from_slice(value);
                    out.extend_from_slice(b", ");
                }
                out.extend_from_slice(peer.as_bytes());
            } else {
                out.extend_from_slice(client.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            self.write_reached(forwarded, out);
        }
        if rule.forwarded != ForwardedFor::Off {
            self.write_rfc7239(forwarded, out);
        }
        if rule.real_ip {
            field(out, b"X-Real-IP", client.as_bytes());
        }
        out.extend_from_slice(match (rule.tells_via, forwarded.version) {
            (false, _) => b"CDN-Loop: ",
            (true, Version::Http10) => b"Via: 1.0 ",
            (true, Version::Http11) => b"Via: 1.1 ",
            (true, Version::Http2) => b"Via: 2.0 ",
        });
        out.extend_from_slice(&rule.via);
        out.extend_from_slice(b"\r\n");
    }

    /// What a request says of its way and is passed on. Once somebody is trusted, the word of others
    /// is not.
    fn kept(&self, class: Class, forwarded: &Forwarded<'_>) -> impl Iterator<Item = &[u8]> {
        let keeps = forwarded.vouched || !forwarded.rule.trusts_anybody();
        self.fields.values(class).filter(move |value| keeps && !value.is_empty())
    }

    /// How the client came: what a trusted peer says of it stays.
    fn write_reached(&self, forwarded: &Forwarded<'_>, out: &mut Vec<u8>) {
        let lacks = |class| !forwarded.vouched || self.fields.values(class).next().is_none();
        if lacks(Class::ForwardedProto) {
            let is_tls = forwarded.rule.is_tls;
            let proto: &[u8] = if is_tls { b"X-Forwarded-Proto: https\r\n" } else { b"X-Forwarded-Proto: http\r\n" };
            out.extend_from_slice(proto);
        }
        if let Some(host) = self.host.filter(|_| lacks(Class::ForwardedHost)) {
            field(out, b"X-Forwarded-Host", host);
        }
        if let Some(port) = forwarded.rule.port.as_deref().filter(|_| lacks(Class::ForwardedPort)) {
            field(out, b"X-Forwarded-Port", port.as_bytes());
        }
    }

    /// `Forwarded` (RFC 7239): addresses of IPv6 in brackets and quotes.
    fn write_rfc7239(&self, forwarded: &Forwarded<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Forwarded: ");
        let appends = forwarded.rule.forwarded == ForwardedFor::Append;
        if appends {
            // What has an open quote would swallow ours.
            for value in self.kept(Class::Forwarded, forwarded).filter(|value| is_whole(value)) {
                out.extend_from_slice(value);
                out.extend_from_slice(b", ");
            }
        }
        let client = forwarded.client.filter(|_| !appends).unwrap_or(forwarded.peer).as_bytes();
        let (open, close): (&[u8], &[u8]) = if client.contains(&b':') { (b"\"[", b"]\"") } else { (b"", b"") };
        for part in [b"for=", open, client, close] {
            out.extend_from_slice(part);
        }
        if let Some(host) = self.host {
            // A checked host holds neither quotes nor what would need an escape.
            for part in [&b";host=\""[..], host, b"\""] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(if forwarded.rule.is_tls { b";proto=https\r\n" } else { b";proto=http\r\n" });
    }

    fn write_connection(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match (self.is_http11, self.switches, self.takes_trailers()) {
            (false, ..) if self.goes_as_http11() => b"".as_slice(),
            (false, ..) => b"Connection: keep-alive\r\n",
            (true, true, _) => b"Connection: upgrade\r\nUpgrade: websocket\r\n",
            (true, false, true) => b"Connection: TE\r\nTE: trailers\r\n",
            (true, false, false) => b"",
        });
    }
}

impl ResponseHead<'_, '_> {
    /// Appends the head for the client: no fields of the backend's hop, our own word on the
    /// connection, and the persistence cookie where one is to be set.
    pub fn write(&self, returned: Returned<'_>, out: &mut Vec<u8>) {
        let begun = self.begun();
        if begun == 0 {
            self.write_status_line(out);
        }
        let passes_length = returned.edits.is_empty() && self.fields.is_length_plain();
        self.fields.write(begun, out, |class, header| match class {
            Class::ContentLength if passes_length => self.status != 204,
            _ => self.passes(class, header, returned),
        });
        if !passes_length {
            write_framing(self.framing_onward(), out);
        }
        write_edits(returned.edits, out);
        self.write_binding(returned.binding, out);
        out.extend_from_slice(match returned.connection {
            _ if self.switches() => b"Connection: upgrade\r\nUpgrade: websocket\r\n".as_slice(),
            _ if self.is_interim() => b"",
            Connection::Persist => b"",
            Connection::KeepAlive => b"Connection: keep-alive\r\n",
            Connection::Close => b"Connection: close\r\n",
        });
        out.extend_from_slice(b"\r\n");
    }

    /// Whether a field goes on as it came.
    fn passes(&self, class: Class, header: Field<'_>, returned: Returned<'_>) -> bool {
        match class {
            Class::Connection | Class::Hop | Class::Upgrade | Class::Te => false,
            _ if replaces(returned.edits, header.name) => false,
            Class::TransferEncoding if self.is_bare => false,
            Class::ContentLength | Class::TransferEncoding => self.framing == Framing::None && self.status != 204,
            Class::SetCookie if returned.binding.takes(header.value) => false,
            _ => !self.fields.is_listed(header.name),
        }
    }

    /// How much of the head goes as it came: its first line, where writing it anew would give the same.
    fn begun(&self) -> usize {
        let start = self.fields.start();
        let line_len = "HTTP/1.1 200 \r\n".len() + self.reason.len();
        if line_len == start && self.is_http11 { start } else { 0 }
    }

    fn write_status_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend([100, 10, 1].map(|place| b'0' + (self.status / place % 10) as u8));
        out.push(b' ');
        out.extend_from_slice(self.reason);
        out.extend_from_slice(b"\r\n");
    }

    /// The cookie that binds, and what keeps shared caches from handing one client's binding to
    /// another.
    fn write_binding(&self, binding: Binding<'_>, out: &mut Vec<u8>) {
        let guards = match binding {
            _ if self.is_interim() => false,
            Binding::Off | Binding::Insert(_, None) => false,
            Binding::Insert(_, Some(cookie)) => {
                out.extend_from_slice(b"Set-Cookie: ");
                cookie.write(out);
                out.extend_from_slice(b"\r\n");
                cookie.guards
            }
            Binding::Rewrite(name, token, guards) => {
                let start = out.len();
                for set in self.cookies_set(name).filter(Set::has_room) {
                    out.extend_from_slice(b"Set-Cookie: ");
                    set.write(&token, out);
                    out.extend_from_slice(b"\r\n");
                }
                guards && out.len() > start
            }
        };
        if guards && !self.is_private() {
            out.extend_from_slice(b"Cache-Control: private\r\n");
        }
    }
}

/// Whether a `Cookie` field holds values that a token of ours stands before.
fn holds_marks(value: &[u8], restores: Option<&str>) -> bool {
    restores.is_some_and(|name| cookie::marks(value, name.as_bytes()).next().is_some())
}

/// Framing fields are written from what was decided, so that no reader finds them ambiguous.
fn write_framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            write_number(length, out);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
}

/// Decimal digits, without the machinery of `fmt`: nearly every message needs them.
pub(crate) fn write_number(number: u64, out: &mut Vec<u8>) {
    const DIGITS_MAX: usize = 20;
    let mut text = [0; DIGITS_MAX];
    let (mut rest, mut at) = (number, DIGITS_MAX);
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
pub(super) mod tests;
