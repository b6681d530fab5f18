//! Handshakes with clients: names, versions, resumption, deadlines, and what is counted.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use poise_ipc::cause::Cause;
use poise_ipc::status::TlsFailure;
use rustls::version::{TLS12, TLS13};

use super::{address, failures, front, plain, started};
use crate::backends::{patient, until};
use crate::process::set;
use crate::secured::{Client, NOW, Shelf, ask, leaf_of};

fn two_sites() -> Shelf {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    shelf.put("shop", &["shop.test", "*.shop.test"], NOW);
    shelf
}

#[test]
fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site", "shop"], "", &backend);
    let (client, at) = (Client::new(), address(&daemon));
    let [site, shop] = ["site.pem", "shop.pem"].map(|file| leaf_of(&shelf.path(file)));
    for (name, expected) in [
        ("site.test", &site),
        ("shop.test", &shop),
        ("a.shop.test", &shop),
        ("a.b.shop.test", &site),
        ("elsewhere.test", &site),
        ("127.0.0.1", &site),
    ] {
        assert_eq!(client.certificate(at, name), *expected, "{name}");
    }
    let mut secured = client.connect(at, "shop.test").expect("a handshake");
    assert_eq!(ask(&mut secured, "shop.test").expect("an answer"), ("HTTP/1.1 200 OK".into(), "plain".into()));
    assert_eq!(ask(&mut secured, "shop.test").expect("another one").1, "plain");
    assert_eq!(front(&daemon).counters.tls.handshakes_total, 7);
}

#[test]
fn unknown_names_get_an_alert_where_that_is_the_policy() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site", "shop"], ", unknown_name = \"reject\"", &backend);
    let (client, at) = (Client::new(), address(&daemon));
    let refused = client.connect(at, "elsewhere.test").expect_err("no certificate speaks for it");
    assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
    client.connect(at, "a.shop.test").expect("a wildcard speaks for it");
    client.connect(at, "127.0.0.1").expect("no name is asked for");
    assert_eq!(failures(&daemon, TlsFailure::UnknownName), 1);
    daemon.ask(set("listeners.front.tls.unknown_name", "\"default\"")).expect("valid");
    client.connect(at, "elsewhere.test").expect("the first certificate does");
}

#[test]
fn a_request_for_a_name_that_would_have_been_turned_away_is_misdirected() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site", "shop"], ", unknown_name = \"reject\"", &backend);
    let mut secured = Client::new().connect(address(&daemon), "site.test").expect("a handshake");
    assert_eq!(ask(&mut secured, "shop.test").expect("an answer").0, "HTTP/1.1 200 OK");
    assert_eq!(ask(&mut secured, "elsewhere.test:443").expect("an answer").0, "HTTP/1.1 421 Misdirected Request");
}

#[test]
fn the_oldest_version_that_is_spoken_is_the_listeners_choice() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let (old, new, at) = (Client::speaking(&[&TLS12]), Client::speaking(&[&TLS13]), address(&daemon));
    old.connect(at, "site.test").expect("TLS 1.2 is spoken");
    daemon.ask(set("listeners.front.tls.min_version", "\"1.3\"")).expect("valid");
    old.connect(at, "site.test").expect_err("TLS 1.2 is not spoken any more");
    new.connect(at, "site.test").expect("TLS 1.3 is");
    assert_eq!(failures(&daemon, TlsFailure::Version), 1);
}

#[test]
fn clients_resume_over_edits_of_everything_but_their_name() {
    let (shelf, backend) = (two_sites(), plain());
    for versions in [&[&TLS12], &[&TLS13]] {
        let (_place, daemon) = started(&shelf, &["site", "shop"], "", &backend);
        let (client, at) = (Client::speaking(versions), address(&daemon));
        assert!(!client.resumes(at, "site.test"), "the first comes with nothing");
        assert!(client.resumes(at, "site.test"));
        for (path, value) in [
            ("listeners.front.tls.handshake_timeout", "\"4s\""),
            ("listeners.front.tls.certificates", "[\"shop\", \"site\"]"),
            ("groups.app.backends.one.weight", "7"),
        ] {
            daemon.ask(set(path, value)).expect("valid");
            assert!(client.resumes(at, "site.test"), "after an edit of {path}");
        }
        let counters = front(&daemon).counters.tls;
        assert_eq!((counters.handshakes_total, counters.resumed_total), (5, 4));
    }
}

#[test]
fn a_client_that_comes_back_after_a_restart_shakes_hands_in_full() {
    let (shelf, backend) = (two_sites(), plain());
    for versions in [&[&TLS12], &[&TLS13]] {
        let (place, daemon) = started(&shelf, &["site"], "", &backend);
        let client = Client::speaking(versions);
        assert!(!client.resumes(address(&daemon), "site.test") && client.resumes(address(&daemon), "site.test"));
        daemon.kill();
        let daemon = place.start();
        assert!(!client.resumes(address(&daemon), "site.test"), "the keys of its ticket went with the process");
        assert!(client.resumes(address(&daemon), "site.test"), "it has a new one");
        let counters = front(&daemon).counters.tls;
        assert_eq!((counters.handshakes_total, counters.failures_total), (2, Vec::new()));
    }
}

#[test]
fn a_client_that_says_nothing_or_half_of_it_is_cut_when_its_time_is_over() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site"], ", handshake_timeout = \"300ms\"", &backend);
    for words in [&b""[..], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]] {
        let mut client = patient(TcpStream::connect(address(&daemon)).expect("it accepts"));
        client.write_all(words).expect("it is open");
        let began = Instant::now();
        assert_eq!(client.read(&mut [0; 1]).expect("an end"), 0);
        let took_ms = began.elapsed().as_millis();
        // The kernel keeps a silent client to itself for a second.
        assert!((250..3_000).contains(&took_ms), "{took_ms}");
    }
    until("both are counted", || failures(&daemon, TlsFailure::Timeout) == 2);
    assert!(front(&daemon).counters.causes.contains(&(Cause::TlsHandshake, 2)));
    until("nothing is open", || front(&daemon).counters.connections_open == 0);
}

#[test]
fn an_end_that_nobody_announced_is_no_answer() {
    let (shelf, backend) = (two_sites(), plain());
    let (_place, daemon) = started(&shelf, &["site"], "", &backend);
    let mut secured = Client::new().connect(address(&daemon), "site.test").expect("a handshake");
    secured.write_all(b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n").expect("it is open");
    let mut said = Vec::new();
    let ended = secured.read_to_end(&mut said).map_err(|error| error.kind());
    assert_ne!(ended, Err(ErrorKind::UnexpectedEof), "the end is announced");
    assert!(said.ends_with(b"plain"));
}
