//! The health log on disk over the real program: it is there after a restart and a kill, and a disk
//! that is full is told and costs no probe.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use poise_ipc::health::{WhyAnswer, WhyQuery};
use poise_ipc::message::{LogFilter, LogLevel, LogQuery, Reply, Verb};
use poise_ipc::status::{CheckRow, Health};
use poised::recorder::{Limits, Recorder, day_of};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::backends::{Scripted, until};
use crate::netns::possible;
use crate::process::{Daemon, Place};
use crate::script::{read_message, send};
use crate::three_days::{DAY_MS, TICKS, World};

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

fn folder_of(place: &Place) -> PathBuf {
    let folder = place.state().join("health");
    std::fs::create_dir_all(&folder).expect("made");
    folder
}

/// Starts a daemon after commands of a shell that is root in a file system of its own.
fn start_after(commands: &str, place: &Place) -> Daemon {
    let program = place.command();
    let mut inside = Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--mount", "sh", "-c"]).arg(format!("{commands}; exec \"$0\" \"$@\""));
    inside.arg(program.get_program()).args(program.get_args());
    place.start_by(&mut inside)
}

fn is_found(daemon: &Daemon) -> bool {
    daemon.status().findings.iter().any(|found| found.code == "health-log-unwritten")
}

fn probes_go_on(daemon: &Daemon) {
    let last_ms = || daemon.status().groups[0].backends[0].health.last.as_ref().map_or(0, |last| last.at_ms);
    let before_ms = last_ms();
    until("probes go on", || last_ms() > before_ms + 500);
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis();
    u64::try_from(now).expect("a clock of this era")
}

/// As in `2026-11-23`.
fn date(at_ms: u64) -> String {
    poise_ipc::text::moment(at_ms).chars().take(10).collect()
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
    let folder = folder_of(&place);
    let full =
        format!("mount -t tmpfs -o size=256k none '{0}' && head -c 250k /dev/zero > '{0}/filler'", folder.display());
    let daemon = start_after(&full, &place);
    until("the failure is told", || daemon.status().recorder.failure.is_some());
    let status = daemon.status();
    assert!(status.recorder.failed_total > 0 && status.recorder.waiting > 0, "{:?}", status.recorder);
    until("it is a finding", || is_found(&daemon));
    probes_go_on(&daemon);
    std::fs::remove_file(seen_by(&daemon, &folder.join("filler"))).expect("there is room again");
    until("it is written again", || daemon.status().recorder.failure.is_none());
    until("nothing waits", || daemon.status().recorder.waiting == 0);
    let status = daemon.status();
    assert_eq!((status.recorder.lost_total, status.recorder.oldest_ms.is_some()), (0, true));
    until("the finding goes", || !is_found(&daemon));
}

#[test]
fn a_disk_that_stands_still_is_told_and_holds_neither_probes_nor_clients_nor_a_stop() {
    let backend = Scripted::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let config = config("tcp", &backend.address.to_string());
    let place =
        Place::new(&format!("{config}[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n"));
    // Whoever opens one of these for writing waits, as for a disk; midnight may come meanwhile.
    let pipes = [0, 1].map(|day| folder_of(&place).join(format!("{}.db", date(now_ms() + day * DAY_MS))));
    for pipe in &pipes {
        mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
    }
    let daemon = place.start();
    let still = || daemon.status().recorder.failure.is_some_and(|why| why.contains("has not answered since"));
    until("it is told", still);
    until("it is a finding", || is_found(&daemon));
    probes_go_on(&daemon);
    assert!(!rows(&daemon, LogFilter::default()).is_empty(), "what memory holds is told");
    let listener = daemon.status().listeners[0].bind.to_string();
    let mut client = TcpStream::connect(listener).expect("it takes clients");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("it reads");
    assert!(read_message(&mut client).is_ok(), "clients are served");
    let begun = Instant::now();
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited: {:?}", begun.elapsed());
    for pipe in &pipes {
        std::fs::remove_file(pipe).expect("removed");
    }
    let daemon = place.start();
    until("it is written", || daemon.status().recorder.oldest_ms.is_some() && daemon.status().recorder.waiting == 0);
    assert_eq!(daemon.status().recorder.failure, None);
}

