//! HTTP listeners behind and before other proxies: who the client is, what backends are told of it,
//! and requests that come round (S-52, S-54, S-59, S-62, L-06, L-15).

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;

use poise_ipc::cause::Cause;
use poise_ipc::model::{Backend, Config, Count, ForwardedFor, Group, Listener, Protocol};

use crate::backends::until;
use crate::rig::{Rig, front, name};
use crate::script::{Named, field, read_message, send};

fn front_of(config: &mut Config, edit: impl FnOnce(&mut Listener)) {
    edit(config.listeners.get_mut(&name("front")).expect("it was made"));
}

fn rig(backend: SocketAddr, edit: impl FnOnce(&mut Listener)) -> Rig {
    let mut config = front(Protocol::Http, &[backend]);
    front_of(&mut config, edit);
    Rig::new(config)
}

/// The answer to a GET with these fields, on a connection of its own.
fn get(rig: &Rig, fields: &str) -> (String, String) {
    let mut client = rig.connect();
    send(&mut client, &format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
    read_message(&mut client).expect("an answer")
}

fn status(head: &str) -> &str {
    &head["HTTP/1.1 ".len()..][..3]
}

/// What the backend was told in the last request.
fn told(backend: &Named) -> String {
    backend.requests().pop().expect("a request")
}

fn trusts_loopback(listener: &mut Listener) {
    listener.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
}

#[test]
fn s_54_the_first_address_is_the_client_and_each_proxy_adds_its_peer() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |_| {});
    assert_eq!(status(&get(&rig, "X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n").0), "200");
    assert_eq!(field(&told(&backend), "x-forwarded-for"), Some("192.0.2.7, 198.51.100.1, 127.0.0.1"));
    assert_eq!(field(&told(&backend), "x-forwarded-host"), Some("h"));
    rig.edit(|config| front_of(config, |listener| listener.forwarded_for = ForwardedFor::Replace));
    get(&rig, "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: lie\r\n");
    assert_eq!(field(&told(&backend), "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(field(&told(&backend), "x-forwarded-host"), Some("h"));
}

#[test]
fn s_52_backends_are_told_by_every_field_that_is_wanted() {
    let backend = Named::new("a");
    let rig = rig(backend.address, |listener| {
        (listener.real_ip, listener.forwarded) = (true, ForwardedFor::Append);
    });
    get(&rig, "X-Real-IP: 1.1.1.1\r\nForwarded: for=\"[2001:db8::1]\"\r\n");
    let seen = told(&backend);
    assert_eq!(field(&seen, "x-real-ip"), Some("127.0.0.1"));
    let forwarded = "for=\"[2001:db8::1]\", for=127.0.0.1;host=\"h\";proto=http";
    assert_eq!(field(&seen, "forwarded"), Some(forwarded));
    get(&rig, "Forwarded: for=\"1.1.1.1\r\n");
    assert_eq!(field(&told(&backend), "forwarded"), Some("for=127.0.0.1;host=\"h\";proto=http"), "an open quote");
}

#[test]
fn l_15_trusted_proxies_are_walked_from_the_right_and_others_are_not_believed() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| {
        trusts_loopback(listener);
        (listener.real_ip, listener.forwarded_for) = (true, ForwardedFor::Append);
    });
    get(&rig, "X-Forwarded-For: 1.1.1.1, 192.0.2.7, 127.0.0.9\r\nX-Forwarded-Proto: https\r\n");
    let seen = told(&backend);
    assert_eq!(field(&seen, "x-real-ip"), Some("192.0.2.7"));
    assert_eq!(field(&seen, "x-forwarded-for"), Some("1.1.1.1, 192.0.2.7, 127.0.0.9, 127.0.0.1"));
    assert_eq!(field(&seen, "x-forwarded-proto"), Some("https"), "a trusted one says how the client came");
    rig.edit(|config| front_of(config, |listener| listener.trusted = vec!["10.0.0.0/8".parse().expect("a network")]));
    get(&rig, "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n");
    let seen = told(&backend);
    assert_eq!(field(&seen, "x-real-ip"), Some("127.0.0.1"));
    assert_eq!(field(&seen, "x-forwarded-for"), Some("127.0.0.1"), "nobody vouches for the rest");
    assert_eq!(field(&seen, "x-forwarded-proto"), Some("http"));
}

#[test]
fn s_62_access_goes_by_the_client_that_trusted_proxies_name() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| {
        trusts_loopback(listener);
        listener.access.deny = vec!["192.0.2.0/24".parse().expect("a network")];
    });
    let mut proxy = rig.connect();
    let from = |client: &str| format!("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\n\r\n");
    for (client, code) in [("198.51.100.1", "200"), ("192.0.2.7", "403"), ("198.51.100.1", "200")] {
        send(&mut proxy, &from(client));
        let (head, _) = read_message(&mut proxy).expect("the connection carries others too");
        assert_eq!(status(&head), code, "{client}");
    }
    assert_eq!(rig.count_of(Cause::Denied), 1);
    let denied = rig.records_of(Cause::Denied, 1);
    assert_eq!(denied[0].client.ip().to_string(), "192.0.2.7");
}

