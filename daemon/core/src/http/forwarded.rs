//! Who a request is from when proxies stand in front, and whether it comes round (L-06, L-15).
//!
//! Compiled once per listener. Fields about the client are walked from the right, and only as far as
//! those that wrote them are trusted: what a client wrote itself is never believed. It writes no
//! field (`onward`). Called by the relay for each request.

use std::net::{IpAddr, SocketAddr};

use poise_ipc::model::{ForwardedFor, Listener, Protocol};

use super::fields::Class;
use super::request::RequestHead;
use crate::networks::Networks;
use crate::token::Token;

/// Proxies that one request may name before the rest is not looked at.
pub const HOPS_MAX: usize = 32;
/// Members of `Via` and `CDN-Loop` beyond which a request is taken for one that goes round: no honest chain is so
/// long, and a loop of others that drops our token must end too.
pub const VIAS_MAX: usize = 32;
/// What our name in `Via` begins with.
const VIA_PREFIX: &[u8] = b"poise-";
/// Hex digits of the token that are written: enough not to be met by chance.
const VIA_TOKEN_LEN: usize = 16;
/// Bytes of our name in `Via`.
const VIA_NAME_LEN: usize = VIA_PREFIX.len() + VIA_TOKEN_LEN;

/// How a listener learns and passes on who its clients are.
#[derive(Debug)]
pub struct Forwarding {
    /// What happens to `X-Forwarded-For` and its relatives.
    pub forwarded_for: ForwardedFor,
    /// What happens to `Forwarded`.
    pub forwarded: ForwardedFor,
    /// Backends get the client in `X-Real-IP`.
    pub real_ip: bool,
    /// Clients come over TLS.
    pub is_tls: bool,
    /// Whether it stands in `Via`, and not in `CDN-Loop`.
    pub(super) tells_via: bool,
    /// Our name in `Via` or `CDN-Loop`.
    pub(super) via: [u8; VIA_NAME_LEN],
    /// The port as a backend is told it; none where the kernel chose it or there is none.
    pub(super) port: Option<Box<str>>,
    /// Proxies that are believed.
    trusted: Option<Networks>,
}

/// Who a request is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The client, as far as is believed.
    pub client: IpAddr,
    /// Whether the peer is believed, and so what it says about the client.
    pub vouched: bool,
}

impl Forwarding {
    /// That of a listener; `token` is its own and nobody else's.
    pub fn new(listener: &Listener, token: &Token) -> Self {
        let mut via = [0; VIA_NAME_LEN];
        via[..VIA_PREFIX.len()].copy_from_slice(VIA_PREFIX);
        via[VIA_PREFIX.len()..].copy_from_slice(&token.as_bytes()[..VIA_TOKEN_LEN]);
        let port = listener.bind.ip().map(|address| address.port()).filter(|&port| port > 0);
        Self {
            forwarded_for: listener.forwarded_for,
            forwarded: listener.forwarded,
            real_ip: listener.real_ip,
            is_tls: listener.protocol == Protocol::Https,
            tells_via: listener.via,
            via,
            port: port.map(|port| port.to_string().into()),
            trusted: Networks::new(&listener.trusted),
        }
    }

    /// Whether anybody in front is believed.
    #[inline]
    pub fn trusts_anybody(&self) -> bool {
        self.trusted.is_some()
    }

    /// Whether this peer's word on the client is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| trusted.contains(peer))
    }

    /// Who a request that `peer` sent is from. `X-Forwarded-For` is what is believed, `Forwarded`
    /// where only that is passed on.
    pub fn client(&self, peer: IpAddr, head: &RequestHead<'_, '_>) -> Sender {
        let Some(trusted) = self.trusted.as_ref().filter(|trusted| trusted.contains(peer)) else {
            return Sender { client: peer, vouched: false };
        };
        let by_forwarded = self.forwarded_for == ForwardedFor::Off && self.forwarded != ForwardedFor::Off;
        let class = if by_forwarded { Class::Forwarded } else { Class::ForwardedFor };
        let read = if by_forwarded { node_of } else { node };
        let mut client = peer;
        let elements = head.fields.values_back(class).flat_map(|value| Elements(Some(value)));
        for element in elements.filter(|element| !element.is_empty()).take(HOPS_MAX) {
            // A name that is none, or hidden, ends what is known.
            let Some(address) = read(element) else { break };
            client = address;
            if !trusted.contains(client) {
                break;
            }
        }
        Sender { client, vouched: true }
    }

    /// Whether a request has passed this listener before, or more proxies than any chain has.
    pub fn goes_round(&self, head: &RequestHead<'_, '_>) -> bool {
        if !head.fields.has(Class::Via) && !head.fields.has(Class::CdnLoop) {
            return false;
        }
        let mut vias = 0;
        let fields = head.fields.values(Class::Via).chain(head.fields.values(Class::CdnLoop));
        for member in fields.flat_map(super::fields::members) {
            vias += 1;
            // Parameters may follow a name in `CDN-Loop`, comments one in `Via`.
            let mut words = member.split(|byte| matches!(byte, b' ' | b'\t' | b';'));
            if vias > VIAS_MAX || words.any(|word| word == self.via) {
                return true;
            }
        }
        false
    }
}

/// Elements of a list, the last one first, trimmed. Commas in quotes do not separate; what stands
/// left of an element cannot change it, so a client cannot spoil what proxies added.
struct Elements<'b>(Option<&'b [u8]>);

impl<'b> Iterator for Elements<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = self.0?;
        let mut quoted = false;
        let comma = rest.iter().rposition(|&byte| {
            quoted ^= byte == b'"';
            byte == b',' && !quoted
        });
        self.0 = comma.map(|at| &rest[..at]);
        Some(comma.map_or(rest, |at| &rest[at + 1..]).trim_ascii())
    }
}

/// The address of a node: alone or with a port, one of IPv6 in brackets or not.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: Option<IpAddr> = text.parse().ok().or_else(bracketed).or_else(with_port);
    address.map(|address| address.to_canonical()).filter(|address| !address.is_unspecified())
}

/// The address of `for` in an element of `Forwarded` (RFC 7239 section 4), which must be the only one
/// and say who it is.
fn node_of(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii) {
        let (name, value) = pair.split_at(pair.iter().position(|&byte| byte == b'=')?);
        if name.eq_ignore_ascii_case(b"for") {
            let value = &value[1..];
            let quoted = value.strip_prefix(b"\"").map(|value| value.strip_suffix(b"\""));
            if found.replace(node(quoted.unwrap_or(Some(value))?)?).is_some() {
                return None;
            }
        }
    }
    found
}

/// Whether a field of `Forwarded` can be added to: no quote is open at its end.
pub(super) fn is_whole(value: &[u8]) -> bool {
    !value.contains(&b'\\') && value.split(|&byte| byte == b'"').count() % 2 == 1
}

#[cfg(test)]
mod tests;
