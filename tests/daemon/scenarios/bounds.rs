//! Bounds of a listener that speaks HTTP: heads, bodies and their pace (S-58, L-05).

use std::io::Write as _;
use std::net::SocketAddr;

use poise_ipc::cause::Cause;
use poise_ipc::model::{ByteSize, Config, Count, Listener, Protocol};

use crate::backends::{Scripted, read_to_end, until};
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

/// A request with one long field, beside its host.
fn long(field: &str, bytes: usize) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{field}: {}\r\n\r\n", "x".repeat(bytes - field.len() - 2))
}

/// What is answered to a request on a connection of its own.
fn answer(rig: &Rig, request: &str) -> (String, String) {
    let mut client = rig.connect();
    send(&mut client, request);
    read_message(&mut client).expect("an answer")
}

fn status(head: &str) -> &str {
    &head["HTTP/1.1 ".len()..][..3]
}

#[test]
fn l_05_a_request_that_is_too_long_is_answered_with_field_size_and_limit() {
    let backend = Named::new("a");
    let rig = rig(backend.address, |listener| {
        listener.limits.head_bytes_max = Count(2_048);
        listener.limits.fields_max = Count(8);
        listener.limits.target_bytes_max = Count(300);
    });
    let (head, body) = answer(&rig, &long("X-Token", 4_000));
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("431", Some("head-too-large")));
    assert!(body.contains("more than 2048 bytes, 4000 of them in its field X-Token"), "{body}");
    let (head, body) = answer(&rig, &format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(8)));
    assert_eq!(status(&head), "431");
    assert!(body.contains("at least 9 fields, the limit is 8"), "{body}");
    let (head, body) = answer(&rig, &format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(400)));
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("414", Some("target-too-long")));
    assert!(body.contains("has 401 bytes, the limit is 300"), "{body}");
    assert_eq!(backend.requests(), [""; 0]);
}

#[test]
fn l_05_an_edited_limit_holds_for_the_next_request_of_an_open_connection() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |_| {});
    let mut client = rig.connect();
    send(&mut client, &long("A", 4_000));
    assert_eq!(status(&read_message(&mut client).expect("an answer").0), "200");
    rig.edit(|config| front_of(config, |listener| listener.limits.head_bytes_max = Count(1_024)));
    send(&mut client, &long("A", 4_000));
    assert_eq!(status(&read_message(&mut client).expect("an answer").0), "431");
    rig.edit(|config| front_of(config, |listener| listener.limits.head_bytes_max = Count(65_536)));
    assert_eq!(status(&answer(&rig, &long("A", 50_000)).0), "200", "more than the default");
}

#[test]
fn s_58_a_response_that_is_too_long_is_502_with_field_size_and_limit() {
    let backend = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            let field = "x".repeat(3_000 - "Set-Cookie: ".len());
            send(&mut stream, &format!("HTTP/1.1 200 OK\r\nSet-Cookie: {field}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let rig = rig(backend.address, |listener| listener.limits.head_bytes_max = Count(2_048));
    let (head, body) = answer(&rig, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("502", Some("response-head-too-large")));
    assert!(body.contains("more than 2048 bytes, 3000 of them in its field Set-Cookie"), "{body}");
    assert_eq!(rig.count_of(Cause::ResponseHeadTooLarge), 1);
}

#[test]
fn a_body_beyond_its_limit_is_answered_413_at_once_or_where_it_is_passed() {
    let backend = Named::new("a");
    let mut rig = rig(backend.address, |listener| listener.limits.body_bytes_max = Some(ByteSize(10)));
    let post = |length: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    assert_eq!(status(&answer(&rig, &(post(10) + "0123456789")).0), "200");
    let (head, _) = answer(&rig, &post(11));
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("413", Some("body-too-large")));
    assert_eq!(field(&head, "connection"), Some("close"));
    let expecting = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(status(&answer(&rig, expecting).0), "413", "instead of 100");

    let swallowing = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    rig.edit_backend("b0", |backend| backend.address = swallowing.address.into());
    let mut client = rig.connect();
    send(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n");
    until("the backend is reached", || swallowing.connections() == 1);
    client.write_all(b"5\r\n01234\r\n").expect("the connection is open");
    let (head, _) = read_message(&mut client).expect("an answer");
    assert_eq!((status(&head), field(&head, "connection")), ("413", Some("close")));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
    assert_eq!(rig.count_of(Cause::BodyTooLarge), 3);
    until("the backend's connection is closed", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn a_head_that_does_not_end_in_the_listeners_time_is_answered_408() {
    let backend = Named::new("a");
    let rig = rig(backend.address, |listener| listener.head_timeout_ms = 300);
    let (head, _) = answer(&rig, "GET / HTTP/1.1\r\nHost:");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("408", Some("request-timeout")));
}
