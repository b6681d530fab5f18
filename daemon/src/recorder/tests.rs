//! What must hold of the recorder: rows come back as they were, over restarts; a disk that refuses or
//! stands still costs rows, never time; what is damaged goes aside.

use std::sync::mpsc::sync_channel;
use std::time::Instant;

use poise_ipc::message::{LogFilter, LogLevel};
use poise_ipc::model::CheckProtocol;
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use super::*;

pub(crate) const LIMITS: Limits = Limits { retention_ms: 259_200_000, bytes_max: 64 << 20 };
/// 2026-11-22T14:02:08.122Z.
const AT_MS: u64 = 1_795_356_128_122;

/// The reader of no folder.
pub(crate) fn nothing() -> Reader {
    Reader::new(None, sync_channel(1).0)
}

/// Days in a folder of their own, written without a thread.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: tempfile::TempDir,
    days: Days,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self::with(LIMITS)
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let gauges = Arc::new(Gauges::new(limits.bytes_max));
        let days = Days::open(dir.path().to_owned(), limits, gauges);
        Self { dir, days }
    }

    pub(crate) fn write(&mut self, mut rows: Vec<Kept>) {
        rows.sort_by_key(|kept| kept.row.seq);
        self.days.write(&rows.iter().collect::<Vec<_>>()).expect("written");
    }

    pub(crate) fn tidy(&mut self, now_ms: u64) {
        self.days.tidy(now_ms);
    }

    pub(crate) fn status(&self) -> RecorderStatus {
        self.days.gauges().status()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        names(self.dir.path())
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(Some(self.dir.path().to_owned()), sync_channel(1).0)
    }
}

/// The databases of a folder, and what was moved aside.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

pub(crate) fn row(seq: u64, at_ms: u64) -> CheckRow {
    CheckRow {
        seq,
        group: "app".parse().expect("a name"),
        backend: format!("app-{}", seq % 3).parse().expect("a name"),
        address: "10.0.0.1:80".parse().expect("an address"),
        protocol: CheckProtocol::Tcp,
        verdict: Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None },
        count: 3,
        first_ms: at_ms,
        last_ms: at_ms + 4_000,
        latency_us_min: 200,
        latency_us_mean: 250,
        latency_us_max: 1_300,
        streak: 3,
        threshold: 3,
        transition: Some(Health::Down),
        health: Health::Down,
    }
}

pub(crate) fn kept(row: CheckRow) -> Kept {
    Kept { row: Arc::new(row), exchange: None }
}

fn open(dir: &Path) -> Recorder {
    Recorder::open(dir, LIMITS).expect("starts")
}

fn everything(reader: &Reader) -> Vec<CheckRow> {
    reader.rows(&LogFilter::default(), u64::MAX, 100_000, Order::Oldest).expect("read")
}

