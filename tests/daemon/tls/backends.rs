//! TLS towards backends: who is believed, under which name, and what is said of the others.

use std::net::{SocketAddr, TcpStream};

use poise_ipc::cause::Cause;
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use crate::backends::{Scripted, patient, until};
use crate::process::{Daemon, Place, set};
use crate::secured::{NOW, Shelf, ask};

fn config(tls: &str, check: &str, backend: &Scripted) -> String {
    format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
        [groups.app]\nhealth_check = {check}\ntls = {tls}\n[groups.app.backends]\none = {{ address = \"{}\" }}\n",
        backend.address
    )
}

fn started(tls: &str, backend: &Scripted) -> (Place, Daemon) {
    let place = Place::new(&config(tls, "\"off\"", backend));
    let daemon = place.start();
    (place, daemon)
}

fn front(daemon: &Daemon) -> SocketAddr {
    daemon.status().listeners[0].bind.ip().expect("an address and port")
}

/// The status line that a new client gets.
fn status(daemon: &Daemon) -> String {
    let mut client = patient(TcpStream::connect(front(daemon)).expect("it accepts"));
    ask(&mut client, "site.test").expect("an answer").0
}

fn verified(shelf: &Shelf, name: &str) -> String {
    format!("{{ mode = \"verify\", ca = \"{}\", name = \"{name}\" }}", shelf.path("ca.pem").display())
}

#[test]
fn a_backend_is_believed_under_its_name_by_an_authority_that_is_known() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    let backend = shelf.backend("site", "secured");
    let (_place, daemon) = started(&verified(&shelf, "site.test"), &backend);
    assert_eq!(status(&daemon), "HTTP/1.1 200 OK");
    let mut client = patient(TcpStream::connect(front(&daemon)).expect("it accepts"));
    for _ in 0..5 {
        assert_eq!(ask(&mut client, "site.test").expect("an answer").1, "secured");
    }
    assert_eq!(backend.connections(), 1, "connections under TLS wait in the pool too");
}

#[test]
fn a_backend_with_another_name_or_an_unknown_authority_or_a_past_is_not_believed() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    shelf.put("old", &["site.test"], (2020, 2024));
    let (site, old, unknown) = (shelf.backend("site", "site"), shelf.backend("old", "old"), Shelf::new());
    for (tls, backend, reason) in [
        (verified(&shelf, "other.test"), &site, Reason::WrongName),
        (verified(&unknown, "site.test"), &site, Reason::UnknownIssuer),
        (verified(&shelf, "site.test"), &old, Reason::Expired),
        // Nothing but the address is known: the certificate would have to be for that.
        (format!("{{ mode = \"verify\", ca = \"{}\" }}", shelf.path("ca.pem").display()), &site, Reason::WrongName),
    ] {
        let check = "{ protocol = \"http\", interval = \"100ms\", rise = 1, fall = 1 }";
        let place = Place::new(&config(&tls, check, backend));
        let daemon = place.start();
        let verdict = Verdict::Fail { phase: Phase::Tls, reason, code: None };
        let health = || daemon.status().groups[0].backends[0].health.clone();
        until(&format!("the check says {reason:?}"), || health().last.is_some_and(|last| last.verdict == verdict));
        until("it is down", || health().health == Health::Down);
        daemon.ask(set("groups.app.health_check", "\"off\"")).expect("valid");
        assert_eq!(status(&daemon), "HTTP/1.1 502 Bad Gateway", "{reason:?}");
        let counters = daemon.status().listeners.remove(0).counters;
        assert!(counters.causes.contains(&(Cause::TlsToBackend, 1)), "{:?}", counters.causes);
    }
}

#[test]
fn insecure_believes_anybody_who_speaks_tls() {
    let shelf = Shelf::new();
    shelf.put("old", &["elsewhere.test"], (2020, 2024));
    let (old, plain) = (shelf.backend("old", "old"), Scripted::saying("220 no TLS here\r\n"));
    for (backend, expected) in [(&old, "HTTP/1.1 200 OK"), (&plain, "HTTP/1.1 502 Bad Gateway")] {
        let (_place, daemon) = started("{ mode = \"insecure\" }", backend);
        assert_eq!(status(&daemon), expected);
    }
}

