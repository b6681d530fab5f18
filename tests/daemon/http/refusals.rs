//! Requests that two readers could read differently: answered by poise, never by a backend.

use std::io::Write as _;

use poise_ipc::cause::Cause;

use super::{ask, http, status};
use crate::backends::{Scripted, read_to_end, until};
use crate::script::{Named, field, read_message, send};

/// What is sent, the status it gets, and the cause.
const REFUSED: &[(&str, &str, Cause)] = &[
    ("GET / HTTP/1.1\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", Cause::BadRequest),
    ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", Cause::BadRequest),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\nHost: a\n\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\0\r\n\r\n", "400", Cause::BadRequest),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "400", Cause::BadRequest),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "400", Cause::BadRequest),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", "400", Cause::BadRequest),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
        Cause::BadRequest,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400", Cause::BadRequest),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", Cause::BadRequest),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n", "400", Cause::BadRequest),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "400", Cause::BadRequest),
    ("\u{16}\u{3}\u{1}", "400", Cause::BadRequest),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\n", "417", Cause::ExpectationFailed),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "501", Cause::NotImplemented),
];

#[test]
fn a_request_without_one_reading_is_answered_and_its_connection_closed() {
    let backend = Named::new("a");
    let mut rig = http(&[backend.address]);
    for (bytes, code, cause) in REFUSED {
        let counted = rig.count_of(*cause);
        let mut client = rig.connect();
        // What follows a refused request must not become a request of its own.
        send(&mut client, &format!("{bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        let (head, body) = read_message(&mut client).expect("a reply");
        assert_eq!((status(&head), field(&head, "x-poise-cause")), (*code, Some(cause.word())), "{bytes:?}");
        assert_eq!(field(&head, "connection"), Some("close"));
        assert!(body.starts_with(code) && body.contains(&format!(": {cause}: ")), "{body:?}");
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"", "{bytes:?}");
        assert_eq!(rig.count_of(*cause), counted + 1);
    }
    assert_eq!(backend.requests(), [""; 0]);
    assert_eq!(rig.records(REFUSED.len()).len(), REFUSED.len());
}

#[test]
fn limits_are_answered_by_name() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let long = "x".repeat(17 << 10);
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "414"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nA: {long}\r\nB: {long}\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(100)), "431"),
    ];
    for (request, code) in cases {
        assert_eq!(status(&ask(&mut rig.connect(), &request).0), code);
    }
    assert_eq!(backend.requests(), [""; 0]);
}

#[test]
fn an_upgrade_to_h2c_is_not_passed_on() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let upgrade =
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n";
    assert_eq!(status(&ask(&mut rig.connect(), upgrade).0), "200");
    let sent = backend.requests().pop().expect("a request");
    assert!(!sent.to_lowercase().contains("upgrade") && !sent.contains("Settings"), "{sent}");
}

#[test]
fn a_body_that_breaks_its_framing_later_ends_both_connections() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_to_end(&mut stream);
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    until("the backend is reached", || backend.connections() == 1);
    client.write_all(b"zz\r\n").expect("the connection is open");
    assert_eq!(status(&read_message(&mut client).expect("a reply").0), "400");
    until("the backend's connection is closed", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_answered_408() {
    let backend = Named::new("a");
    let rig = http(&[backend.address]);
    let (mut slow, mut silent) = (rig.connect(), rig.connect());
    send(&mut slow, "GET / HTTP/1.1\r\nHost:");
    let (head, _) = read_message(&mut slow).expect("a reply");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("408", Some("request-timeout")));
    assert_eq!(read_to_end(&mut silent).expect("an orderly end"), b"");
}