/// Waits until something is so.
fn until(mut so: impl FnMut() -> bool) {
    while !so() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn rows_are_there_as_they_were_after_a_restart_and_numbers_go_on() {
    let dir = tempfile::tempdir().expect("dir");
    let first = open(dir.path());
    assert_eq!(first.first_seq(), 1);
    let passed = CheckRow {
        address: "unix:/run/app.sock".parse().expect("an address"),
        verdict: Verdict::Pass { code: Some(204) },
        transition: None,
        health: Health::Up,
        ..row(2, AT_MS + 1)
    };
    let silent = CheckRow { verdict: Verdict::Silent, health: Health::Unknown, ..passed.clone() };
    let rows = [row(1, AT_MS), passed, CheckRow { seq: 3, ..silent }];
    for row in &rows {
        first.record(kept(row.clone()));
    }
    drop(first);
    let second = open(dir.path());
    assert_eq!(second.first_seq(), 4);
    assert_eq!(everything(&second.reader()), rows);
    assert_eq!(second.status().oldest_ms, Some(AT_MS));
    assert!((1..1 << 20).contains(&second.status().bytes));
}

#[test]
fn a_row_that_grows_stays_one_row_and_keeps_its_bytes() {
    let mut disk = Disk::new();
    let exchange = Arc::new(Exchange { sent: b"HEAD /".into(), received: b"\0\xff".into(), received_bytes: 9_000 });
    disk.write(vec![Kept { exchange: Some(Arc::clone(&exchange)), ..kept(row(7, AT_MS)) }]);
    let grown = CheckRow { count: 9, last_ms: AT_MS + 60_000, latency_us_max: 9_999, ..row(7, AT_MS) };
    disk.write(vec![kept(grown.clone())]);
    assert_eq!(everything(&disk.reader()), [grown]);
    assert_eq!(disk.reader().exchange(7).expect("read"), Some(Exchange::clone(&exchange)));
    assert_eq!(disk.reader().exchange(8).expect("read"), None);
}

#[test]
fn l_13_what_a_filter_asks_for_is_looked_for_on_all_of_the_disk() {
    let mut disk = Disk::new();
    let day = 86_400_000;
    let rows = (1..=300_u64).map(|seq| {
        let passed = seq % 10 != 0;
        let verdict = if passed { Verdict::Pass { code: Some(200) } } else { row(seq, 0).verdict };
        let transition = (!passed).then_some(Health::Down);
        CheckRow { verdict, transition, ..row(seq, AT_MS + seq * day / 100) }
    });
    let rows: Vec<CheckRow> = rows.collect();
    disk.write(rows.iter().cloned().map(kept).collect());
    assert_eq!(disk.files().len(), 4);
    let filters = [
        LogFilter::default(),
        LogFilter { backend: "app-1".parse().ok(), ..LogFilter::default() },
        LogFilter { group: "none".parse().ok(), ..LogFilter::default() },
        LogFilter { only: LogLevel::Transitions, ..LogFilter::default() },
        LogFilter { reason: Some(Reason::Refused), backend: "app-2".parse().ok(), ..LogFilter::default() },
        LogFilter { text: Some("PASS 200".to_owned()), ..LogFilter::default() },
        LogFilter { since_ms: AT_MS + day, until_ms: Some(AT_MS + day + 7_200_000), ..LogFilter::default() },
        LogFilter { since_ms: AT_MS + 2 * day, backend: "app-0".parse().ok(), ..LogFilter::default() },
    ];
    for filter in filters {
        let mut expected: Vec<CheckRow> = rows.iter().filter(|row| filter.takes(row)).cloned().collect();
        let read = |before_seq, limit, order| disk.reader().rows(&filter, before_seq, limit, order).expect("read");
        assert_eq!(read(u64::MAX, 1_000, Order::Oldest), expected, "{filter:?}");
        assert_eq!(read(u64::MAX, 3, Order::Oldest), expected[..expected.len().min(3)], "{filter:?}");
        expected.reverse();
        // Page by page from the newest.
        let (mut before_seq, mut paged) = (u64::MAX, Vec::new());
        loop {
            let page = read(before_seq, 7, Order::Newest);
            let Some(last) = page.last() else { break };
            before_seq = last.seq;
            paged.extend(page);
        }
        assert_eq!(paged, expected, "{filter:?}");
    }
}

#[test]
fn the_rows_of_a_backend_are_found_through_the_index() {
    let disk = {
        let mut disk = Disk::new();
        disk.write(vec![kept(row(1, AT_MS))]);
        disk
    };
    let connection = rusqlite::Connection::open(disk.dir.path().join("2026-11-22.db")).expect("opens");
    let sql = format!("EXPLAIN QUERY PLAN {}", read::by_target_sql(Order::Newest));
    let mut plan = connection.prepare(&sql).expect("a statement");
    let steps = plan.query_map([1, 2, 3, 4], |row| row.get::<_, String>(3)).expect("a plan");
    let steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
    assert!(steps[0].contains("SEARCH rows USING INDEX row_by_target (target=? AND first>? AND first<?)"), "{steps:?}");
}

#[test]
fn a_damaged_day_goes_aside_and_the_others_stay() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = dir.path().join(FOLDER);
    let day = 86_400_000;
    let first = open(dir.path());
    first.record(kept(row(1, AT_MS)));
    first.record(kept(row(2, AT_MS + day)));
    drop(first);
    std::fs::write(folder.join("2026-11-23.db"), b"no database at all").expect("written");
    let second = open(dir.path());
    assert_eq!(names(&folder), ["2026-11-22.db", "2026-11-23.db.damaged"]);
    assert_eq!(second.status().failed_total, 1);
    assert!(second.status().failure.is_some_and(|said| said.contains("2026-11-23.db is damaged")));
    assert_eq!(everything(&second.reader()), [row(1, AT_MS)]);
    second.record(kept(row(2, AT_MS + day + 1)));
    until(|| second.status().failure.is_none());
    assert_eq!(everything(&second.reader()), [row(1, AT_MS), row(2, AT_MS + day + 1)]);
}

