//! Causes that a connection ends for before a request is read: told in the clear, since no version is
//! agreed on yet, and a reset where TLS would have to come first.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use poise_ipc::cause::Cause;

use super::{GET, Logged, address, assert_told, counted, listener};
use crate::backends::{patient, until};
use crate::process::{Daemon, Place};
use crate::script::{read_message, send};
use crate::secured::{self, NOW, Shelf};

/// What closes a door, and the cause that is counted.
const DOORS: &[(&str, Cause, &str)] = &[
    ("denied", Cause::Denied, "access = { deny = [\"127.0.0.0/8\"] }\n"),
    ("crowded", Cause::ListenerLimit, "limits = { connections_max = 1 }\n"),
    ("greedy", Cause::SourceLimit, "limits = { source_connections_max = 1 }\n"),
];

fn config(log: &Path, protocol: &str, more: &str) -> String {
    let doors = DOORS.iter().map(|(name, _, door)| listener(name, log, &format!("group = \"empty\"\n{door}{more}")));
    doors.collect::<String>().replace("protocol = \"http\"", &format!("protocol = \"{protocol}\"")) + "[groups.empty]\n"
}

/// Fills what holds one connection.
fn fill(daemon: &Daemon, name: &str) -> TcpStream {
    let first = TcpStream::connect(address(daemon, name)).expect("the listener accepts");
    let open = || {
        let listeners = daemon.status().listeners;
        let found = listeners.into_iter().find(|found| found.name.as_str() == name).expect("the listener");
        found.counters.connections_open
    };
    until("it is let in", || name == "denied" || open() == 1);
    first
}

#[test]
fn s_63_who_may_not_come_in_the_clear_is_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let proxied = "group = \"empty\"\naccept_proxy = { mode = \"required\", from = [\"127.0.0.0/8\"] }\n";
    let place = Place::new(&(config(&log, "http", "") + &listener("proxied", &log, proxied)));
    let daemon = place.start();
    let doors = DOORS.iter().map(|&(name, cause, _)| (name, cause));
    for (name, cause) in doors.chain([("proxied", Cause::BadProxyHeader)]) {
        let _first = (name != "proxied").then(|| fill(&daemon, name));
        let before = counted(&daemon, name, cause);
        let mut client = patient(TcpStream::connect(address(&daemon, name)).expect("the listener accepts"));
        send(&mut client, GET);
        let (head, body) = read_message(&mut client).unwrap_or_else(|_| panic!("{cause}: no reply"));
        let told = Logged::of_text(&head, body);
        assert_told(&told, cause, (&log, name));
        assert_eq!(told.retry_after.is_some(), told.status == 429, "{head}");
        until("it is counted", || counted(&daemon, name, cause) > before);
    }
}

#[test]
fn s_63_who_may_not_come_over_tls_is_reset_before_the_handshake() {
    let (shelf, folder) = (Shelf::new(), tempfile::tempdir().expect("a folder"));
    shelf.put("site", &["site.test"], NOW);
    let log = folder.path().join("access.log");
    let place = Place::new(&(shelf.section("site") + &config(&log, "https", "tls = { certificates = [\"site\"] }\n")));
    let daemon = place.start();
    for &(name, cause, _) in DOORS {
        let _first = fill(&daemon, name);
        let before = counted(&daemon, name, cause);
        let error =
            secured::Client::new().connect(address(&daemon, name), "site.test").expect_err("nobody shakes hands");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{cause}: {error}");
        // HTTP in the clear gets no more.
        let mut lost = patient(TcpStream::connect(address(&daemon, name)).expect("the listener accepts"));
        let _ = lost.write_all(GET.as_bytes());
        assert_eq!(lost.read(&mut [0]).expect_err("a reset").kind(), ErrorKind::ConnectionReset, "{cause}");
        until("both are counted", || counted(&daemon, name, cause) >= before + 2);
    }
}
