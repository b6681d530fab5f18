//! Backends that traffic meets failing are ejected for a time (behaviour.md §3.3, §4.4): real backends
//! that refuse, answer 5xx, break off or hang when told to.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use poise_ipc::health::BackendQuery;
use poise_ipc::message::{EventBody, Reply, Verb};
use poise_ipc::status::{BackendStatus, EjectionStatus, PassiveCause};

use crate::backends::{Refusing, Scripted, patient, reset, until};
use crate::process::{Daemon, Place, set};
use crate::script::{read_message, send};

/// What a backend does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    Answer,
    Error,
    Hang,
    Close,
    Cut,
    Garbage,
}

/// A backend with moods.
struct Moody {
    backend: Scripted,
    mood: Arc<AtomicU8>,
    served: Arc<AtomicUsize>,
}

impl Moody {
    fn new() -> Self {
        let (mood, served) = (Arc::new(AtomicU8::new(Mood::Answer as u8)), Arc::new(AtomicUsize::new(0)));
        let (is, count) = (Arc::clone(&mood), Arc::clone(&served));
        let backend = Scripted::new(move |mut stream| {
            while read_message(&mut stream).is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
                let words = match is.load(Ordering::SeqCst) {
                    mood if mood == Mood::Answer as u8 => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
                    mood if mood == Mood::Error as u8 => "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno",
                    mood if mood == Mood::Hang as u8 => continue,
                    mood if mood == Mood::Cut as u8 => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
                    mood if mood == Mood::Garbage as u8 => "SSH-2.0-OpenSSH\r\n\r\n",
                    _ => return,
                };
                send(&mut stream, words);
                if !words.ends_with("ab") && !words.ends_with("no") || words.contains(": 9") {
                    return;
                }
            }
        });
        Self { backend, mood, served }
    }

    fn be(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// A listener `web` before such backends, without checks: traffic alone tells.
fn place(backends: &[Moody], more: &str) -> Place {
    let one =
        |(at, backend): (usize, &Moody)| format!("backends.b{at} = {{ address = \"{}\" }}\n", backend.backend.address);
    let listed: String = backends.iter().enumerate().map(one).collect();
    Place::new(&format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\nresponse_timeout = \"1s\"\n\
         [groups.app]\nhealth_check = \"off\"\n{more}\n{listed}"
    ))
}

/// Time between two looks of the daemon at what traffic has met, in milliseconds.
const LOOK_MS: u64 = 100;
/// Three in a row eject for an hour.
const STRICT: &str = "passive = { mode = \"on\", connect_errors = 3, server_errors = 3, timeouts = 2, \
                      ejection = \"1h\", ejection_max = \"2h\" }";

fn backend(daemon: &Daemon, at: usize) -> BackendStatus {
    daemon.status().groups[0].backends[at].clone()
}

fn ejection(daemon: &Daemon, at: usize) -> Option<EjectionStatus> {
    backend(daemon, at).health.ejection.filter(|ejection| ejection.active)
}

fn connect(daemon: &Daemon) -> TcpStream {
    let address = daemon.status().listeners[0].bind.ip().expect("an address");
    patient(TcpStream::connect(address).expect("the listener accepts"))
}

