//! Handshakes that come to nothing: what the client gets, and what operators see.

use std::io::Write;
use std::net::TcpStream;

use poise_ipc::cause::Cause;
use poise_ipc::status::TlsFailure;
use rustls::version::{TLS12, TLS13};

use super::{address, failures, front, plain, started};
use crate::backends::{patient, read_to_end, until};
use crate::process::set;
use crate::secured::{Client, NOW, Shelf};

fn site() -> Shelf {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    shelf
}

#[test]
fn plain_http_is_told_that_the_port_speaks_tls() {
    let (shelf, backend) = (site(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let requests =
        ["GET / HTTP/1.1\r\nHost: site.test\r\n\r\n", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nb"];
    for request in requests {
        let mut client = patient(TcpStream::connect(address(&daemon)).expect("it accepts"));
        client.write_all(request.as_bytes()).expect("it is open");
        let said = String::from_utf8(read_to_end(&mut client).expect("an answer and an end")).expect("text");
        assert!(said.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{said}");
        assert!(said.contains("X-Poise-Cause: plain-http\r\n"), "{said}");
        assert!(said.contains("plain HTTP was sent to a port of https"), "{said}");
    }
    until("it is counted", || failures(&daemon, TlsFailure::PlainHttp) == 2);
    assert!(front(&daemon).counters.causes.contains(&(Cause::PlainHttp, 2)), "{:?}", front(&daemon).counters.causes);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn whoever_speaks_neither_gets_an_alert() {
    let (shelf, backend) = (site(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let mut client = patient(TcpStream::connect(address(&daemon)).expect("it accepts"));
    client.write_all(b"EHLO site.test\r\n").expect("it is open");
    let said = match read_to_end(&mut client) {
        Ok(said) => said,
        Err(error) => panic!("an alert and an end: {error}"),
    };
    assert_eq!((said.first(), said.last()), (Some(&21), Some(&50)), "a record of type alert, decode_error: {said:?}");
    until("it is counted", || failures(&daemon, TlsFailure::NotTls) == 1);
    drop(TcpStream::connect(address(&daemon)).expect("it accepts"));
    until("who leaves is counted", || failures(&daemon, TlsFailure::Closed) == 1);
    assert!(front(&daemon).counters.causes.contains(&(Cause::TlsHandshake, 2)));
}

#[test]
fn a_client_that_does_not_believe_the_certificate_is_counted_as_such() {
    let (shelf, backend) = (site(), plain());
    shelf.put("stranger", &["stranger.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let at = address(&daemon);
    for versions in [&[&TLS12], &[&TLS13]] {
        let of = |authority: &str| Client::believing(&shelf.path(authority), versions);
        of("ca.pem").connect(at, "site.test").expect("it is believed");
        of("ca.pem").connect(at, "elsewhere.test").expect_err("another name");
        let refused = of("stranger.pem").connect(at, "site.test").expect_err("another authority");
        assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    }
    until("they are counted", || failures(&daemon, TlsFailure::Distrusted) == 4);
    until("none is under way", || front(&daemon).counters.tls.handshakes_open == 0);
}

/// A hello of the versions before TLS 1.2, which no client of ours can speak any more: the suites of
/// their time, no extension.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let body = [&[1, 0][..], &len(&hello), &hello].concat();
    [&[22, 3, 1][..], &len(&body), &body].concat()
}

#[test]
fn versions_before_tls_1_2_are_refused_whatever_the_listener_allows() {
    let (shelf, backend) = (site(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let at = address(&daemon);
    let mut refused = 0;
    for oldest in ["1.2", "1.3"] {
        daemon.ask(set("listeners.front.tls.min_version", &format!("\"{oldest}\""))).expect("valid");
        for minor in [1, 2] {
            let mut client = patient(TcpStream::connect(at).expect("it accepts"));
            client.write_all(&old_hello(minor)).expect("it is open");
            let said = read_to_end(&mut client).expect("an alert and an end");
            assert_eq!((said.first(), said.get(5)), (Some(&21), Some(&2)), "a fatal alert: 3.{minor}: {said:?}");
            refused += 1;
            until("it is counted", || failures(&daemon, TlsFailure::Version) == refused);
        }
    }
    daemon.ask(set("listeners.front.tls.min_version", "\"1.1\"")).expect_err("there is no such choice");
}
