//! Who sent a request: cookies, and addresses that others tell, in PROXY headers and in fields.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use poise_core::http::bounds::Bounds;
use poise_core::http::fields::{Class, FieldStore};
use poise_core::http::forwarded::{Forwarding, HOPS_MAX, Sender};
use poise_core::http::onward::{Forwarded, PeerText};
use poise_core::http::request::RequestHead;
use poise_core::http::scan::Scanner;
use poise_core::proxy::{Decoded, Invalid, Transport, decode};
use poise_core::token::Token;
use poise_ipc::Name;
use poise_ipc::model::{ForwardedFor, Listener, Network, NetworkRule, Protocol};

/// Fields up to which a head has room for those that are added.
const FIELDS_MAX: usize = 64;

/// How the walk over the proxies of a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// It was not begun: the peer is not believed.
    Stranger,
    /// At an address that is not trusted.
    Client,
    /// Among trusted ones, because nothing more is known.
    Trusted,
    /// At the bound on proxies.
    Bound,
    /// The request has been here before.
    Round,
}

/// A `Cookie` field: its values lie within it, and it has none of a name that it does not hold.
pub fn cookie(field: &[u8]) -> usize {
    let held = field.windows(8).any(|part| part == b"SERVERID");
    let mut count = 0;
    for value in poise_core::http::cookie::values(field, b"SERVERID") {
        assert!(held && value.len() < field.len());
        count += 1;
    }
    count
}

/// The PROXY header of a connection and of a datagram: a prefix has never another certain answer.
pub fn proxy_header(bytes: &[u8]) -> Option<Invalid> {
    let [stream, _] = [Transport::Stream, Transport::Datagram].map(|transport| {
        let whole = decode(bytes, transport);
        if let Ok(Decoded::Header(header)) = whole {
            assert!(header.len <= bytes.len());
        }
        let part = decode(&bytes[..bytes.len() / 2], transport);
        assert!(part == Ok(Decoded::Partial) || part == whole);
        whole
    });
    stream.err()
}

/// The fields of a request. The first byte says by its bits whether `Forwarded` is what is believed,
/// and whether the peer is.
pub fn forwarded(bytes: &[u8]) -> Option<Walk> {
    let (&how, fields) = bytes.split_first()?;
    let rule = forwarding(how & 1 > 0);
    let trusted = IpAddr::from([10, 0, 0, 1]);
    let peer = if how & 2 > 0 { IpAddr::from([192, 0, 2, 1]) } else { trusted };
    with_fields(fields, |head| {
        let sender = rule.client(peer, head);
        if peer != trusted {
            assert_eq!(sender, Sender { client: peer, vouched: false });
            return Walk::Stranger;
        }
        assert!(sender.vouched && !sender.client.is_unspecified());
        let elements = count(head, if how & 1 > 0 { Class::Forwarded } else { Class::ForwardedFor });
        let (is_short, is_plain) =
            (head.fields().count() < FIELDS_MAX, !fields.iter().any(|byte| b"\"\\".contains(byte)));
        if is_short && !rule.trusts(sender.client) {
            assert_eq!(behind(&rule, peer, fields), Some(sender.client), "the client had a word in it");
        }
        if is_short && is_plain && elements < HOPS_MAX {
            assert_eq!(next_hop(&rule, head, peer, sender), sender.client, "the next proxy sees another client");
        }
        match () {
            () if rule.goes_round(head) => Walk::Round,
            () if !rule.trusts(sender.client) => Walk::Client,
            () if elements > HOPS_MAX => Walk::Bound,
            () => Walk::Trusted,
        }
    })
}

/// A listener that trusts `10.0.0.0/8` and `fd00::/8`.
fn forwarding(by_forwarded: bool) -> Forwarding {
    let name = Name::new("app").expect("a name");
    let mut listener = Listener::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 80)), Protocol::Http, name);
    let networks = [(IpAddr::from([10, 0, 0, 0]), 8), (IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 0]), 8)];
    let rule = |(first, prefix)| NetworkRule { network: Network::of(first, prefix), comment: String::new() };
    listener.trusted = networks.map(rule).into();
    listener.forwarded_for = if by_forwarded { ForwardedFor::Off } else { ForwardedFor::Append };
    listener.forwarded = ForwardedFor::Append;
    Forwarding::new(&listener, &Token::parse(&[b'a'; 32]).expect("32 hex digits"))
}

/// Asks the request that has these fields; none when it is refused.
fn with_fields<R>(fields: &[u8], ask: impl FnOnce(&RequestHead<'_, '_>) -> R) -> Option<R> {
    with_head(&[b"GET / HTTP/1.1\r\nHost: h\r\n", fields, b"\r\n\r\n"].concat(), ask)
}

pub(crate) fn with_head<R>(bytes: &[u8], ask: impl FnOnce(&RequestHead<'_, '_>) -> R) -> Option<R> {
    let len = Scanner::default().scan(bytes, &Bounds::WIDEST).ok()??;
    let mut store = FieldStore::default();
    RequestHead::parse(&bytes[..len], &mut store).ok().as_ref().map(ask)
}

/// At least as many elements as the fields of a class have.
fn count(head: &RequestHead<'_, '_>, class: Class) -> usize {
    let values = head.fields().filter(|&(of, ..)| of == class);
    values.map(|(_, _, value)| value.split(|&byte| byte == b',').count()).sum()
}

/// Who the client is when it had written a field in front of all others.
fn behind(rule: &Forwarding, peer: IpAddr, fields: &[u8]) -> Option<IpAddr> {
    let own = b"X-Forwarded-For: 192.0.2.99\r\nForwarded: for=192.0.2.99\r\n";
    with_fields(&[own, fields].concat(), |head| rule.client(peer, head).client)
}

/// Who the client is to a proxy of the same rule that the request is passed on to.
fn next_hop(rule: &Forwarding, head: &RequestHead<'_, '_>, peer: IpAddr, sender: Sender) -> IpAddr {
    let (peer, client) = (PeerText::new(peer), PeerText::new(sender.client));
    let mut out = Vec::new();
    let onward = Forwarded {
        rule,
        peer: &peer,
        client: Some(&client),
        vouched: sender.vouched,
        version: head.version(),
        restores: None,
        id: None,
        edits: &[],
    };
    head.write(onward, &mut out);
    with_head(&out, |head| rule.client(IpAddr::from([10, 0, 0, 2]), head).client).expect("what is written is read")
}
