//! Draining and waiting for it, from a script.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::json;

use crate::rig::Daemon;

/// A daemon with a listener `raw` that remembers its clients, before the group `sticky` with the
/// backends `s-1` and `s-2`; what they accept they keep open.
fn sticky() -> (Daemon, TcpStream) {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("it is bound");
    thread::spawn(move || backend.incoming().collect::<Vec<_>>());
    let daemon = Daemon::start();
    daemon.ok("add group sticky --check off");
    daemon.ok(&format!("add backend sticky/s-1 {address}"));
    daemon.ok(&format!("add backend sticky/s-2 {address}"));
    daemon.ok("add listener raw --bind 127.0.0.1:0 --protocol tcp --group sticky");
    daemon.ok("set listeners.raw.persistence source");
    let front = daemon.json("get listeners raw")["listeners"][0]["bind"].as_str().expect("text").to_owned();
    let client = TcpStream::connect(front).expect("it accepts");
    while daemon.json("entries")["entries"] == json!([]) {}
    (daemon, client)
}

#[test]
fn a_drain_says_how_long_and_what_happens_then() {
    let daemon = Daemon::start();
    daemon.ok("drain app/app-1 --hard --timeout 90s --then close");
    assert_eq!(daemon.backend("app-1", "state"), "draining-hard");
    assert_eq!(daemon.ok("get groups.app.backends.app-1.drain.timeout"), "90s\n");
    let drain = daemon.backend("app-1", "drain");
    let time_ms = drain["deadline_ms"].as_u64().expect("a time") - drain["since_ms"].as_u64().expect("a time");
    assert_eq!((time_ms, &drain["open"]), (90_000, &json!(0)));
    // Without a word the next drain ends as this one.
    daemon.ok("drain app/app-1");
    assert_eq!(daemon.backend("app-1", "state"), "draining");
    assert_eq!(daemon.ok("get groups.app.backends.app-1.drain.then"), "close\n");
}

#[test]
fn who_waits_for_a_drain_learns_of_its_end_by_the_deadline() {
    let (daemon, mut client) = sticky();
    daemon.ok("drain sticky/s-1 --hard --timeout 300ms --then close");
    let waited = daemon.json("wait sticky/s-1 drained --timeout 30s");
    assert_eq!((&waited["backend"], &waited["state"]), (&json!("sticky/s-1"), &json!("drained")));
    assert_eq!(client.read(&mut [0; 1]).expect("an orderly end"), 0);
}

#[test]
fn who_waits_in_vain_gets_the_code_for_it_and_learns_what_is_left() {
    let (daemon, _client) = sticky();
    daemon.ok("drain sticky/s-1");
    let run = daemon.run("wait sticky/s-1 drained --timeout 700ms");
    assert_eq!((run.code, run.out.as_str()), (8, ""));
    assert!(run.err.contains("1 open, 0 queued, 1 bound clients"), "{}", run.err);
    let run = daemon.run("wait sticky/s-1 idle --timeout 100ms -o json");
    assert_eq!(run.code, 8);
    assert!(run.err.contains("\"timed-out\""), "{}", run.err);
}

#[test]
fn health_is_waited_for_too() {
    let daemon = Daemon::start();
    assert!(daemon.ok("wait app/app-1 up --timeout 30s").starts_with("app/app-1 is up after "));
    daemon.ok(&format!("set groups.app.backends.app-1.address {}", Daemon::dead()));
    assert!(daemon.ok("wait app/app-1 down -o tsv").starts_with("app/app-1\tdown\t"));
    daemon.ok("wait app/app-2 idle");
    assert_eq!(daemon.run("wait app/app-9 up").code, 3);
}