/// Asks once, over a connection of its own; says the status, if one came.
fn ask(daemon: &Daemon) -> Option<String> {
    let mut client = connect(daemon);
    send(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    let (head, _) = read_message(&mut client).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// Asks until the first backend is ejected; says how many requests it has had in its mood.
fn eject(daemon: &Daemon, backend: &Moody, mood: Mood) -> (usize, EjectionStatus) {
    backend.be(mood);
    let before = backend.served();
    until("it is ejected", || {
        ask(daemon);
        ejection(daemon, 0).is_some()
    });
    (backend.served() - before, ejection(daemon, 0).expect("ejected"))
}

/// Gives the daemon the time of two looks at what traffic has met.
fn look(daemon: &Daemon) {
    let before_ms = daemon.status().at_ms;
    until("it has looked", || daemon.status().at_ms >= before_ms + 2 * LOOK_MS);
}

#[test]
fn failures_in_a_row_eject_a_backend_whatever_they_are() {
    for (mood, why, least) in [
        (Mood::Error, PassiveCause::ServerErrors, 3),
        (Mood::Close, PassiveCause::ServerErrors, 3),
        (Mood::Garbage, PassiveCause::ServerErrors, 3),
        (Mood::Cut, PassiveCause::ServerErrors, 3),
        (Mood::Hang, PassiveCause::Timeouts, 2),
    ] {
        let backends = [Moody::new(), Moody::new()];
        let place = place(&backends, STRICT);
        let daemon = place.start();
        let mut events = daemon.subscribe();
        let (asked, ejected) = eject(&daemon, &backends[0], mood);
        assert_eq!((ejected.why, ejected.streak, ejected.total), (why, 1, 1), "{mood:?}");
        assert!(asked >= least, "{mood:?}: {asked}");
        assert_eq!(ejected.until_ms - ejected.since_ms, 3_600_000);
        events.until(|body| matches!(body, EventBody::Ejected(news) if news.ejection == ejected));
        assert_eq!(backend(&daemon, 0).effective_weight, 0);
        let before = (backends[0].served(), backends[1].served());
        for _ in 0..6 {
            assert_eq!(ask(&daemon).as_deref(), Some("200"), "{mood:?}");
        }
        assert_eq!((backends[0].served(), backends[1].served()), (before.0, before.1 + 6), "{mood:?}");
    }
}

#[test]
fn connections_that_cannot_be_made_eject_a_backend_on_any_layer() {
    for protocol in ["http", "tcp"] {
        let closed = Refusing::new();
        let well = Moody::new();
        let place = Place::new(&format!(
            "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"{protocol}\"\ngroup = \"app\"\n\
             [groups.app]\nhealth_check = \"off\"\n{STRICT}\n\
             backends.b0 = {{ address = \"{}\" }}\nbackends.b1 = {{ address = \"{}\" }}\n",
            closed.address, well.backend.address
        ));
        let daemon = place.start();
        until("it is ejected", || {
            assert_eq!(ask(&daemon).as_deref(), Some("200"), "the other one serves");
            ejection(&daemon, 0).is_some()
        });
        let ejected = ejection(&daemon, 0).expect("ejected");
        assert_eq!(ejected.why, PassiveCause::ConnectErrors, "{protocol}");
        let before = backend(&daemon, 0).counters.connect_failures_total;
        assert!(before >= 3, "{protocol}: {before}");
        for _ in 0..6 {
            assert_eq!(ask(&daemon).as_deref(), Some("200"));
        }
        assert_eq!(backend(&daemon, 0).counters.connect_failures_total, before, "{protocol}");
    }
}

#[test]
fn what_clients_break_off_ejects_nobody() {
    let backends = [Moody::new(), Moody::new()];
    let place = place(&backends, &STRICT.replace("= 3", "= 1").replace("= 2,", "= 1,"));
    let daemon = place.start();
    for backend in &backends {
        backend.be(Mood::Hang);
    }
    for at in 0..16 {
        let mut client = connect(&daemon);
        // In the midst of its request, or while it waits for the response.
        let body = if at % 4 < 2 { "abcde" } else { "ab" };
        send(&mut client, &format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{body}"));
        let reached = || backends.iter().map(|backend| backend.backend.connections()).sum::<usize>();
        until("it is under way", || reached() > at);
        reset(client);
    }
    until("all of them have ended", || (0..2).all(|at| backend(&daemon, at).counters.inflight == 0));
    // Once the other one is ejected for what it answers, this one has been looked at, too.
    backends[0].be(Mood::Answer);
    backends[1].be(Mood::Error);
    until("the other one is ejected", || {
        ask(&daemon);
        ejection(&daemon, 1).is_some()
    });
    assert_eq!(backend(&daemon, 0).health.ejection, None);
    assert_eq!(
        ejection(&daemon, 1).map(|ejection| (ejection.why, ejection.total)),
        Some((PassiveCause::ServerErrors, 1))
    );
}

#[test]
fn a_success_in_between_ends_the_row() {
    let backends = [Moody::new()];
    let place = place(&backends, STRICT);
    let daemon = place.start();
    for _ in 0..6 {
        backends[0].be(Mood::Error);
        assert_eq!([ask(&daemon), ask(&daemon)].map(|status| status.as_deref() == Some("503")), [true, true]);
        backends[0].be(Mood::Answer);
        assert_eq!(ask(&daemon).as_deref(), Some("200"));
        look(&daemon);
    }
    assert_eq!(backend(&daemon, 0).health.ejection, None);
}

#[test]
fn it_is_off_unless_it_is_turned_on_and_off_lets_in_again() {
    let backends = [Moody::new(), Moody::new()];
    let place = place(&backends, "");
    let daemon = place.start();
    backends[0].be(Mood::Error);
    for _ in 0..20 {
        ask(&daemon);
    }
    assert_eq!(backend(&daemon, 0).health.ejection, None);
    daemon
        .ask(set(
            "groups.app.passive",
            "{ mode = \"on\", server_errors = 2, ejection = \"1h\", ejection_max = \"1h\" }",
        ))
        .expect("valid");
    let (asked, _) = eject(&daemon, &backends[0], Mood::Error);
    assert!(asked >= 2, "what was met before does not count: {asked}");
    daemon.ask(set("groups.app.passive.mode", "\"off\"")).expect("valid");
    until("it is let in again", || ejection(&daemon, 0).is_none() && backend(&daemon, 0).effective_weight == 100);
}

#[test]
fn an_operator_lets_it_in_again_and_time_does() {
    let backends = [Moody::new(), Moody::new()];
    let place = place(&backends, STRICT);
    let daemon = place.start();
    eject(&daemon, &backends[0], Mood::Error);
    backends[0].be(Mood::Answer);
    let query = || {
        Verb::Readmit(BackendQuery { group: "app".parse().expect("a name"), backend: "b0".parse().expect("a name") })
    };
    let mut events = daemon.subscribe();
    assert!(matches!(daemon.ask(query()), Ok(Reply::Readmitted { was_out: true })));
    events.until(|body| matches!(body, EventBody::Ejected(news) if !news.ejection.active));
    assert_eq!(backend(&daemon, 0).effective_weight, 100);
    let before = backends[0].served();
    assert_eq!([ask(&daemon), ask(&daemon)].map(|status| status.as_deref() == Some("200")), [true, true]);
    assert_eq!(backends[0].served(), before + 1, "it has its share");
    assert!(matches!(daemon.ask(query()), Ok(Reply::Readmitted { was_out: false })));
    // Time.
    daemon.ask(set("groups.app.passive.ejection", "\"1s\"")).expect("valid");
    eject(&daemon, &backends[0], Mood::Error);
    until("its time is over", || ejection(&daemon, 0).is_none() && backend(&daemon, 0).effective_weight == 100);
}

#[test]
fn an_ejection_never_leaves_fewer_than_the_group_wants() {
    let backends = [Moody::new(), Moody::new()];
    let place = place(&backends, &format!("{STRICT}\nmin_usable = 1"));
    let daemon = place.start();
    eject(&daemon, &backends[0], Mood::Error);
    backends[1].be(Mood::Error);
    until("both are ejected", || {
        ask(&daemon);
        ejection(&daemon, 1).is_some()
    });
    let [first, second] = [0, 1].map(|at| backend(&daemon, at));
    assert_eq!((first.effective_weight, second.effective_weight), (0, 100), "the one that failed last is kept");
    assert!(second.health.kept);
}

#[test]
fn a_backend_that_comes_back_from_an_ejection_starts_slowly() {
    let backends = [Moody::new(), Moody::new()];
    let place = place(&backends, &format!("{STRICT}\nslow_start = \"1h\""));
    let daemon = place.start();
    eject(&daemon, &backends[0], Mood::Error);
    backends[0].be(Mood::Answer);
    let query = BackendQuery { group: "app".parse().expect("a name"), backend: "b0".parse().expect("a name") };
    daemon.ask(Verb::Readmit(query)).expect("readmitted");
    let weight = backend(&daemon, 0).effective_weight;
    assert!((1..50).contains(&weight), "{weight}");
}

#[test]
fn a_backend_of_tcp_that_accepts_is_well() {
    let (echo, closed) = (Scripted::echo(), Refusing::new());
    let place = Place::new(&format!(
        "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n\
         [groups.app]\nhealth_check = \"off\"\n{}\nbackends.b0 = {{ address = \"{}\" }}\n\
         backends.b1 = {{ address = \"{}\", weight = 0 }}\n",
        STRICT.replace("= 3", "= 1"),
        echo.address,
        closed.address
    ));
    let daemon = place.start();
    for at in 0..5 {
        let mut client = connect(&daemon);
        client.write_all(b"x").expect("sent");
        until("it is under way", || echo.connections() > at);
        reset(client);
    }
    until("all of them have ended", || backend(&daemon, 0).counters.inflight == 0);
    // Once the other one is ejected, this one has been looked at, too.
    daemon.ask(set("groups.app.backends.b1.weight", "100")).expect("valid");
    until("the other one is ejected", || {
        drop(connect(&daemon));
        ejection(&daemon, 1).is_some()
    });
    assert_eq!(backend(&daemon, 0).health.ejection, None);
}
