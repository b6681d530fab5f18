//! Another process takes over: nobody is refused, nobody is cut, nothing that is known is forgotten; and
//! whoever fails on the way leaves the process of before as it was.
//!
//! `POISE_UPGRADES` sets how many follow each other, 10 unless given; `POISE_KILL_ROUNDS` how often one
//! of the two is killed on the way, 24 unless given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use poise_ipc::message::{AuditOutcome, AuditQuery, ErrorCode, Reply, Request, Shutdown, Upgrade, Upgraded, Verb};
use poise_ipc::status::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::backends::{PATIENCE, patient, until};
use crate::load::Load;
use crate::process::{Daemon, Place, set};
use crate::scene::Scene;

/// The daemon and every process that has taken over from it. Dropping it kills them.
struct Dynasty {
    place: Place,
    /// The first one; the others are not children of the test.
    first: Daemon,
    heirs: Vec<u32>,
}

impl Dynasty {
    fn new(config: &str, options: &[&str]) -> Self {
        let place = Place::new(config);
        let first = place.start_by(place.command_of(2, "60s").args(options));
        Self { place, first, heirs: Vec::new() }
    }

    fn upgrade(&mut self, binary: Option<String>) -> Result<Upgraded, (ErrorCode, String)> {
        match self.first.ask(Verb::Upgrade(Upgrade { binary })) {
            Ok(Reply::Upgraded(upgraded)) => {
                self.heirs.push(upgraded.pid);
                Ok(upgraded)
            }
            Err(error) => Err((error.code, error.message)),
            Ok(other) => panic!("no answer to an upgrade: {other:?}"),
        }
    }

    fn status(&self) -> Status {
        self.first.status()
    }

    /// Where a listener listens.
    fn at(&self, listener: &str) -> SocketAddr {
        let status = self.status();
        let listener = status.listeners.iter().find(|one| one.name.as_str() == listener).expect("it is configured");
        listener.bind.ip().expect("an address and port")
    }

    /// Who holds the state directory.
    fn holder(&self) -> u32 {
        let text = std::fs::read_to_string(self.place.state().join("poised.lock")).expect("a lock");
        text.trim().parse().expect("a process id")
    }

    /// The words of the audit trail about upgrades, the latest first, and whether each was refused.
    fn audited(&self) -> Vec<(String, bool)> {
        let query = AuditQuery { verb: Some("upgrade".to_owned()), limit: 100, ..AuditQuery::default() };
        let Ok(Reply::Audit { rows, .. }) = self.first.ask(Verb::Audit(query)) else { panic!("no audit trail") };
        let refused = |outcome| matches!(outcome, AuditOutcome::Refused { .. });
        rows.into_iter().map(|row| (row.what, refused(row.outcome))).collect()
    }

    /// A program that does something else than poised; `say` sends a whole message.
    fn program(&self, script: &str) -> String {
        let path: PathBuf = self.place.file().with_file_name("program");
        std::fs::write(&path, format!("#!/bin/sh\nsay() {{ printf '\\000%s' \"$1\" >&0; }}\n{script}\n"))
            .expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it is ours");
        path.into_os_string().into_string().expect("text")
    }
}

impl Drop for Dynasty {
    fn drop(&mut self) {
        for &pid in &self.heirs {
            kill(pid);
        }
    }
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    // It may have ended.
    let _ = kill_process(pid, Signal::KILL);
}

fn count(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |count| count.parse().expect("a number"))
}

/// Counters that may only grow.
fn totals(status: &Status) -> Vec<u64> {
    let listeners = status.listeners.iter().map(|one| &one.counters);
    let backends = status.groups.iter().flat_map(|group| &group.backends);
    listeners
        .flat_map(|one| [one.connections_total, one.requests_total, one.bytes_in_total, one.datagrams_in_total])
        .chain(backends.map(|backend| backend.counters.picks_total))
        .collect()
}

