//! Lies by the moment at which they are told: backends that end early, stay silent, drip, or never
//! come to an end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::super::{http, status};
use super::{
    BAD, CALM_MS, CLOSED, Got, May, SILENCE_MS, SILENT, Then, assert_untouched, check, check_silences, get, got, head,
    liar, rig,
};
use crate::backends::Scripted;
use crate::script::{field, ok, read_head, read_message, send};

#[test]
fn a_row_of_interim_responses_ends() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\n"] {
        let lie = interim.repeat(100);
        let backend = liar(lie.into_bytes(), Then::Wait);
        let rig = rig(&backend, CALM_MS);
        let (mut victim, mut other) = (rig.connect(), rig.connect());
        assert_untouched(&mut victim, "/before", interim);
        send(&mut victim, &get("/lie"));
        let mut heads = 0;
        let last = loop {
            match read_head(&mut victim) {
                Ok(head) if status(&head).starts_with('1') => heads += 1,
                Ok(head) => break Some(head),
                Err(_) => break None,
            }
        };
        assert!(heads <= 20, "{heads} interim responses were passed on");
        if let Some(head) = last {
            assert_eq!((status(&head), field(&head, "x-poise-cause")), ("502", Some("bad-response")));
        }
        assert_untouched(&mut other, "/after", interim);
    }
}

#[test]
fn a_backend_that_ends_early_is_named_at_every_phase() {
    let whole = head("Content-Length: 4");
    for then in [Then::Close, Then::Reset] {
        // A connection that has served before may be closed at any time: the GET is sent anew, and
        // the new connection ends as well.
        check(b"", then, &CLOSED);
        for len in [1, 5, 9, 13, 17, 30, whole.len() - 1] {
            check(&whole.as_bytes()[..len], then, &CLOSED);
        }
        check(b"HTTP/1.1 100 Continue\r\n\r\n", then, &CLOSED);
        check(whole.as_bytes(), then, &May::Cut);
    }
}

#[test]
fn a_backend_that_stays_silent_is_named_at_every_phase() {
    let whole = head("Content-Length: 4");
    let mut lies = [0, 1, 9, 17, whole.len() - 1].map(|len| &whole.as_bytes()[..len]).to_vec();
    lies.push(b"HTTP/1.1 100 Continue\r\n\r\n");
    check_silences(&lies, &SILENT);
}

/// Writes byte by byte until the other side is gone.
fn drip(stream: &mut TcpStream, mut bytes: impl Iterator<Item = u8>) {
    stream.set_nodelay(true).expect("an open socket");
    while let Some(byte) = bytes.next()
        && stream.write_all(&[byte]).is_ok()
    {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_head_that_drips_for_ever_is_answered_504() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            match head.split(' ').nth(1).expect("a request line") {
                "/lie" => {
                    let endless = "HTTP/1.1 200 OK\r\nA: ".bytes().chain(std::iter::repeat(b'x'));
                    drip(&mut stream, endless);
                }
                target => send(&mut stream, &ok(target)),
            }
        }
    });
    let rig = rig(&backend, SILENCE_MS);
    let (mut victim, mut other) = (rig.connect(), rig.connect());
    assert_untouched(&mut victim, "/before", "nothing");
    send(&mut victim, &get("/lie"));
    assert_eq!(got(&mut victim), Got::Refusal(504, "response-timeout".into()));
    assert_untouched(&mut other, "/after", "a head that drips");
}

#[test]
fn a_body_that_drips_arrives_as_it_comes() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            let target = head.split(' ').nth(1).expect("a request line").to_owned();
            let dripped = if target == "/lie" { "x".repeat(60) } else { target };
            send(&mut stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", dripped.len()));
            drip(&mut stream, dripped.bytes());
        }
    });
    let rig = rig(&backend, CALM_MS);
    let mut client = rig.connect();
    send(&mut client, &get("/lie"));
    assert_eq!(got(&mut client), Got::Whole("x".repeat(60)));
    assert_untouched(&mut client, "/after", "a body that drips");
}

#[test]
fn a_head_without_end_is_refused_by_its_size() {
    let large = May::Refuse(502, "response-head-too-large");
    check(format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(70_000)).as_bytes(), Then::Wait, &large);
    check(format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(20_000)).as_bytes(), Then::Wait, &large);
    check(format!("HTTP/1.1 200 {}", "x".repeat(70_000)).as_bytes(), Then::Wait, &BAD);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(500));
    check(many.as_bytes(), Then::Wait, &large);
}

#[test]
fn an_answer_before_the_body_was_read_leaves_nothing_in_the_pool() {
    // The backend answers at once and keeps reading: what it takes the rest of the body for must
    // never be the next client's request.
    let backend = Scripted::new(|mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let target = head.split(' ').nth(1).expect("a request line").to_owned();
            send(&mut stream, &ok(&target));
        }
    });
    let rig = http(&[backend.address]);
    for n in 0..20 {
        let mut poster = rig.connect();
        let body = get("/smuggled").repeat(100);
        let half = body.len() / 2;
        send(&mut poster, &format!("POST /lie HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len()));
        send(&mut poster, &body[..half]);
        let (head, came) = read_message(&mut poster).expect("a response");
        assert_eq!((status(&head), came.as_str()), ("200", "/lie"));
        send(&mut poster, &body[half..]);
        for marker in ["/a", "/b"] {
            assert_untouched(&mut rig.connect(), marker, &format!("post {n}"));
        }
        let mut rest = Vec::new();
        match poster.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(rest, b"", "nothing follows the answer"),
            Err(fault) => assert_eq!(fault.kind(), ErrorKind::ConnectionReset),
        }
    }
}
