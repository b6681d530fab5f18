//! What becomes of backends that come and go, of the last ones that are left, and over a restart
//! (behaviour.md §3.3, §4.4, S-20): real backends that fail their checks when told to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use poise_ipc::message::EventBody;
use poise_ipc::status::{BackendStatus, GroupStatus, Health};

use rustix::process::Signal;

use crate::backends::{Scripted, patient, until};
use crate::process::{Daemon, Place, set};
use crate::script::{read_message, send};

/// A backend that answers all requests, and its checks as long as it is told to be well.
struct Patient {
    backend: Scripted,
    well: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
}

impl Patient {
    fn new() -> Self {
        let (well, served) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (is_well, count) = (Arc::clone(&well), Arc::clone(&served));
        let backend = Scripted::new(move |mut stream| {
            while let Ok((head, _)) = read_message(&mut stream) {
                let check = head.starts_with("HEAD ");
                count.fetch_add(usize::from(!check), Ordering::SeqCst);
                let status = if check && !is_well.load(Ordering::SeqCst) { "503 Sick" } else { "200 OK" };
                let body = if check { "" } else { "a" };
                send(&mut stream, &format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            }
        });
        Self { backend, well, served }
    }

    fn be(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// A listener `web` before such backends, `b0` and so on, with more settings of their group.
fn place(backends: &[Patient], more: &str) -> Place {
    let check = "health_check.protocol = \"http\"\nhealth_check.interval = \"100ms\"\n\
                 health_check.rise = 1\nhealth_check.fall = 1";
    let one = |(at, backend): (usize, &Patient)| {
        format!("backends.b{at} = {{ address = \"{}\" }}\n", backend.backend.address)
    };
    let listed: String = backends.iter().enumerate().map(one).collect();
    let text = format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n[groups.app]\n{check}\n{more}\n{listed}"
    );
    Place::new(&text)
}

fn group(daemon: &Daemon) -> GroupStatus {
    daemon.status().groups.into_iter().next().expect("the group")
}

fn backend(daemon: &Daemon, at: usize) -> BackendStatus {
    group(daemon).backends.swap_remove(at)
}

fn is(daemon: &Daemon, at: usize, health: Health) -> bool {
    backend(daemon, at).health.health == health
}

/// Asks once, over a connection of its own; says the status.
fn ask(daemon: &Daemon) -> String {
    let address = daemon.status().listeners[0].bind.ip().expect("an address");
    let mut client = patient(TcpStream::connect(address).expect("the listener accepts"));
    send(&mut client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (head, _) = read_message(&mut client).expect("a reply");
    head.split(' ').nth(1).expect("a status").to_owned()
}

const DAMPED: &str = "damping = { mode = \"on\", half_life = \"1s\", suppress = 1500, reuse = 500 }";

/// Lets the second backend go down and come back until damping keeps it out.
fn flap(daemon: &Daemon, backends: &[Patient]) {
    until("both are up", || is(daemon, 0, Health::Up) && is(daemon, 1, Health::Up));
    // Ends: each round adds 1000 to a score that a second halves.
    while backend(daemon, 1).health.damping.and_then(|damping| damping.until_ms).is_none() {
        backends[1].be(false);
        until("it is down", || is(daemon, 1, Health::Down));
        backends[1].be(true);
        until("it is up", || is(daemon, 1, Health::Up));
    }
}

#[test]
fn a_backend_that_comes_and_goes_is_kept_out_though_it_passes_and_is_let_in_again() {
    let backends = [Patient::new(), Patient::new()];
    let place = place(&backends, DAMPED);
    let daemon = place.start();
    let mut events = daemon.subscribe();
    flap(&daemon, &backends);
    let out = backend(&daemon, 1);
    assert_eq!((out.health.health, out.effective_weight), (Health::Up, 0));
    let before = backends[1].served();
    for _ in 0..10 {
        assert_eq!(ask(&daemon), "200");
    }
    assert_eq!((backends[0].served(), backends[1].served()), (10, before), "it was kept out");
    events.until(|body| matches!(body, EventBody::Flapping(news) if news.active && news.until_ms.is_some()));
    until("it is let in again", || backend(&daemon, 1).effective_weight == 100);
    assert_eq!(backend(&daemon, 1).health.damping.map(|damping| (damping.until_ms, damping.total)), Some((None, 1)));
}

#[test]
fn what_damping_holds_against_a_backend_is_forgotten_when_it_is_turned_off() {
    let backends = [Patient::new(), Patient::new()];
    let place = place(&backends, &DAMPED.replace("1s", "1h"));
    let daemon = place.start();
    flap(&daemon, &backends);
    daemon.ask(set("groups.app.damping.mode", "\"off\"")).expect("valid");
    until("it is let in again", || backend(&daemon, 1).effective_weight == 100);
    assert_eq!(backend(&daemon, 1).health.damping, None);
}

#[test]
fn the_one_that_failed_last_stays_in_use_where_one_has_to() {
    let backends = [Patient::new(), Patient::new()];
    let place = place(&backends, "min_usable = 1\nfail_open = \"never\"");
    let daemon = place.start();
    until("both are up", || is(&daemon, 0, Health::Up) && is(&daemon, 1, Health::Up));
    backends[1].be(false);
    until("one is down", || is(&daemon, 1, Health::Down) && backend(&daemon, 1).effective_weight == 0);
    backends[0].be(false);
    until("the other is down, and kept", || is(&daemon, 0, Health::Down) && backend(&daemon, 0).health.kept);
    assert_eq!((backend(&daemon, 0).effective_weight, backend(&daemon, 1).effective_weight), (100, 0));
    assert!(!group(&daemon).failing_open);
    let before = backends[1].served();
    assert_eq!([ask(&daemon), ask(&daemon)], ["200", "200"]);
    assert_eq!(backends[1].served(), before);
}

#[test]
fn a_group_with_too_few_usable_backends_does_what_it_was_told_to() {
    let backends = [Patient::new(), Patient::new(), Patient::new()];
    let place = place(&backends, "fail_open = { when = \"below\", below = 2, use = \"reject\" }");
    let daemon = place.start();
    until("all are up", || (0..3).all(|at| is(&daemon, at, Health::Up)));
    backends[0].be(false);
    until("one is down", || is(&daemon, 0, Health::Down) && backend(&daemon, 0).effective_weight == 0);
    assert_eq!((ask(&daemon).as_str(), group(&daemon).failing_open), ("200", false));
    backends[1].be(false);
    until("there are too few", || group(&daemon).failing_open);
    assert_eq!(ask(&daemon), "503", "the one that is left is not overrun");
    daemon.ask(set("groups.app.fail_open.use", "\"last-known-good\"")).expect("valid");
    let weights: Vec<_> = group(&daemon).backends.iter().map(|backend| backend.effective_weight).collect();
    assert_eq!(weights, [0, 100, 100], "those that were usable when there were last two");
    daemon.ask(set("groups.app.fail_open.use", "\"all\"")).expect("valid");
    assert!(group(&daemon).backends.iter().all(|backend| backend.effective_weight == 100));
}

#[test]
fn s_20_a_restart_sends_nothing_to_a_backend_that_was_down_or_kept_out() {
    let backends = [Patient::new(), Patient::new(), Patient::new()];
    let place = place(&backends, &DAMPED.replace("1s", "1h"));
    let daemon = place.start();
    flap(&daemon, &backends);
    backends[2].be(false);
    until("one is down", || is(&daemon, 2, Health::Down));
    // From now on nobody is asked for an hour but once after the start.
    daemon.ask(set("groups.app.health_check.interval", "\"1h\"")).expect("valid");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().success());
    let before = [backends[1].served(), backends[2].served()];
    let daemon = place.start();
    for _ in 0..20 {
        assert_eq!(ask(&daemon), "200");
    }
    assert_eq!([backends[1].served(), backends[2].served()], before);
    let (out, down) = (backend(&daemon, 1).health, backend(&daemon, 2).health);
    assert_eq!(down.health, Health::Down);
    assert!(out.damping.is_some_and(|damping| damping.until_ms.is_some()), "{out:?}");
}

/// Asks over a Unix socket, again and again; says the statuses of all complete heads.
fn keep_asking(socket: &Path, until: &AtomicBool) -> Vec<String> {
    let mut statuses = Vec::new();
    while !until.load(Ordering::SeqCst) {
        let mut reply = Vec::new();
        // Nobody listens while it is restarted, and a killed daemon answers half.
        if let Ok(mut client) = UnixStream::connect(socket)
            && client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").is_ok()
            && client.read_to_end(&mut reply).is_ok()
        {
            let reply = String::from_utf8(reply).expect("text");
            statuses.extend(reply.split_once("\r\n").map(|(line, _)| line.to_owned()));
        }
    }
    statuses
}

#[test]
fn a_restart_under_load_sends_no_request_to_a_backend_that_was_down_and_none_to_nowhere() {
    let backends = [Patient::new(), Patient::new(), Patient::new()];
    let place = place(&backends, "fail_open = \"never\"");
    let socket = place.state().with_file_name("web.sock");
    let text = std::fs::read_to_string(place.file()).expect("written");
    place.write(&text.replace("127.0.0.1:0", &format!("unix:{}", socket.display())));
    let mut daemon = place.start();
    backends[2].be(false);
    until("one is down", || is(&daemon, 2, Health::Down) && is(&daemon, 0, Health::Up) && is(&daemon, 1, Health::Up));
    let before = backends[2].served();
    let enough = AtomicBool::new(false);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| keep_asking(&socket, &enough))).collect();
        for signal in [Signal::TERM, Signal::KILL, Signal::TERM, Signal::KILL] {
            let served = backends[0].served();
            until("there is load", || backends[0].served() > served + 20);
            daemon.signal(signal);
            let _ = daemon.ended();
            daemon = place.start();
        }
        let served = backends[0].served();
        until("there is load", || backends[0].served() > served + 20);
        enough.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("asks on")).collect()
    });
    assert!(statuses.len() > 100 && statuses.iter().all(|status| status == "HTTP/1.1 200 OK"), "{statuses:?}");
    assert_eq!(backends[2].served(), before);
}

#[test]
fn a_backend_that_begins_as_down_serves_only_after_its_checks() {
    let backends = [Patient::new()];
    backends[0].be(false);
    let place = place(&backends, "fail_open = \"never\"\nhealth_check.initial = \"down\"");
    let daemon = place.start();
    assert_eq!((backend(&daemon, 0).health.health, ask(&daemon).as_str()), (Health::Down, "503"));
    backends[0].be(true);
    until("it is up", || is(&daemon, 0, Health::Up));
    assert_eq!(ask(&daemon), "200");
}