#[test]
fn upgrades_in_a_row_refuse_and_cut_nobody_and_forget_nothing() {
    let scene = Scene::new();
    assert!(scene.shelf.path("app.pem").exists());
    let mut dynasty = Dynasty::new(&scene.config, &[]);
    let mut load = Load::new();
    let (web, tls, tcp, udp) = (dynasty.at("web"), dynasty.at("tls"), dynasty.at("tcp"), dynasty.at("udp"));
    for _ in 0..2 {
        load.keep_alive(web);
        load.anew(web);
        load.secured(tls);
        load.web_socket(web);
        load.stream(tcp);
        load.flow(udp);
    }
    load.goes_on();
    let mut before = totals(&dynasty.status());
    for round in 1..=count("POISE_UPGRADES", 10) {
        let upgraded = dynasty.upgrade(None).unwrap_or_else(|error| panic!("upgrade {round}: {error:?}"));
        until("the lock names the new one", || dynasty.holder() == upgraded.pid);
        load.goes_on();
        let now = totals(&dynasty.status());
        let fell: Vec<_> = before.iter().zip(&now).filter(|(before, now)| now < before).collect();
        assert!(fell.is_empty(), "upgrade {round}: {fell:?} of {before:?} and {now:?}");
        before = now;
    }
    let (failures, done) = load.end();
    assert!(failures.is_empty(), "{failures:#?}, of {done:?}");
    println!("{done:?}");
    // Who has nothing open any more ends, long before the drain time is over.
    until("the processes before have ended", || dynasty.status().daemon.predecessors.is_empty());
    let status = dynasty.status();
    let counters =
        |name: &str| &status.listeners.iter().find(|one| one.name.as_str() == name).expect("it is there").counters;
    let asked =
        |kinds: &[&str]| done.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, done)| done).sum::<u64>();
    // Two of them asked for a WebSocket; the last answer of a client that is told to end is not its own.
    let requests = counters("web").requests_total;
    let answered = asked(&["keep-alive", "connections"]) + 2;
    assert!((answered..=answered + 2).contains(&requests), "{requests} requests, {answered} answers");
    assert_eq!(counters("tls").requests_total, asked(&["TLS"]));
    assert_eq!(counters("udp").datagrams_in_total, asked(&["UDP"]) + 2);
    assert_eq!(counters("udp").flows_moved_total, 0);
    assert!(dynasty.audited().iter().all(|(what, refused)| what == "let another process take over" && !refused));
}

#[test]
fn what_was_committed_goes_on_being_there_and_changes_go_on_being_taken() {
    let scene = Scene::new();
    let mut dynasty = Dynasty::new(&scene.config, &[]);
    dynasty.first.ask(set("groups.apps.backends.one.weight", "7")).expect("valid");
    let before = dynasty.status();
    dynasty.upgrade(None).expect("it takes over");
    let after = dynasty.status();
    assert_eq!(after.revision, before.revision);
    let weight =
        |status: &Status| status.groups.iter().flat_map(|group| &group.backends).map(|b| b.weight).collect::<Vec<_>>();
    assert_eq!(weight(&after), weight(&before));
    dynasty.first.ask(set("groups.apps.backends.one.weight", "8")).expect("valid");
    assert_eq!(dynasty.status().revision, before.revision + 1);
}