#[test]
fn a_change_of_the_settings_never_uses_a_connection_of_before() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    let backend = shelf.backend("site", "secured");
    let (_place, daemon) = started("{ mode = \"insecure\" }", &backend);
    assert_eq!(status(&daemon), "HTTP/1.1 200 OK");
    daemon.ask(set("groups.app.tls", &verified(&Shelf::new(), "site.test"))).expect("valid");
    assert_eq!(status(&daemon), "HTTP/1.1 502 Bad Gateway", "nobody is believed any more");
    daemon.ask(set("groups.app.tls", &verified(&shelf, "site.test"))).expect("valid");
    assert_eq!(status(&daemon), "HTTP/1.1 200 OK");
    assert_eq!(backend.connections(), 3);
}

#[test]
fn checks_of_either_kind_shake_hands() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    let backend = shelf.backend("site", "secured");
    for protocol in ["tcp", "http"] {
        let check = format!("{{ protocol = \"{protocol}\", interval = \"100ms\", rise = 1, fall = 1 }}");
        let place = Place::new(&config(&verified(&shelf, "site.test"), &check, &backend));
        let daemon = place.start();
        until("it is up", || daemon.status().groups[0].backends[0].health.health == Health::Up);
        let plain = Scripted::saying("220 no TLS here\r\n");
        daemon.ask(set("groups.app.backends.one.address", &format!("\"{}\"", plain.address))).expect("valid");
        let failed = Verdict::Fail { phase: Phase::Tls, reason: Reason::Handshake, code: None };
        let last = || daemon.status().groups[0].backends[0].health.last.clone();
        until("who speaks no TLS fails", || last().is_some_and(|last| last.verdict == failed));
    }
}

#[test]
fn roots_that_cannot_be_read_refuse_the_commit() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    let backend = shelf.backend("site", "secured");
    let (_place, daemon) = started("{ mode = \"insecure\" }", &backend);
    let error = daemon.ask(set("groups.app.tls", "{ mode = \"verify\", ca = \"/nowhere.pem\" }"));
    let error = error.expect_err("there is no such file");
    assert_eq!(error.faults[0].path, "groups.app.tls.ca");
    assert!(error.message.contains("No such file"), "{}", error.message);
    assert_eq!(status(&daemon), "HTTP/1.1 200 OK");
}

/// A backend that speaks HTTP/2 with prior knowledge and answers 204.
fn http2() -> Scripted {
    Scripted::new(|stream| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            stream.set_nonblocking(true).expect("an open socket");
            let stream = tokio::net::TcpStream::from_std(stream).expect("a runtime");
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let answer = http::Response::builder().status(204).body(()).expect("a plain answer");
                // Whoever asked may have gone.
                let _ = respond.send_response(answer, true);
            }
        });
    })
}

#[test]
fn checks_speak_the_http_of_the_groups_backends() {
    let (new, old) = (http2(), super::plain());
    let check = "{ protocol = \"http\", interval = \"100ms\", timeout = \"1s\", rise = 1, fall = 1 }";
    let place = Place::new(&config("\"off\"", &format!("{check}\nbackend_protocol = \"http2\""), &new));
    let daemon = place.start();
    let last = || daemon.status().groups[0].backends[0].health.last.clone().map(|last| last.verdict);
    until("it passes", || last() == Some(Verdict::Pass { code: Some(204) }));
    daemon.ask(set("groups.app.backends.one.address", &format!("\"{}\"", old.address))).expect("valid");
    until("who speaks HTTP/1 fails", || last().is_some_and(|verdict| verdict.failed()));
}

#[test]
fn probes_over_https_verify_as_the_group_does_under_the_name_they_ask_for() {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test", "probe.test"], NOW);
    let backend = shelf.backend("site", "secured");
    let pass = Verdict::Pass { code: Some(200) };
    let wrong = Verdict::Fail { phase: Phase::Tls, reason: Reason::WrongName, code: None };
    for (name, verdict) in [
        ("", &pass),
        (", host = \"probe.test\"", &pass),
        (", host = \"other.test\"", &wrong),
        (", host = \"other.test\", server_name = \"probe.test\"", &pass),
    ] {
        let check = format!("{{ protocol = \"https\", interval = \"100ms\"{name} }}");
        let place = Place::new(&config(&verified(&shelf, "site.test"), &check, &backend));
        let daemon = place.start();
        let last = || daemon.status().groups[0].backends[0].health.last.clone();
        until("it was asked", || last().is_some());
        assert_eq!(last().map(|last| last.verdict).as_ref(), Some(verdict), "{name}");
    }
}
