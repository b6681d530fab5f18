//! Causes that a request of either version can end for: HTTP/1.1 and HTTP/2 clients are told the same.
//!
//! What only the bytes of HTTP/1 can do wrong is in the table above this module; what happens before
//! a request is read, in `doors`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use bytes::Bytes;
use http::Request;
use poise_ipc::cause::Cause;
use poise_ipc::status::Health;

use super::{Backends, GET, Logged, address, assert_told, counted, group, listener};
use crate::backends::{Scripted, patient, until};
use crate::multiplexed::{self, Client, run};
use crate::process::{Daemon, Place, set};
use crate::script::{field, ok, read_message, send};
use crate::secured::{self, NOW, Shelf};

/// A request that is refused, in what both versions know.
struct Asked {
    cause: Cause,
    listener: &'static str,
    /// A POST of so many bytes; a GET otherwise.
    body: Option<usize>,
    field: Option<(&'static str, String)>,
}

fn asked(cause: Cause, listener: &'static str) -> Asked {
    Asked { cause, listener, body: None, field: None }
}

impl Asked {
    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { field: Some((name, value.into())), ..self }
    }

    fn posting(self, bytes: usize) -> Self {
        Self { body: Some(bytes), ..self }
    }

    /// Asks in HTTP/1.1.
    fn by_text(&self, at: SocketAddr) -> Logged {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut text = format!("{method} /x HTTP/1.1\r\nHost: h\r\n");
        if let Some((name, value)) = &self.field {
            text.extend([name, ": ", value.as_str(), "\r\n"]);
        }
        if let Some(bytes) = self.body {
            text.extend(["Content-Length: ", &bytes.to_string(), "\r\n"]);
        }
        let mut client = patient(TcpStream::connect(at).expect("the listener accepts"));
        send(&mut client, &(text + "\r\n" + &"x".repeat(self.body.unwrap_or(0))));
        let (head, body) = read_message(&mut client).unwrap_or_else(|_| panic!("{}: no reply", self.cause));
        Logged::of_text(&head, body)
    }

    /// Asks in HTTP/2.
    fn by_streams(&self, at: SocketAddr) -> Logged {
        let mut request = if self.body.is_some() { multiplexed::post("/x") } else { multiplexed::get("/x") };
        self.dress(&mut request);
        let body = self.body.map(|bytes| Bytes::from("x".repeat(bytes)));
        run(async {
            let answer = Client::connect(at).await.ask(request, body).await;
            Logged::of_answer(&answer.unwrap_or_else(|error| panic!("{}: {error}", self.cause)))
        })
    }

