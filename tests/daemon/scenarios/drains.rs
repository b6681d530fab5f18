//! Drains of the real daemon (S-12): who may still come, and how what is open ends at the deadline.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::message::Drained;
use poise_ipc::model::DrainEnd;
use poise_ipc::status::{BackendStatus, DrainOutcome};

use crate::backends::{Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Events, Place, set};
use crate::script::{Named, field, read_head, read_message, send};

/// The time of most drains here.
const TIME: Duration = Duration::from_millis(400);
/// That of drains that something has to be done within.
const LONG: Duration = Duration::from_secs(3);

/// A daemon with a listener and these backends, `b0`, `b1`, ...
struct Stage {
    daemon: Daemon,
    events: Events,
    front: SocketAddr,
    _place: Place,
}

impl Stage {
    fn new(listener: &str, backends: &[SocketAddr]) -> Self {
        let mut text =
            format!("[listeners.front]\nbind = \"127.0.0.1:0\"\ngroup = \"app\"\n{listener}\n[groups.app]\n");
        text += "health_check = \"off\"\n[groups.app.backends]\n";
        for (at, address) in backends.iter().enumerate() {
            writeln!(text, "b{at} = {{ address = \"{address}\" }}").expect("memory suffices");
        }
        let place = Place::new(&text);
        let daemon = place.start();
        let front = daemon.status().listeners[0].bind.ip().expect("an address and port");
        Self { events: daemon.subscribe(), daemon, front, _place: place }
    }

    fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.front).expect("it accepts"))
    }

    fn set(&self, backend: &str, key: &str, value: &str) {
        self.daemon.ask(set(&format!("groups.app.backends.{backend}.{key}"), value)).expect("valid");
    }

    /// Begins a drain of a backend; returns when.
    fn drain(&self, backend: &str, state: &str, then: DrainEnd) -> Instant {
        self.drain_for(TIME, backend, state, then)
    }

    fn drain_for(&self, time: Duration, backend: &str, state: &str, then: DrainEnd) -> Instant {
        let time_ms = time.as_millis();
        self.set(backend, "drain", &format!("{{ timeout = \"{time_ms}ms\", then = \"{then}\" }}"));
        let begun = Instant::now();
        self.set(backend, "state", state);
        begun
    }

    fn backend(&self, at: usize) -> BackendStatus {
        self.daemon.status().groups[0].backends[at].clone()
    }

    fn counted(&self, cause: Cause) -> u64 {
        let counters = self.daemon.status().listeners[0].counters.clone();
        counters.causes.iter().find(|(counted, _)| *counted == cause).map_or(0, |&(_, n)| n)
    }
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").expect("it is open");
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("it echoes");
    assert_eq!(&back, b"hello");
}

fn told(drained: &Drained) -> (&str, DrainOutcome, u64) {
    (drained.backend.as_str(), drained.outcome, drained.open)
}

/// Who serves a new connection.
fn served(stage: &Stage) -> String {
    String::from_utf8(read_to_end(&mut stage.connect()).expect("an end")).expect("text")
}

#[test]
fn s_12_drain_close_ends_open_connections_in_good_order_at_the_deadline() {
    let echo = Scripted::echo();
    let mut stage = Stage::new("protocol = \"tcp\"", &[echo.address]);
    let mut clients = [stage.connect(), stage.connect()];
    clients.iter_mut().for_each(echoes);
    let begun = stage.drain_for(LONG, "b0", "draining", DrainEnd::Close);
    clients.iter_mut().for_each(echoes);
    for client in &mut clients {
        assert_eq!(read_to_end(client).expect("an orderly end"), b"");
        assert!(begun.elapsed() >= LONG, "{:?}", begun.elapsed());
    }
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Deadline, 2));
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
    assert_eq!((stage.counted(Cause::Drained), stage.backend(0).counters.failures_total), (2, 0));
}

#[test]
fn s_12_drain_close_ends_the_connections_of_peers_that_do_not_listen_too() {
    let deaf = Scripted::new(|stream| {
        let _held = stream;
        loop {
            std::thread::park();
        }
    });
    let mut stage = Stage::new("protocol = \"tcp\"", &[deaf.address]);
    let mut client = stage.connect();
    client.set_nonblocking(true).expect("an open socket");
    let chunk = vec![7; 64 << 10];
    until("no more is taken", || matches!(client.write(&chunk), Err(e) if e.kind() == ErrorKind::WouldBlock));
    stage.drain("b0", "draining-hard", DrainEnd::Close);
    assert_eq!(stage.events.drained().outcome, DrainOutcome::Deadline);
    assert_eq!(stage.events.drained().outcome, DrainOutcome::Empty);
}

