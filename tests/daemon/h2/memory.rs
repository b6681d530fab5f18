//! What connections hold when they have done their work, measured on the real program.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::backends::PATIENCE;
use crate::multiplexed::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, Raw, block, frame, request};
use crate::process::{Daemon, Place};
use crate::script::Named;

/// Connections whose memory is measured together.
const CONNECTIONS: u64 = 100;
/// What one that is idle may hold.
const IDLE_KIB_MAX: u64 = 64;
/// What the program may keep of a flood: pages that hold something else too.
const REMNANT_KIB_MAX: u64 = 3 << 10;

fn daemon(backend: &Named) -> (Place, Daemon, SocketAddr) {
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\nhttp2 = \"on\"\n\
         [groups.app]\nhealth_check = \"off\"\n[groups.app.backends]\nb0 = {{ address = \"{}\" }}\n",
        backend.address
    ));
    let daemon = place.start();
    let address = daemon.status().listeners[0].bind.ip().expect("an address and port");
    (place, daemon, address)
}

/// Memory of a process but for the files that it shares with others of its kind, in KiB.
fn held_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("a size");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
}

/// A connection on which so many requests were answered that were sent at once.
fn after_a_burst(address: SocketAddr, streams: u32) -> Raw {
    let mut raw = Raw::connect(address);
    let one = |number| frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &request(&[]));
    assert!(raw.bytes(&(0..streams).flat_map(one).collect::<Vec<u8>>()));
    (0..streams).for_each(|_| assert!(is_answered(&mut raw)));
    raw
}

/// Whether the connection brings the end of a response.
fn is_answered(raw: &mut Raw) -> bool {
    std::iter::from_fn(|| raw.next())
        .take_while(|frame| frame.kind != GOAWAY)
        .any(|frame| [DATA, HEADERS].contains(&frame.kind) && frame.flags & END_STREAM != 0)
}

fn lives(raw: &mut Raw) -> bool {
    raw.bytes(&frame(PING, 0, 0, &[0; 8])) && raw.next_of(PING).is_some()
}

/// Waits until the program holds no more than so much: not 30 s where nobody else needs the machine.
fn returns_to(pid: u32, kib_max: u64) {
    let began = Instant::now();
    while held_kib(pid) > kib_max {
        assert!(began.elapsed() < PATIENCE, "{} KiB are held, not {kib_max}", held_kib(pid));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_idle_connection_holds_little_after_usual_use_and_lives() {
    let backend = Named::new("a");
    let (_place, daemon, address) = daemon(&backend);
    let pid = daemon.status().daemon.pid;
    drop(after_a_burst(address, 100));
    let before_kib = held_kib(pid);
    let mut connections: Vec<Raw> = (0..CONNECTIONS).map(|_| after_a_burst(address, 16)).collect();
    returns_to(pid, before_kib + CONNECTIONS * IDLE_KIB_MAX);
    assert!(connections.iter_mut().all(lives));
}

#[test]
fn memory_is_back_after_bursts_of_streams_over_many_connections() {
    let backend = Named::new("a");
    let (_place, daemon, address) = daemon(&backend);
    let pid = daemon.status().daemon.pid;
    drop(after_a_burst(address, 100));
    let before_kib = held_kib(pid);
    let connections: Vec<Raw> = (0..CONNECTIONS).map(|_| after_a_burst(address, 100)).collect();
    let grown_kib = held_kib(pid) - before_kib;
    assert!(grown_kib > 2 * CONNECTIONS * IDLE_KIB_MAX, "nothing to give back: {grown_kib} KiB");
    returns_to(pid, before_kib + REMNANT_KIB_MAX);
    drop(connections);
}

#[test]
fn heads_that_come_far_apart_do_not_hold_what_came_between() {
    let backend = Named::new("a");
    let (_place, daemon, address) = daemon(&backend);
    let pid = daemon.status().daemon.pid;
    drop(after_a_burst(address, 100));
    let before_kib = held_kib(pid);
    let connections: Vec<Raw> = (0..CONNECTIONS / 4).map(|_| far_apart(address)).collect();
    let grown_kib = held_kib(pid) - before_kib;
    assert!(grown_kib > 2 * CONNECTIONS / 4 * IDLE_KIB_MAX, "nothing to give back: {grown_kib} KiB");
    returns_to(pid, before_kib + REMNANT_KIB_MAX);
    drop(connections);
}

/// Asks again and again with a path that the table of known fields keeps, and that is followed by
/// a frame that fills the buffer that it was read into.
fn far_apart(address: SocketAddr) -> Raw {
    let mut raw = Raw::connect(address);
    let fields = block(&[(":method", "GET"), (":scheme", "http"), (":authority", "h")]);
    for number in 0..60_u32 {
        let path = [0x44, 2, b'/', b'a' + u8::try_from(number % 26).expect("a letter")];
        let asked = frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &[&fields[..], &path].concat());
        assert!(raw.bytes(&[asked, frame(0xbe, 0, 0, &[0; 8_000])].concat()) && is_answered(&mut raw));
    }
    raw
}