#[test]
fn a_program_that_cannot_take_over_leaves_the_process_as_it_was() {
    let scene = Scene::new();
    let mut dynasty = Dynasty::new(&scene.config, &["--upgrade-timeout", "1s"]);
    let mut load = Load::new();
    load.keep_alive(dynasty.at("web"));
    load.stream(dynasty.at("tcp"));
    load.flow(dynasty.at("udp"));
    let (holder, pid) = (dynasty.holder(), dynasty.status().daemon.pid);
    let here = |protocol: u32| format!(r#"say '{{"here":{{"protocol":{protocol},"version":"9.9","pid":1}}}}'"#);
    let (here, stranger, hangs) = (here(1), here(99), "exec sleep 1000");
    let refuses = r#"say '{"refused":{"reason":"too new"}}'"#;
    let programs = [
        ("exit 3".to_owned(), "wait for the new process to start"),
        (hangs.to_owned(), "wait for the new process to start"),
        (format!("say nonsense; {hangs}"), "wait for the new process to start"),
        (format!("{stranger}; {hangs}"), "version 99"),
        (format!("{here}; {refuses}; {hangs}"), "too new"),
        (format!("{here}; {hangs}"), "judge the configuration"),
        (format!("{here}; say '\"ready\"'; {hangs}"), "wait for the new process to serve"),
        (format!("{here}; say '\"ready\"'; sleep 0.2"), "wait for the new process to serve"),
        (format!("{here}; say '\"ready\"'; sleep 0.2; {refuses}; {hangs}"), "too new"),
    ];
    for (at, (script, why)) in programs.iter().enumerate() {
        let program = dynasty.program(script);
        let (code, message) = dynasty.upgrade(Some(program)).expect_err("it does not take over");
        assert_eq!(code, ErrorCode::Upgrade, "{message}");
        assert!(message.contains(why), "program {at}: {message}");
        assert_eq!((dynasty.holder(), dynasty.status().daemon.pid), (holder, pid));
        dynasty.first.ask(set("groups.apps.backends.one.weight", &format!("{}", 10 + at))).expect("valid");
        load.goes_on();
    }
    let (_, message) = dynasty.upgrade(Some("/nowhere/poised".to_owned())).expect_err("there is none");
    assert!(message.contains("/nowhere/poised"), "{message}");
    let (code, _) = dynasty.upgrade(Some("poised".to_owned())).expect_err("from where?");
    assert_eq!(code, ErrorCode::Invalid);
    let (failures, _) = load.end();
    assert!(failures.is_empty(), "{failures:#?}");
    let audited = dynasty.audited();
    assert_eq!(audited.len(), programs.len() + 2);
    assert!(audited.iter().all(|(_, refused)| *refused), "{audited:?}");
    // And one that can does.
    dynasty.upgrade(None).expect("it takes over");
}

/// The children of a process.
fn children(of: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether a process runs; one that nobody has waited for does not.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// What is answered at the socket, by whoever is there.
fn asked(place: &Place, verb: Verb) -> Option<String> {
    let mut stream = UnixStream::connect(place.socket()).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut line = serde_json::to_string(&Request { id: 1, verb }).expect("JSON");
    line.push('\n');
    stream.write_all(line.as_bytes()).ok()?;
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said).ok().filter(|&len| len > 0)?;
    Some(said)
}

#[test]
fn whoever_of_the_two_is_killed_the_other_serves_or_the_next_start_finds_everything() {
    let scene = Scene::new();
    let rounds = count("POISE_KILL_ROUNDS", 24);
    let (mut kept, mut taken, mut begun) = (0, 0, 0);
    let mut dynasty = Dynasty::new(&scene.config, &[]);
    for round in 0..rounds {
        let old = dynasty.holder();
        let weight = round % 1_000 + 1;
        dynasty.first.ask(set("groups.apps.backends.one.weight", &weight.to_string())).expect("valid");
        let killer = std::thread::spawn(move || {
            until("the new process has started", || !children(old).is_empty() || !lives(old));
            let heirs = children(old);
            // Spread over the time that a takeover takes.
            std::thread::sleep(Duration::from_micros(u64::from(round) * 61_803 % 50_000));
            if round % 4 == 3 {
                kill(old);
            } else {
                heirs.iter().copied().for_each(kill);
            }
            heirs
        });
        // Nothing comes from who was killed.
        let _ = asked(&dynasty.place, Verb::Upgrade(Upgrade { binary: None }));
        let heirs = killer.join().expect("no panic");
        dynasty.heirs.extend(&heirs);
        let serves = || asked(&dynasty.place, Verb::Hello).is_some();
        let somebody = || lives(old) || heirs.iter().copied().any(lives);
        until("somebody serves, or nobody lives", || serves() || !somebody());
        if !serves() {
            begun += 1;
            until("the last one has ended", || !somebody());
            dynasty.first = dynasty.place.start_by(&mut dynasty.place.command_draining("60s"));
        } else if dynasty.holder() == old {
            kept += 1;
        } else {
            taken += 1;
        }
        let status = dynasty.status();
        let one = status.groups.iter().flat_map(|group| &group.backends).find(|b| b.name.as_str() == "one");
        assert_eq!(one.map(|one| u32::from(one.weight)), Some(weight), "round {round}");
        let mut stream = TcpStream::connect(dynasty.at("web")).expect("it listens");
        crate::secured::ask(&mut stream, "app.example").expect("an answer");
    }
    println!("{rounds} kills: {kept} times the old one went on, {taken} times the new one, {begun} times neither");
}

#[test]
fn a_stop_drains_and_says_until_when() {
    let scene = Scene::new();
    let dynasty = Dynasty::new(&scene.config, &[]);
    let mut held = patient(TcpStream::connect(dynasty.at("tcp")).expect("it listens"));
    let (web, mut back) = (dynasty.at("web"), [0; 2]);
    held.write_all(b"hi").and_then(|()| held.read_exact(&mut back)).expect("an echo");
    let Ok(Reply::Stopping(stopping)) = dynasty.first.ask(Verb::Shutdown(Shutdown { within_ms: Some(60_000) })) else {
        panic!("it does not stop")
    };
    assert_eq!(stopping.pid, dynasty.holder());
    until("nobody is let in", || TcpStream::connect(web).is_err());
    held.write_all(b"ho").and_then(|()| held.read_exact(&mut back)).expect("who is there may stay");
    assert_eq!(&back, b"ho");
    drop(held);
    until("it ends with its last connection", || !lives(stopping.pid));
}
