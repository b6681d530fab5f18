//! The access log of a real daemon: what its lines say, where they go, and what a full ring costs.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use poise_ipc::status::ListenerStatus;
use rustix::process::Signal;
use serde_json::Value;

use crate::backends::{Scripted, patient, until};
use crate::process::{Daemon, Place};
use crate::script::{Named, field, ok, read_message, send};

const GET: &str = "GET /a?b=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: test \u{1b}[2J\\\r\n\r\n";

/// A listener `web` in front of one backend, with these settings of its log and of itself.
fn config(backend: SocketAddr, log: &str, more: &str) -> String {
    format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\naccess_log = {log}\n{more}\n\
         [groups.app]\nhealth_check = \"off\"\n[groups.app.backends.app-1]\naddress = \"{backend}\"\n"
    )
}

/// A folder for logs, and a log in it.
fn log_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    (folder, path)
}

fn web(daemon: &Daemon) -> ListenerStatus {
    daemon.status().listeners.into_iter().find(|listener| listener.name.as_str() == "web").expect("the listener")
}

fn client(daemon: &Daemon) -> TcpStream {
    let address = web(daemon).bind.ip().expect("an address");
    patient(TcpStream::connect(address).expect("the listener accepts"))
}

/// The lines of a log, once there are so many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(path).unwrap_or_default();
    until("the lines are written", || read().lines().count() >= count);
    read().lines().map(str::to_owned).collect()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn a_line_of_json_tells_the_whole_request_and_its_id_reaches_the_backend() {
    let backend = Named::new("a");
    let (_folder, path) = log_file();
    let log = format!("{{ format = \"json\", path = \"{}\" }}", path.display());
    let place = Place::new(&config(backend.address, &log, ""));
    let daemon = place.start();
    let mut client = client(&daemon);
    let request =
        GET.replace('\u{1b}', "").replace("\r\n\r\n", "\r\nX-Request-Id: forged\r\nX_Request_Id: forged\r\n\r\n");
    for _ in 0..2 {
        send(&mut client, &request);
        read_message(&mut client).expect("a response");
    }
    let lines = lines(&path, 2);
    let (first, second) = (json(&lines[0]), json(&lines[1]));
    let told = |key: &str| first[key].clone();
    for (key, expected) in [
        ("listener", "web"),
        ("group", "app"),
        ("backend", "app-1"),
        ("method", "GET"),
        ("target", "/a?b=1"),
        ("host", "shop.example"),
        ("protocol", "HTTP/1.1"),
        ("user_agent", "test [2J\\"),
        ("persistence", "off"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(told(key), expected, "{key}: {}", lines[0]);
    }
    assert_eq!((told("status"), told("retries"), told("cause")), (200.into(), 0.into(), Value::Null));
    assert_eq!(told("bytes_in"), request.len());
    assert_eq!(told("bytes_out"), ok("a").len());
    let micros = |key: &str| told(key).as_u64().unwrap_or_else(|| panic!("{key}: {}", lines[0]));
    assert!(micros("queue_us") <= micros("first_byte_us") && micros("first_byte_us") <= micros("total_us"));
    assert!(micros("connect_us") > 0 && second["connect_us"] == 0, "the second goes over the same connection");
    assert_ne!(first["id"], second["id"]);
    let seen = backend.requests();
    for (request, entry) in seen.iter().zip([first, second]) {
        assert_eq!(field(request, "x-request-id"), entry["id"].as_str(), "{request}");
        assert!(!request.contains("forged"), "{request}");
    }
    assert_eq!(fs::metadata(&path).expect("the log").permissions().mode() & 0o777, 0o640);
}

#[test]
fn the_time_that_a_head_took_is_told() {
    let backend = Named::new("a");
    let (_folder, path) = log_file();
    let log = format!("{{ format = \"json\", path = \"{}\" }}", path.display());
    let place = Place::new(&config(backend.address, &log, "head_timeout = \"300ms\""));
    let daemon = place.start();
    let mut slow = client(&daemon);
    // The half behind the first request is there when that is answered.
    send(&mut slow, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HT");
    read_message(&mut slow).expect("a response");
    send(&mut slow, "TP/1.1\r\nHost: h\r\n\r\n");
    read_message(&mut slow).expect("a response");
    send(&mut slow, "GET /3");
    read_message(&mut slow).expect("a refusal");
    let told = lines(&path, 3);
    let [first, second, third] = [0, 1, 2].map(|at| json(&told[at])["head_us"].as_u64());
    assert_eq!(first, None, "it came at once: {}", told[0]);
    assert!(second.is_some_and(|us| us > 0), "{}", told[1]);
    assert!(third.is_some_and(|us| us >= 300_000), "{}", told[2]);
}

#[test]
fn an_id_is_kept_when_a_trusted_proxy_brings_it() {
    let backend = Named::new("a");
    let (_folder, path) = log_file();
    let log = format!("{{ format = \"json\", path = \"{}\", id_header = \"X-Trace\" }}", path.display());
    let place = Place::new(&config(backend.address, &log, "trusted = [\"127.0.0.0/8\"]"));
    let daemon = place.start();
    let mut client = client(&daemon);
    send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\nX-Trace: from-outside\r\n\r\n");
    read_message(&mut client).expect("a response");
    assert_eq!(json(&lines(&path, 1)[0])["id"], "from-outside");
    assert_eq!(field(&backend.requests()[0], "x-trace"), Some("from-outside"));
}

#[test]
fn haproxy_and_combined_lines_are_of_their_formats() {
    let backend = Named::new("a");
    for (format, begins, ends) in [
        ("haproxy", "127.0.0.1:", " - - ---- 1/1/1/1/0 0/0 \"GET /a?b=1 HTTP/1.1\""),
        ("combined", "127.0.0.1 - - [", "] \"GET /a?b=1 HTTP/1.1\" 200 39 \"-\" \"test [2J\\\\\""),
    ] {
        let (_folder, path) = log_file();
        let log = format!("{{ format = \"{format}\", path = \"{}\" }}", path.display());
        let place = Place::new(&config(backend.address, &log, ""));
        let daemon = place.start();
        let mut client = client(&daemon);
        send(&mut client, &GET.replace('\u{1b}', ""));
        read_message(&mut client).expect("a response");
        let line = lines(&path, 1).remove(0);
        assert!(line.starts_with(begins) && line.ends_with(ends), "{line}");
    }
}

#[test]
fn a_signal_opens_the_log_again_and_no_line_is_lost() {
    let backend = Named::new("a");
    let (folder, path) = log_file();
    let log = format!("{{ format = \"combined\", path = \"{}\" }}", path.display());
    let place = Place::new(&config(backend.address, &log, ""));
    let daemon = place.start();
    let mut client = client(&daemon);
    let mut ask = |target: &str| {
        send(&mut client, &format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n"));
        read_message(&mut client).expect("a response");
    };
    ask("first");
    lines(&path, 1);
    let moved = folder.path().join("access.log.1");
    fs::rename(&path, &moved).expect("moved");
    ask("second");
    lines(&moved, 2);
    daemon.signal(Signal::USR1);
    until("the log is made anew", || {
        ask("later");
        path.exists()
    });
    let told = || [&moved, &path].map(|path| fs::read_to_string(path).expect("the log")).concat();
    let requests = web(&daemon).counters.requests_total;
    until("every request has its line", || told().lines().count() as u64 == requests);
    let lines: Vec<_> = told().lines().map(str::to_owned).collect();
    assert!(lines[0].contains("/first ") && lines[1].contains("/second "), "{lines:?}");
    assert!(lines[2..].iter().all(|line| line.contains("/later ")), "{lines:?}");
    assert_eq!(web(&daemon).counters.access_log_dropped_total, 0);
}

#[test]
fn every_line_of_many_is_there_and_what_finds_no_room_is_counted() {
    const REQUESTS: usize = 20_000;
    let backend = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("a"));
        }
    });
    let (folder, path) = log_file();
    let log = format!("{{ format = \"json\", path = \"{}\" }}", path.display());
    let place = Place::new(&config(backend.address, &log, ""));
    let daemon = place.start();
    flood(&daemon, REQUESTS);
    let ids: std::collections::BTreeSet<_> =
        lines(&path, REQUESTS).iter().map(|line| json(line)["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!((ids.len(), web(&daemon).counters.access_log_dropped_total), (REQUESTS, 0));
    drop(daemon);
    // A pipe that nobody empties takes some lines and no more; the rest is counted.
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).expect("a pipe");
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("a flag");
    let mut reader =
        fs::OpenOptions::new().read(true).write(true).custom_flags(nonblock).open(&pipe).expect("a reader");
    let log = format!("{{ format = \"json\", path = \"{}\" }}", pipe.display());
    let place = Place::new(&config(backend.address, &log, ""));
    let daemon = place.start();
    flood(&daemon, 1_000);
    until("lines are counted as lost", || web(&daemon).counters.access_log_dropped_total > 0);
    let mut held = Vec::new();
    until("every line is written or counted", || {
        // It ends with "nothing to read now".
        let _ = std::io::Read::read_to_end(&mut reader, &mut held);
        let whole = held.split(|&byte| byte == b'\n').filter(|line| line.ends_with(b"}")).count() as u64;
        whole + web(&daemon).counters.access_log_dropped_total == 1_000
    });
}

/// So many requests over one connection, in batches that fit into the socket.
fn flood(daemon: &Daemon, count: usize) {
    let mut client = client(daemon);
    let batch = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(50);
    for _ in 0..count / 50 {
        send(&mut client, &batch);
        (0..50).for_each(|_| drop(read_message(&mut client).expect("a response")));
    }
}
