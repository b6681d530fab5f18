//! The walk over proxies, and requests that come round.

use std::net::{IpAddr, SocketAddr};

use poise_ipc::Name;
use poise_ipc::model::{ForwardedFor, Listener, Network, NetworkRule, Protocol};
use proptest::prelude::*;

use super::{Forwarding, HOPS_MAX, Sender, VIAS_MAX};
use crate::http::fields::FieldStore;
use crate::http::request::RequestHead;
use crate::token::Token;

const PEER: &str = "10.0.0.1";

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A listener that trusts `10.0.0.0/8` and `fd00::/8`, and goes by `Forwarded` or by the other field.
fn forwarding(by_forwarded: bool) -> Forwarding {
    let bind = SocketAddr::from(([127, 0, 0, 1], 80));
    let mut listener = Listener::new(bind, Protocol::Http, Name::new("app").expect("a name"));
    let trusted = [("10.0.0.0", 8), ("fd00::", 8)];
    let trusted = trusted.map(|(first, prefix)| Network::of(address(first), prefix));
    listener.trusted = trusted.map(|network| NetworkRule { network, comment: String::new() }).into();
    if by_forwarded {
        (listener.forwarded_for, listener.forwarded) = (ForwardedFor::Off, ForwardedFor::Append);
    }
    Forwarding::new(&listener, &Token::parse(&[b'a'; 32]).expect("32 hex digits"))
}

fn with_head<R>(fields: &str, ask: impl FnOnce(&RequestHead<'_, '_>) -> R) -> R {
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let mut store = FieldStore::default();
    ask(&RequestHead::parse(head.as_bytes(), &mut store).expect("a good head"))
}

fn client(by_forwarded: bool, peer: &str, fields: &str) -> String {
    let rule = forwarding(by_forwarded);
    with_head(fields, |head| rule.client(address(peer), head)).client.to_string()
}

#[test]
fn l_15_the_walk_ends_at_the_first_address_that_is_not_trusted() {
    for (fields, expected) in [
        ("", PEER),
        ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.9\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 10.0.0.9\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
        ("X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7"),
        ("X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"),
        ("X-Forwarded-For: [2001:db8::1]\r\n", "2001:db8::1"),
        ("X-Forwarded-For: 2001:db8::1, fd00::1\r\n", "2001:db8::1"),
        ("X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7, , 10.0.0.9,\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7, nonsense, 10.0.0.9\r\n", "10.0.0.9"),
        ("X-Forwarded-For: 192.0.2.7, unknown\r\n", PEER),
        ("X-Forwarded-For: 0.0.0.0\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, _hidden\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, 10.0.0.9:99999\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, 10.0.0.9:\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, [fd00::1\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, fd00::1]:80\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, [10.0.0.9]x\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, fd00::1%eth0\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, 010.0.0.9\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, for=10.0.0.9\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7, [fd00::1]:4711, 10.0.0.9:1\r\n", "192.0.2.7"),
        ("X_Forwarded_For: 192.0.2.7\r\n", PEER),
        ("X-Forwarded-For: 192.0.2.7\r\nX_Forwarded_For: 1.1.1.1\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded_For: 1.1.1.1\r\n", "192.0.2.7"),
        ("Forwarded: for=192.0.2.7\r\n", PEER),
    ] {
        assert_eq!(client(false, PEER, fields), expected, "{fields:?}");
    }
    assert_eq!(client(false, "192.0.2.1", "X-Forwarded-For: 1.1.1.1\r\n"), "192.0.2.1", "nobody vouches for it");
}

