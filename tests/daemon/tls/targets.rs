//! Absolute targets: which connections they may come by, and what the backend gets of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use poise_ipc::cause::Cause;

use super::{address, front, started};
use crate::backends::{Scripted, patient, until};
use crate::process::set;
use crate::secured::{Client, NOW, Shelf};

/// A backend that answers with the head of each request as the body.
fn mirror() -> Scripted {
    Scripted::new(|mut stream| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while stream.read(&mut byte).is_ok_and(|count| count > 0) {
            head.extend(byte);
            if head.ends_with(b"\r\n\r\n") {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", head.len());
                // Whoever asked may have gone.
                let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&head));
                head.clear();
            }
        }
    })
}

/// What a client gets for a request, to the end of the connection.
fn answer(stream: &mut (impl Read + Write), target: &str, host: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is open");
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("an answer and an end");
    String::from_utf8(said).expect("text")
}

#[test]
fn an_absolute_target_is_served_where_its_scheme_fits_and_goes_on_without_it() {
    let (shelf, backend) = (Shelf::new(), mirror());
    shelf.put("site", &["site.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let (at, client) = (address(&daemon), Client::new());
    let secured =
        |target: &str, host: &str| answer(&mut client.connect(at, "site.test").expect("a handshake"), target, host);
    let served = secured("https://Site.test:443/a?b=c", "site.test");
    assert!(served.contains("\r\n\r\nGET /a?b=c HTTP/1.1\r\nHost: Site.test:443\r\n"), "{served}");
    assert!(secured("https://site.test?b", "site.test").contains("\r\n\r\nGET /?b HTTP/1.1\r\nHost: site.test\r\n"));
    let misdirected = secured("http://site.test/", "site.test");
    assert!(misdirected.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{misdirected}");
    assert!(secured("https://other.test/", "site.test").starts_with("HTTP/1.1 400 "), "two hosts are none");
    until("it is counted", || front(&daemon).counters.causes.contains(&(Cause::Misdirected, 1)));
}

#[test]
fn a_target_under_https_comes_in_the_clear_only_from_a_trusted_peer() {
    let (shelf, backend) = (Shelf::new(), mirror());
    shelf.put("site", &["site.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    daemon.ask(set("listeners.front.tls.certificates", "[]")).expect_err("https needs one");
    daemon
        .ask(crate::process::set_all(&[
            ("listeners.front.tls.certificates".to_owned(), "[]".to_owned()),
            ("listeners.front.protocol".to_owned(), "\"http\"".to_owned()),
        ]))
        .expect("valid");
    let plain = |target: &str| {
        answer(&mut patient(TcpStream::connect(address(&daemon)).expect("it accepts")), target, "site.test")
    };
    assert!(plain("http://site.test/a").contains("\r\n\r\nGET /a HTTP/1.1\r\nHost: site.test\r\n"));
    assert!(plain("https://site.test/a").starts_with("HTTP/1.1 421 "));
    daemon.ask(set("listeners.front.trusted", "[\"127.0.0.1\"]")).expect("valid");
    assert!(plain("https://site.test/a").contains("\r\n\r\nGET /a HTTP/1.1\r\n"), "it has ended TLS before us");
}