#[test]
fn a_day_that_a_reader_finds_damaged_is_looked_at_and_goes_aside() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = dir.path().join(FOLDER);
    let day = 86_400_000;
    let recorder = open(dir.path());
    recorder.record(kept(row(1, AT_MS)));
    recorder.record(kept(row(2, AT_MS + day)));
    until(|| recorder.status().waiting == 0);
    let path = folder.join("2026-11-22.db");
    let old = rusqlite::Connection::open(&path).expect("opens");
    old.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("done");
    drop(old);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[4_096..].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    assert_eq!(everything(&recorder.reader()), [row(2, AT_MS + day)]);
    until(|| names(&folder) == ["2026-11-22.db.damaged", "2026-11-23.db"]);
    assert_eq!(recorder.status().failed_total, 1);
}

#[test]
fn a_disk_that_stands_still_costs_rows_but_no_time_and_writing_goes_on_by_itself() {
    let dir = tempfile::tempdir().expect("dir");
    let recorder = open(dir.path());
    recorder.record(kept(row(1, AT_MS)));
    until(|| recorder.status().waiting == 0);
    let held = rusqlite::Connection::open(dir.path().join("health/2026-11-22.db")).expect("opens");
    held.execute_batch("BEGIN IMMEDIATE").expect("held");
    // More than may wait in the queue and at the thread together.
    let many = 2 * WAITING_MAX as u64 + 2_000;
    let made: Vec<Kept> = (2..2 + many).map(|seq| kept(row(seq, AT_MS))).collect();
    let begun = Instant::now();
    for kept in made {
        recorder.record(kept);
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "it waited: {:?}", begun.elapsed());
    until(|| recorder.status().failed_total > 0 && recorder.status().lost_total >= 2_000);
    assert!(recorder.status().failure.is_some_and(|said| said.contains("locked")));
    drop(held);
    until(|| recorder.status().waiting == 0);
    let status = recorder.status();
    assert_eq!(status.failure, None);
    assert_eq!(everything(&recorder.reader()).len() as u64, 1 + many - status.lost_total);
}

#[test]
fn a_disk_that_refuses_is_counted_and_what_waits_is_written_later() {
    let dir = tempfile::tempdir().expect("dir");
    let recorder = open(dir.path());
    let in_the_way = dir.path().join("health/2026-11-22.db");
    std::fs::create_dir_all(&in_the_way).expect("made");
    recorder.record(kept(row(1, AT_MS)));
    until(|| recorder.status().failed_total > 0);
    assert_eq!((recorder.status().waiting, recorder.status().lost_total), (1, 0));
    std::fs::remove_dir(&in_the_way).expect("removed");
    until(|| recorder.status().waiting == 0);
    assert_eq!(recorder.status().failure, None);
    assert_eq!(everything(&recorder.reader()), [row(1, AT_MS)]);
}

/// Takes the place of a file so that whoever opens it for writing waits: a disk that stands still.
fn stands_still(path: &Path) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("made");
}

/// Lets those go on who wait for it.
fn goes_on(path: &Path) {
    let other_end = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("opens");
    std::fs::remove_file(path).expect("removed");
    drop(other_end);
}