    fn dress(&self, request: &mut Request<()>) {
        if let Some((name, value)) = &self.field {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        // Said ahead as in HTTP/1.1: whether a later fault is met before the body's bytes would be chance.
        if let Some(bytes) = self.body {
            request.headers_mut().insert("content-length", bytes.into());
        }
    }
}

/// Asks in both versions, and checks what either is told and what is counted.
fn check(daemon: &Daemon, log: &Path, asked: &Asked) {
    let at = address(daemon, asked.listener);
    let before = counted(daemon, asked.listener, asked.cause);
    for (times, ask) in [(1, Asked::by_text as fn(&Asked, SocketAddr) -> Logged), (2, Asked::by_streams)] {
        assert_told(&ask(asked, at), asked.cause, (log, asked.listener));
        let counted = || counted(daemon, asked.listener, asked.cause) == before + times;
        until(&format!("{} is counted", asked.cause), counted);
    }
}

fn more(log: &Path, backends: &Backends, (held, plain): (&Scripted, &Scripted)) -> String {
    let banner = backends.scripted.iter().find(|(name, _)| *name == "garbage").expect("it is there");
    let mut text = backends.config(log);
    let mut add = |name: &str, more: &str| text += &listener(name, log, more);
    add("vouched", "group = \"empty\"\ntrusted = [\"127.0.0.0/8\"]\naccess = { deny = [\"192.0.2.0/24\"] }\n");
    add("small", "group = \"empty\"\nlimits = { body_bytes_max = \"10B\" }\n");
    add("round", "group = \"round\"\n");
    add("down", "group = \"down\"\n");
    add("bound", "group = \"bound\"\npersistence = { kind = \"cookie-insert\", redispatch = \"refuse\" }\n");
    add("untrusted", "group = \"untrusted\"\n");
    text += &group("round", backends.refusing.address);
    let sealed = "tls = { mode = \"insecure\" }\nhealth_check";
    text += &group("untrusted", banner.1.address).replacen("health_check", sealed, 1);
    text += &group("bound", plain.address);
    let check =
        "fail_open = \"never\"\nhealth_check = { protocol = \"tcp\", interval = \"100ms\", rise = 1, fall = 1 }";
    text += &group("down", backends.refusing.address).replacen("health_check = \"off\"", check, 1);
    for name in ["full", "late"] {
        // Who holds the backend holds it for as long as the others wait.
        let own = listener(name, log, &format!("group = \"{name}\"\n"));
        text += &own.replacen("response_timeout = \"1s\"", "response_timeout = \"5m\"", 1);
    }
    for (name, queue) in [("full", "queue_max = 1"), ("late", "queue_max = 9")] {
        let own = group(name, held.address) + "max_connections = 1\n";
        text += &own.replacen("health_check", &format!("{queue}\nqueue_timeout = \"1s\"\nhealth_check"), 1);
    }
    text
}

/// Takes the only connection that a group's backend has, for as long as the result is held.
fn occupy(daemon: &Daemon, listener: &str, held: &Scripted) -> TcpStream {
    let before = held.connections();
    let mut client = patient(TcpStream::connect(address(daemon, listener)).expect("the listener accepts"));
    send(&mut client, GET);
    until("the backend is taken", || held.connections() > before);
    client
}

fn queued(daemon: &Daemon, group: &str) -> u64 {
    let groups = daemon.status().groups;
    groups.into_iter().find(|found| found.name.as_str() == group).expect("the group").queued
}

/// The cookie of a client whose backend may not be used any more.
fn orphaned(daemon: &Daemon) -> String {
    let mut client = patient(TcpStream::connect(address(daemon, "bound")).expect("the listener accepts"));
    send(&mut client, GET);
    let (head, _) = read_message(&mut client).expect("a response");
    let cookie = field(&head, "set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
    daemon.ask(set("groups.bound.backends.b.state", "\"disabled\"")).expect("valid");
    cookie
}

#[test]
fn s_63_both_versions_are_told_the_same_cause() {
    let backends = Backends::new();
    let held = Scripted::new(|mut stream| while read_message(&mut stream).is_ok() {});
    let plain = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("a"));
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let place = Place::new(&more(&log, &backends, (&held, &plain)));
    let daemon = place.start();
    let round = address(&daemon, "round");
    daemon.ask(set("groups.round.backends.b.address", &format!("\"{round}\""))).expect("valid");
    let health = || {
        let groups = daemon.status().groups;
        let down = groups.into_iter().find(|group| group.name.as_str() == "down").expect("the group");
        down.backends[0].health.health
    };
    until("it is down", || health() == Health::Down);
    let cookie = orphaned(&daemon);
    for asked in [
        asked(Cause::NoRoute, "routed"),
        asked(Cause::NoBackend, "empty"),
        asked(Cause::AllDown, "down"),
        asked(Cause::ConnectFailed, "refusing"),
        asked(Cause::ConnectTimeout, "deaf"),
        asked(Cause::BackendClosed, "closing"),
        asked(Cause::ResponseTimeout, "silent"),
        asked(Cause::BadResponse, "garbage"),
        asked(Cause::ResponseHeadTooLarge, "long"),
        asked(Cause::TlsToBackend, "untrusted"),
        asked(Cause::ExpectationFailed, "empty").with("expect", "more"),
        asked(Cause::Denied, "vouched").with("x-forwarded-for", "192.0.2.7"),
        asked(Cause::BodyTooLarge, "small").posting(11),
        asked(Cause::Loop, "round"),
        asked(Cause::Unusable, "bound").with("cookie", cookie),
    ] {
        check(&daemon, &log, &asked);
    }
    let _holds = occupy(&daemon, "late", &held);
    check(&daemon, &log, &asked(Cause::QueueTimeout, "late"));
    let _holds = occupy(&daemon, "full", &held);
    let mut waiting = patient(TcpStream::connect(address(&daemon, "full")).expect("the listener accepts"));
    daemon.ask(set("groups.full.queue_timeout", "\"1m\"")).expect("valid");
    send(&mut waiting, GET);
    until("somebody waits", || queued(&daemon, "full") == 1);
    check(&daemon, &log, &asked(Cause::QueueFull, "full"));
}

#[test]
fn s_63_who_asks_too_often_is_told_so_and_when_to_come_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let limits = "group = \"empty\"\nlimits = { source_requests_max = 1 }\n";
    let place = Place::new(&(listener("paced", &log, limits) + "[groups.empty]\n"));
    let daemon = place.start();
    let (at, asked) = (address(&daemon, "paced"), asked(Cause::RateLimited, "paced"));
    for ask in [Asked::by_text, Asked::by_streams] {
        // A slow machine may be within the rate for a while.
        let told = (0..1_000).map(|_| ask(&asked, at)).find(|answer| answer.status == 429).expect("too many");
        assert_told(&told, Cause::RateLimited, (&log, "paced"));
        assert_eq!(told.retry_after.as_deref(), Some("1"));
    }
    until("both are counted", || counted(&daemon, "paced", Cause::RateLimited) >= 2);
}

#[test]
fn s_63_a_name_that_the_certificate_is_not_for_is_told_to_go_elsewhere() {
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a folder"));
    shelf.put("site", &["site.test"], NOW);
    let log = folder.path().join("access.log");
    let tls = "group = \"empty\"\ntls = { certificates = [\"site\"], unknown_name = \"reject\" }\n";
    let front = listener("front", &log, tls).replacen("\"http\"", "\"https\"", 1);
    let place = Place::new(&(shelf.section("site") + &front + "[groups.empty]\n"));
    let daemon = place.start();
    let at = address(&daemon, "front");
    let mut old = secured::Client::new().connect(at, "site.test").expect("a handshake");
    let told = secured::exchange(&mut old, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n").expect("an answer");
    assert_told(&Logged::of_text(&told.0, told.1), Cause::Misdirected, (&log, "front"));
    let told = run(async {
        let client = Client::secured(at, "site.test").await;
        let request = Request::get("https://other.test/").body(()).expect("a request");
        Logged::of_answer(&client.ask(request, None).await.expect("an answer"))
    });
    assert_told(&told, Cause::Misdirected, (&log, "front"));
    until("both are counted", || counted(&daemon, "front", Cause::Misdirected) == 2);
    assert!(fs::read_to_string(&log).expect("a log").contains("HTTP/2"));
}