#[test]
fn a_log_that_can_only_be_read_is_read_and_told_and_never_written_over() {
    if let Err(reason) = possible() {
        return crate::netns::pass_over("a_log_that_can_only_be_read", &reason);
    }
    let backend = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = Place::new(&config("tcp", &backend.local_addr().expect("bound").to_string()));
    let daemon = place.start();
    until("there is a log", || health(&daemon) == Health::Up);
    let before = rows(&daemon, LogFilter { only: LogLevel::Transitions, ..LogFilter::default() });
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.ended().success());

    let folder = folder_of(&place);
    let daemon =
        start_after(&format!("mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}'", folder.display()), &place);
    until("it is told", || daemon.status().recorder.failure.is_some());
    until("it is a finding", || is_found(&daemon));
    probes_go_on(&daemon);
    let all = rows(&daemon, LogFilter::default());
    assert_eq!(all.first(), before.first(), "what is there is read");
    assert!(all.len() > 1 && all.is_sorted_by(|a, b| a.seq < b.seq), "new rows have new numbers: {all:?}");
    drop(daemon);
    let daemon = place.start();
    until("it is written", || daemon.status().recorder.waiting == 0 && daemon.status().recorder.bytes > 0);
    assert_eq!(rows(&daemon, LogFilter::default()).first(), before.first());
}

/// Looks at the files of a log that nobody writes.
fn is_whole(folder: &Path) {
    let paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert!(!paths.iter().any(|path| path.extension().is_some_and(|end| end == "damaged")), "{paths:?}");
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "db")) {
        let day = rusqlite::Connection::open(path).expect("opens");
        let said: String = day.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("read");
        assert_eq!(said, "ok", "{}", path.display());
    }
}

#[test]
fn a_daemon_that_is_killed_while_it_writes_leaves_a_log_that_is_whole() {
    let well = AtomicBool::new(true);
    // Every probe is a row of its own.
    let backend = Scripted::new(move |mut stream| {
        while read_message(&mut stream).is_ok() {
            let status = if well.fetch_xor(true, Ordering::SeqCst) { "200 OK" } else { "503 Sick" };
            send(&mut stream, &format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let place = Place::new(&config("http", &backend.address.to_string()));
    let mut written: Vec<CheckRow> = Vec::new();
    for _ in 0..4 {
        let daemon = place.start();
        let status = daemon.status();
        assert_eq!((status.recorder.failed_total, status.recorder.failure), (0, None));
        let found = rows(&daemon, LogFilter::default());
        assert!(found.is_sorted_by(|a, b| a.seq < b.seq), "{found:?}");
        let kept = |row: &&CheckRow| row.count > 1 || found.contains(row);
        assert_eq!(written.iter().filter(|row| !kept(row)).collect::<Vec<_>>(), Vec::<&CheckRow>::new());
        let count = found.len();
        until("there is more of it", || rows(&daemon, LogFilter::default()).len() > count + 8);
        // What was there a second ago has been written.
        let before = rows(&daemon, LogFilter::default());
        let last_seq = before.last().expect("rows").seq;
        until("that is written", || {
            rows(&daemon, LogFilter::default()).last().is_some_and(|row| row.seq > last_seq + 12)
        });
        written = before;
        daemon.kill();
    }
    is_whole(&folder_of(&place));
}

#[test]
fn l_12_three_days_of_probes_take_few_bytes_and_every_moment_of_them_can_be_told() {
    const BACKENDS: u64 = 4;
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits { retention_ms: 3 * DAY_MS, bytes_max: 64 << 20 };
    let recorder = Recorder::open(folder.path(), limits).expect("starts");
    // The recorder removes days that are too old by the real clock.
    let begin_ms = (day_of(now_ms()) - 3) * DAY_MS;
    let outcome = World::new(BACKENDS, begin_ms, recorder).run(250);
    assert_eq!((outcome.probes, outcome.counted), (BACKENDS * TICKS, BACKENDS * TICKS), "every probe is on disk, once");
    // Twenty episodes of five comings and goings, and the first verdict.
    assert_eq!(outcome.transitions, BACKENDS * (20 * 10 + 1));
    assert_eq!((outcome.wrong, outcome.moments, outcome.lost), (0, BACKENDS * 250, 0));
    // Their share of 64 MiB for a hundred; the log files of the days that are open come on top.
    let share = (64 << 20) * BACKENDS / 100 + (2 << 20);
    assert!(outcome.bytes <= share, "{} bytes of {share}", outcome.bytes);
}