#[test]
fn s_62_a_client_that_may_not_come_is_told_so_until_it_is_a_flood() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| {
        listener.access.deny = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    let (head, _) = get(&rig, "");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("403", Some("denied")));
    // Who says nothing takes the place of another that could be told.
    let silent: Vec<_> = (0..400).map(|_| rig.connect()).collect();
    let reset = |mut client: &std::net::TcpStream| matches!(client.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset);
    assert!(silent.iter().rev().any(reset), "not all of a flood");
    until("all are counted", || rig.count_of(Cause::Denied) == 401);
    rig.edit(|config| {
        front_of(config, |listener| {
            listener.access.deny.clear();
            listener.limits.connections_max = Some(Count(1));
        });
    });
    let mut first = rig.connect();
    send(&mut first, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status(&read_message(&mut first).expect("an answer").0), "200");
    until("the next is told", || {
        let mut client = rig.connect();
        send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        read_message(&mut client).is_ok_and(|(head, _)| status(&head) == "503")
    });
}

#[test]
fn a_source_that_asks_too_often_is_answered_429_with_the_time_to_wait() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| {
        trusts_loopback(listener);
        listener.limits.source_requests_max = Some(Count(3));
    });
    let from = |rig: &Rig, client: &str| get(rig, &format!("X-Forwarded-For: {client}\r\n")).0;
    let mut hasty = rig.connect();
    // So many at once that a slow machine earns them no place.
    send(&mut hasty, &"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n".repeat(100));
    let heads: Vec<_> = (0..100).map(|_| read_message(&mut hasty).expect("an answer").0).collect();
    assert!(heads[..3].iter().all(|head| status(head) == "200"), "{heads:?}");
    let refused = heads[3..].iter().find(|head| status(head) == "429").expect("too many");
    assert_eq!(field(refused, "retry-after"), Some("1"));
    assert_eq!(field(refused, "x-poise-cause"), Some("rate-limited"));
    assert_eq!(status(&from(&rig, "198.51.100.1")), "200", "another client has a rate of its own");
    assert!(rig.count_of(Cause::RateLimited) > 0);
    rig.edit(|config| front_of(config, |listener| listener.limits.source_requests_max = None));
    assert!((0..6).all(|_| status(&from(&rig, "192.0.2.7")) == "200"), "an edit holds at once");
}

#[test]
fn s_59_l_06_a_backend_that_is_the_listener_itself_is_answered_508() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |_| {});
    let own = rig.address_of("front");
    rig.edit_backend("b0", |backend| backend.address = own.into());
    let (head, body) = get(&rig, "");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("508", Some("loop")), "{body}");
    assert_eq!(rig.count_of(Cause::Loop), 1);
    assert_eq!(rig.records_of(Cause::Loop, 1).len(), 1);
}

#[test]
fn l_06_without_via_another_field_tells_a_round_and_backends_see_no_via() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| listener.via = false);
    assert_eq!(status(&get(&rig, "").0), "200");
    let head = told(&backend).to_lowercase();
    assert!(!head.contains("\r\nvia:") && head.contains("\r\ncdn-loop: poise-"), "{head}");
    let own = rig.address_of("front");
    rig.edit_backend("b0", |backend| backend.address = own.into());
    let (head, _) = get(&rig, "");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("508", Some("loop")));
}

#[test]
fn l_06_a_round_through_another_poised_is_answered_508_and_a_chain_is_served() {
    let backend = Named::new("a");
    let mut first = rig(backend.address, |_| {});
    let second = rig(first.address_of("front"), |_| {});
    assert_eq!(status(&get(&second, "").0), "200", "a chain is no loop");
    assert_eq!(told(&backend).to_lowercase().matches("via: 1.1 poise-").count(), 2);
    let back = second.address_of("front");
    first.edit_backend("b0", |backend| backend.address = back.into());
    assert_eq!(status(&get(&first, "").0), "508");
}

#[test]
fn l_06_a_chain_of_two_listeners_of_one_daemon_is_no_loop() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |_| {});
    let own = rig.address_of("front");
    rig.edit(|config| {
        let mut group = Group::default();
        group.backends.insert(name("own"), Backend::new(own));
        config.groups.insert(name("chain"), group);
        let bind = SocketAddr::from(([127, 0, 0, 1], 0));
        config.listeners.insert(name("outer"), Listener::new(bind, Protocol::Http, name("chain")));
    });
    let mut client =
        crate::backends::patient(std::net::TcpStream::connect(rig.address_of("outer")).expect("the listener accepts"));
    send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status(&read_message(&mut client).expect("an answer").0), "200");
}