#[test]
fn a_disk_that_does_not_answer_at_all_is_told_and_costs_rows_but_no_time() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("health/2026-11-22.db");
    stands_still(&path);
    let recorder = open(dir.path());
    recorder.record(kept(row(1, AT_MS)));
    until(|| recorder.status().failure.is_some());
    let status = recorder.status();
    assert!(status.failure.is_some_and(|said| said.starts_with("the disk has not answered since 20")));
    assert_eq!((status.failed_total, status.lost_total), (0, 0), "nothing has failed yet");
    assert!(
        recorder.reader().rows(&LogFilter::default(), u64::MAX, 9, Order::Newest).is_ok_and(|rows| rows.is_empty())
    );
    // The thread takes nothing while it waits: what the queue does not hold is lost.
    let many = WAITING_MAX as u64 + 500;
    let made: Vec<Kept> = (2..2 + many).map(|seq| kept(row(seq, AT_MS))).collect();
    let begun = Instant::now();
    for kept in made {
        recorder.record(kept);
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "it waited: {:?}", begun.elapsed());
    assert_eq!((recorder.status().lost_total, recorder.status().waiting), (500, 1 + WAITING_MAX as u64));
    goes_on(&path);
    until(|| recorder.status().waiting == 0 && recorder.status().failure.is_none());
    assert_eq!(everything(&recorder.reader()).len() as u64, 1 + many - recorder.status().lost_total);
}

#[test]
fn a_stop_does_not_wait_for_a_disk_that_stands_still() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("health/2026-11-22.db");
    stands_still(&path);
    let recorder = open(dir.path());
    recorder.record(kept(row(1, AT_MS)));
    let begun = Instant::now();
    drop(recorder);
    assert!(begun.elapsed() < 2 * CLOSE_WAIT, "it waited: {:?}", begun.elapsed());
    goes_on(&path);
}

#[test]
fn a_database_of_somebody_else_goes_aside_as_it_is() {
    let dir = tempfile::tempdir().expect("dir");
    let folder = dir.path().join(FOLDER);
    std::fs::create_dir_all(&folder).expect("made");
    let foreign = rusqlite::Connection::open(folder.join("2026-11-22.db")).expect("opens");
    foreign.execute_batch("CREATE TABLE accounts (name TEXT); INSERT INTO accounts VALUES ('a')").expect("written");
    drop(foreign);
    let before = std::fs::read(folder.join("2026-11-22.db")).expect("read");
    let recorder = open(dir.path());
    assert_eq!(names(&folder), ["2026-11-22.db.damaged"]);
    assert_eq!(std::fs::read(folder.join("2026-11-22.db.damaged")).expect("read"), before);
    let said = recorder.status().failure.expect("it is told");
    assert!(said.contains("was moved aside") && said.contains("no health log of this version"), "{said}");
    recorder.record(kept(row(1, AT_MS)));
    until(|| recorder.status().waiting == 0);
    assert_eq!(everything(&recorder.reader()), [row(1, AT_MS)]);
}

#[test]
fn rows_that_cannot_be_seen_at_the_start_are_never_written_over() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("health/2026-11-22.db");
    let first = open(dir.path());
    first.record(kept(row(1, AT_MS)));
    drop(first);
    let hidden = dir.path().join("hidden");
    std::fs::rename(&path, &hidden).expect("moved");
    std::fs::create_dir(&path).expect("made");
    let second = open(dir.path());
    let next = second.first_seq();
    assert!(next > 1_000_000, "{next}");
    std::fs::remove_dir(&path).expect("removed");
    std::fs::rename(&hidden, &path).expect("moved back");
    second.record(kept(row(next, AT_MS + 60_000)));
    until(|| second.status().waiting == 0);
    assert_eq!(everything(&second.reader()), [row(1, AT_MS), row(next, AT_MS + 60_000)]);
    drop(second);
    assert_eq!(open(dir.path()).first_seq(), next + 1);
}