#[test]
fn s_12_drain_reset_resets_open_connections_at_the_deadline() {
    let echo = Scripted::echo();
    let mut stage = Stage::new("protocol = \"tcp\"", &[echo.address]);
    let mut client = stage.connect();
    echoes(&mut client);
    let begun = stage.drain("b0", "draining-hard", DrainEnd::Reset);
    let end = read_to_end(&mut client).expect_err("a reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert!(begun.elapsed() >= TIME, "{:?}", begun.elapsed());
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Deadline, 1));
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
}

#[test]
fn s_12_drain_leave_leaves_open_connections_alone() {
    let echo = Scripted::echo();
    let mut stage = Stage::new("protocol = \"tcp\"", &[echo.address]);
    let mut client = stage.connect();
    echoes(&mut client);
    stage.drain_for(LONG, "b0", "draining", DrainEnd::Leave);
    let drain = stage.backend(0).drain.expect("it drains");
    assert_eq!((drain.open, drain.deadline_ms - drain.since_ms), (1, 3_000));
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Deadline, 1));
    echoes(&mut client);
    drop(client);
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
}

#[test]
fn s_12_drain_of_a_backend_that_is_enabled_again_cuts_nothing() {
    let (one, two) = (Scripted::echo(), Scripted::echo());
    let mut stage = Stage::new("protocol = \"tcp\"", &[one.address, two.address]);
    let mut clients = [stage.connect(), stage.connect()];
    clients.iter_mut().for_each(echoes);
    stage.drain_for(LONG, "b0", "draining", DrainEnd::Close);
    stage.set("b0", "state", "enabled");
    assert_eq!(stage.backend(0).drain, None);
    // The drain of the other one ends later than that of the first would have.
    stage.drain_for(LONG, "b1", "draining", DrainEnd::Close);
    assert_eq!(told(&stage.events.drained()), ("b1", DrainOutcome::Deadline, 1));
    assert_eq!(told(&stage.events.drained()), ("b1", DrainOutcome::Empty, 0));
    echoes(&mut clients[0]);
}

#[test]
fn s_12_drain_soft_lets_bound_clients_come_and_hard_moves_them() {
    let (one, two) = (Scripted::saying("one"), Scripted::saying("two"));
    let mut stage = Stage::new("protocol = \"tcp\"\npersistence = \"source\"", &[one.address, two.address]);
    assert_eq!(served(&stage), "one");
    stage.set("b0", "state", "draining");
    assert_eq!([served(&stage), served(&stage)], ["one", "one"]);
    assert_eq!(stage.backend(0).effective_weight, 0);
    let pinned = || stage.backend(0).drain.map(|drain| drain.pinned);
    until("the client is counted", || pinned() == Some(1));
    stage.set("b0", "state", "draining-hard");
    assert_eq!([served(&stage), served(&stage)], ["two", "two"]);
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
}

#[test]
fn s_12_drain_closes_idle_connections_to_the_backend_at_once() {
    let backend = Named::new("one");
    let mut stage = Stage::new("protocol = \"http\"", &[backend.address]);
    let mut client = stage.connect();
    send(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    read_message(&mut client).expect("an answer");
    assert_eq!(stage.backend(0).counters.connections_open, 1, "it waits for the next request");
    // The drain has time: it is the pool that lets go.
    stage.set("b0", "drain", "{ timeout = \"1h\", then = \"leave\" }");
    stage.set("b0", "state", "draining");
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
}

#[test]
fn s_12_drain_close_lets_a_response_end_and_then_the_connection_of_the_client() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Scripted::new(move |mut stream| {
        while read_message(&mut stream).is_ok() {
            wait.lock().expect("no panic while held").recv().expect("the test tells");
            send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut stage = Stage::new("protocol = \"http\"", &[backend.address]);
    let mut client = stage.connect();
    send(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the request is there", || stage.backend(0).counters.inflight == 1);
    stage.drain("b0", "draining", DrainEnd::Close);
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Deadline, 1));
    go.send(()).expect("the backend waits");
    let head = read_head(&mut client).expect("the answer");
    assert_eq!(field(&head, "connection"), Some("close"), "{head}");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"ok");
    assert_eq!(told(&stage.events.drained()), ("b0", DrainOutcome::Empty, 0));
}