#[test]
fn l_15_forwarded_is_walked_alike() {
    for (fields, expected) in [
        ("Forwarded: for=192.0.2.7\r\n", "192.0.2.7"),
        ("Forwarded: for=1.1.1.1, For=\"192.0.2.7:80\";proto=http, proto=https;for=10.0.0.2\r\n", "192.0.2.7"),
        ("Forwarded: for=\"[2001:db8::1]:4711\";host=\"a,b\"\r\n", "2001:db8::1"),
        ("Forwarded: for=192.0.2.7, for=unknown\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for=_hidden\r\n", PEER),
        ("Forwarded: for=192.0.2.7;for=10.0.0.2\r\n", PEER),
        ("Forwarded: host=a\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for=\"unknown:80\"\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for=\"_gazonk:_x\"\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for=\"[fd00::1]:_port\"\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for=\"10.0.0.9\r\n", PEER),
        ("Forwarded: for=192.0.2.7, for\r\n", PEER),
        ("Forwarded: for=192.0.2.7, FOR=\"[fd00::1]\";by=_me\r\n", "192.0.2.7"),
        ("Forwarded: for=\"1.1.1.1, for=192.0.2.7\r\n", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7\r\n", PEER),
    ] {
        assert_eq!(client(true, PEER, fields), expected, "{fields:?}");
    }
}

#[test]
fn no_more_proxies_are_walked_than_the_bound() {
    let many = format!("X-Forwarded-For: 192.0.2.7{}\r\n", ", 10.0.0.9".repeat(HOPS_MAX));
    assert_eq!(client(false, PEER, &many), "10.0.0.9");
    let thousand = format!("X-Forwarded-For: {}192.0.2.7\r\n", "192.0.2.9, ".repeat(1_000));
    assert_eq!(client(false, PEER, &thousand), "192.0.2.7", "what stands left costs nothing");
    let thousand = format!("Forwarded: for=192.0.2.7{}\r\n", ", for=10.0.0.9".repeat(1_000));
    assert_eq!(client(true, PEER, &thousand), "10.0.0.9");
    let enough = format!("X-Forwarded-For: 192.0.2.7{}\r\n", ", 10.0.0.9".repeat(HOPS_MAX - 1));
    assert_eq!(client(false, PEER, &enough), "192.0.2.7");
}

proptest! {
    #[test]
    fn l_15_what_stands_left_of_the_first_untrusted_never_matters(left in "[ -~]{0,60}", by_forwarded: bool) {
        let fields = if by_forwarded {
            format!("Forwarded: {left}, for=192.0.2.7, for=10.0.0.2\r\n")
        } else {
            format!("X-Forwarded-For: {left}, 192.0.2.7, 10.0.0.2\r\n")
        };
        prop_assert_eq!(client(by_forwarded, PEER, &fields), "192.0.2.7");
    }

    #[test]
    fn the_client_is_the_peer_or_somebody_behind_trusted_ones(fields in "(X-Forwarded-For: [0-9a-f:., ]{0,40}\r\n){0,3}") {
        let sender = with_head(&fields, |head| forwarding(false).client(address("192.0.2.1"), head));
        prop_assert_eq!(sender, Sender { client: address("192.0.2.1"), vouched: false });
    }
}

#[test]
fn l_06_our_own_name_or_too_many_are_a_round() {
    let rule = forwarding(false);
    let round = |fields: &str| with_head(fields, |head| rule.goes_round(head));
    assert!(!round("") && !round("Via: 1.1 other, 1.0 poise-bbbbbbbbbbbbbbbb\r\n"));
    assert!(!round("Via: 1.1 poise-aaaaaaaaaaaaaaaab\r\n"), "a longer name is another");
    assert!(round("Via: 1.1 other\r\nvia: 1.1 poise-aaaaaaaaaaaaaaaa, 1.1 more\r\n"));
    assert!(round("Connection: via\r\nVia: 2.0 poise-aaaaaaaaaaaaaaaa (comment)\r\n"));
    assert!(round("CDN-Loop: cdn.example; a=b, poise-aaaaaaaaaaaaaaaa;c=d\r\n"), "the other field counts alike");
    assert!(!round("CDN-Loop: poise-bbbbbbbbbbbbbbbb\r\nX-Loop: poise-aaaaaaaaaaaaaaaa\r\n"));
    assert!(!round(&format!("Via: {}\r\n", ["1.1 a"; VIAS_MAX].join(", "))));
    assert!(round(&format!("Via: {}\r\n", ["1.1 a"; VIAS_MAX + 1].join(", "))));
}
