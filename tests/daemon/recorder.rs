//! The health log on disk over the real program: it is there after a restart and a kill, and a disk
//! that is full is told and costs no probe.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poise_ipc::health::{WhyAnswer, WhyQuery};
use poise_ipc::message::{LogFilter, LogLevel, LogQuery, Reply, Verb};
use poise_ipc::status::{CheckRow, Health};

use crate::backends::{Scripted, until};
use crate::flight;
use crate::netns::possible;
use crate::process::{Daemon, Place};
use crate::script::{read_message, send};

/// A group with a backend that answers, probed every 100 ms.
fn config(protocol: &str, address: &str) -> String {
    format!(
        "[groups.app]\nhealth_check = {{ protocol = \"{protocol}\", interval = \"100ms\", timeout = \"1s\", rise = 1, fall = 2 }}\n\
         [groups.app.backends]\na = {{ address = \"{address}\", weight = 1 }}\n"
    )
}

fn rows(daemon: &Daemon, filter: LogFilter) -> Vec<CheckRow> {
    match daemon.ask(Verb::Logs(LogQuery { filter, before_seq: None, limit: 1_000 })) {
        Ok(Reply::Logs { rows, .. }) => rows,
        other => panic!("no rows: {other:?}"),
    }
}

fn why(daemon: &Daemon, at_ms: Option<u64>) -> WhyAnswer {
    let (group, backend) = ("app".parse().expect("a name"), "a".parse().expect("a name"));
    match daemon.ask(Verb::Why(WhyQuery { group, backend, at_ms })) {
        Ok(Reply::Why(why)) => *why,
        other => panic!("no answer: {other:?}"),
    }
}

fn health(daemon: &Daemon) -> Health {
    daemon.status().groups[0].backends[0].health.health
}

#[test]
fn s_60_the_log_goes_on_where_it_was_after_a_restart_and_a_kill() {
    let well = Arc::new(AtomicBool::new(true));
    let is_well = Arc::clone(&well);
    let backend = Scripted::new(move |mut stream| {
        while read_message(&mut stream).is_ok() {
            let status = if is_well.load(Ordering::SeqCst) { "200 OK" } else { "503 Sick" };
            send(&mut stream, &format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let place = Place::new(&config("http", &backend.address.to_string()));
    let daemon = place.start();
    until("it is up", || health(&daemon) == Health::Up);
    well.store(false, Ordering::SeqCst);
    until("it is down", || health(&daemon) == Health::Down);
    let before = rows(&daemon, LogFilter { only: LogLevel::Transitions, ..LogFilter::default() });
    assert_eq!(before.iter().map(|row| row.transition).collect::<Vec<_>>(), [Some(Health::Up), Some(Health::Down)]);
    let last_seq = rows(&daemon, LogFilter::default()).last().expect("rows").seq;
    let down = why(&daemon, None);
    assert_eq!((down.health, down.transition.as_ref()), (Health::Down, before.last()));

    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended().success());
    let daemon = place.start();
    let transitions = LogFilter { only: LogLevel::Transitions, ..LogFilter::default() };
    assert_eq!(rows(&daemon, transitions.clone()), before, "what was logged is there");
    until("its rows have new numbers", || rows(&daemon, LogFilter::default()).last().expect("rows").seq > last_seq);
    let all = rows(&daemon, LogFilter::default());
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq), "{all:?}");
    let since = why(&daemon, Some(down.since_ms));
    assert_eq!((since.health, since.transition.as_ref()), (Health::Down, before.last()));

    // What a kill costs is the growth of the last moments, never a row that was on the disk.
    until("everything is written", || daemon.status().recorder.waiting == 0);
    daemon.kill();
    let daemon = place.start();
    assert_eq!(rows(&daemon, transitions)[..2], before[..]);
    well.store(true, Ordering::SeqCst);
    until("it is up again", || health(&daemon) == Health::Up);
    let ended = why(&daemon, Some(down.since_ms)).ended.expect("it has come up");
    assert_eq!(ended.transition, Some(Health::Up));
}

/// The daemon's view of a path: it has a file system of its own.
fn seen_by(daemon: &Daemon, path: &Path) -> PathBuf {
    let root = format!("/proc/{}/root", daemon.status().daemon.pid);
    Path::new(&root).join(path.strip_prefix("/").expect("absolute"))
}

#[test]
fn a_full_disk_is_told_costs_no_probe_and_writing_goes_on_by_itself() {
    if let Err(reason) = possible() {
        return crate::netns::pass_over("a_full_disk", &reason);
    }
    let backend = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = Place::new(&config("tcp", &backend.local_addr().expect("bound").to_string()));
    let folder = place.state().join("health");
    std::fs::create_dir_all(&folder).expect("made");
    let program = place.command();
    let mut inside = Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    let script = format!(
        "mount -t tmpfs -o size=256k none '{0}' && head -c 250k /dev/zero > '{0}/filler'; exec \"$0\" \"$@\"",
        folder.display()
    );
    inside.arg(script).arg(program.get_program()).args(program.get_args());
    let daemon = place.start_by(&mut inside);
    until("the failure is told", || daemon.status().recorder.failure.is_some());
    let status = daemon.status();
    assert!(status.recorder.failed_total > 0 && status.recorder.waiting > 0, "{:?}", status.recorder);
    until("it is a finding", || daemon.status().findings.iter().any(|found| found.code == "health-log-unwritten"));
    let last_ms = || daemon.status().groups[0].backends[0].health.last.as_ref().map_or(0, |last| last.at_ms);
    let before_ms = last_ms();
    until("probes go on", || last_ms() > before_ms + 500);
    std::fs::remove_file(seen_by(&daemon, &folder.join("filler"))).expect("there is room again");
    until("it is written again", || daemon.status().recorder.failure.is_none());
    until("nothing waits", || daemon.status().recorder.waiting == 0);
    let status = daemon.status();
    assert_eq!((status.recorder.lost_total, status.recorder.oldest_ms.is_some()), (0, true));
    until("the finding goes", || daemon.status().findings.iter().all(|found| found.code != "health-log-unwritten"));
}

#[test]
fn l_12_three_days_of_ten_backends_fit_in_a_tenth_of_64_mib_and_every_instant_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = flight::recorder(folder.path());
    let probes = flight::three_days(&recorder, 10);
    assert_eq!(probes, 1_296_000);
    let status = recorder.status();
    assert_eq!(status.lost_total, 0);
    assert!(status.bytes <= flight::LIMITS.bytes_max / 10, "{} bytes", status.bytes);
    flight::hour_of_one(&recorder, 7);
    for n in 0..300 {
        let (backend, tick) = (n % 10, n * 433 % flight::TICKS);
        assert!(flight::says(&recorder, backend, tick), "backend {backend}, probe {tick}");
    }
    // The episodes: every probe of one, and of what surrounds it.
    for tick in (6_480 - 10_000 % 6_480 - 5)..(6_480 - 10_000 % 6_480 + 40) {
        assert!(flight::says(&recorder, 0, tick), "probe {tick}");
    }
}
