//! `poise test persistence` against a daemon with two backends that answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::rig::Daemon;

/// A backend that answers each connection once.
fn answering() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

fn answer(mut stream: TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        // A probe connects and says nothing.
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    // Whoever asked may be gone.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
}

/// A daemon before two answering backends, and the URL of its listener.
fn daemon() -> (Daemon, String) {
    let daemon = Daemon::start();
    for backend in ["app-1", "app-2"] {
        daemon.ok(&format!("set groups.app.backends.{backend}.address {}", answering()));
        daemon.ok(&format!("wait app/{backend} up --timeout 20s"));
    }
    let bind = daemon.json("get listeners web")["listeners"][0]["bind"].as_str().expect("an address").to_owned();
    (daemon, format!("http://{bind}/"))
}

/// Runs a trial: its exit code and its document.
fn trial(daemon: &Daemon, line: &str) -> (i32, Value) {
    let run = daemon.run(&format!("test persistence {line} -o json"));
    (run.code, serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("no document: {}", run.err)))
}

#[test]
fn t_23_a_client_with_a_jar_is_kept_and_one_without_proves_nothing() {
    let (daemon, url) = daemon();
    daemon.ok("set listeners.web.persistence.kind cookie-insert");
    let (code, told) = trial(&daemon, &format!("{url} -n 6"));
    assert_eq!((code, told["verdict"].as_str()), (0, Some("kept")), "{told}");
    let requests = told["requests"].as_array().expect("a list");
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|request| request["backend"] == requests[0]["backend"]), "{told}");
    assert!(requests[0]["backend"].as_str().is_some_and(|backend| backend.starts_with("app/app-")), "{told}");
    assert_eq!((requests[0]["cookie"].as_str(), requests[5]["cookie"].as_str()), (Some("set"), Some("sent")));

    let (code, told) = trial(&daemon, &format!("{url} -n 12 --no-cookies"));
    assert_eq!((code, told["verdict"].as_str()), (0, Some("not-tried")), "{told}");
    assert!(told["reasons"][0].as_str().is_some_and(|why| why.contains("2 backends in turn are no fault")), "{told}");
    assert_eq!(daemon.json("get listeners web")["listeners"][0]["cookies"]["kept_total"], 5);
}

#[test]
fn t_24_a_listener_without_persistence_says_what_to_set() {
    let (daemon, url) = daemon();
    let (code, told) = trial(&daemon, &format!("{url} -n 3"));
    assert_eq!((code, told["verdict"].as_str()), (10, Some("never-set")), "{told}");
    assert!(told["reasons"][0].as_str().is_some_and(|why| why.contains("does not persist by cookie")), "{told}");
}

#[test]
fn s_49_a_timeout_shorter_than_the_pause_is_named_as_the_reason() {
    let (daemon, url) = daemon();
    daemon.ok("set listeners.web.persistence.kind cookie-insert");
    daemon.ok("set listeners.web.persistence.timeout 1s");
    let (code, told) = trial(&daemon, &format!("{url} -n 3 --interval 1100ms"));
    assert_eq!((code, told["verdict"].as_str()), (10, Some("lost")), "{told}");
    assert!(told["reasons"][0].as_str().is_some_and(|why| why.contains("raise persistence.timeout (S-49)")), "{told}");
}

#[test]
fn a_trial_needs_a_url_that_is_one() {
    let daemon = Daemon::start();
    for wrong in ["ftp://h/", "http://h:x/", "http://"] {
        assert_eq!(daemon.run(&format!("test persistence {wrong}")).code, 2, "{wrong}");
    }
    assert_eq!(daemon.run("test persistence http://127.0.0.1:1/ -n 1").code, 1, "nobody answers there");
}
