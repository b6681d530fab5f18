//! What must hold of the health log: nothing counted twice or lost, bounded, in order, and every
//! moment can be told from its rows.

use poise_ipc::limits::CHECK_ROWS_REPLY_MAX;
use poise_ipc::message::LogQuery;
use poise_ipc::status::{Phase, Reason};
use proptest::prelude::*;

use super::*;
use crate::recorder::tests::{Disk, nothing};

const PASS: Verdict = Verdict::Pass { code: Some(200) };
const FAIL: Verdict = Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };
const RUN_MS_MAX: u64 = 60_000;
const GAP_MS_MAX: u64 = 25_000;

fn log(rows_max: usize) -> CheckLog {
    CheckLog::new(rows_max, RUN_MS_MAX, 1)
}

fn sample(backend: u64, at_ms: u64, verdict: Verdict) -> Sample {
    Sample {
        backend: BackendId(backend),
        path: format!("app/app-{backend}").parse().expect("a path"),
        address: Address::Ip(([10, 0, 0, 1], 80).into()),
        protocol: CheckProtocol::Http,
        at_ms,
        verdict,
        latency_us: 100 + at_ms % 7,
        streak: 1,
        threshold: 3,
        transition: None,
        health: Health::Unknown,
        exchange: None,
        gap_ms_max: GAP_MS_MAX,
        keep: HealthLog::All,
    }
}

/// The answer to a query by memory alone.
fn query_of(log: &CheckLog, query: &LogQuery) -> Vec<CheckRow> {
    let newest = (query.before_seq.unwrap_or(u64::MAX), query.limit as usize);
    log.question(&query.filter, Some(newest), nothing()).logs(query).expect("nothing is read")
}

fn all(log: &CheckLog) -> Vec<CheckRow> {
    query_of(log, &LogQuery { limit: CHECK_ROWS_REPLY_MAX, ..LogQuery::default() })
}

#[test]
fn equal_verdicts_in_a_row_are_one_row_that_keeps_its_number() {
    let mut log = log(10);
    log.record(sample(1, 1_000, PASS));
    log.record(sample(2, 1_500, PASS));
    let row = log.record(sample(1, 3_000, PASS));
    assert_eq!((row.seq, row.count, row.first_ms, row.last_ms), (1, 2, 1_000, 3_000));
    assert_eq!((row.latency_us_min, row.latency_us_mean, row.latency_us_max), (104, 105, 106));
    assert_eq!(all(&log).len(), 2);
}

#[test]
fn another_verdict_or_address_begins_a_row() {
    let mut log = log(10);
    log.record(sample(1, 1, PASS));
    log.record(sample(1, 2, FAIL));
    log.record(Sample { address: Address::Ip(([10, 0, 0, 9], 80).into()), ..sample(1, 3, FAIL) });
    assert_eq!(all(&log).iter().map(|row| row.count).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_transition_is_the_last_verdict_of_its_row() {
    let mut log = log(10);
    log.record(sample(1, 1, FAIL));
    let row = log.record(Sample { transition: Some(Health::Down), ..sample(1, 2, FAIL) });
    assert_eq!((row.count, row.transition), (2, Some(Health::Down)));
    let next = log.record(sample(1, 3, FAIL));
    assert_eq!((next.seq, next.count, next.transition), (2, 1, None));
}

#[test]
fn a_row_covers_a_minute_at_the_most() {
    let mut log = log(10);
    for at in (0..RUN_MS_MAX).step_by(5_000) {
        assert_eq!(log.record(sample(1, at, PASS)).seq, 1);
    }
    assert_eq!(log.record(sample(1, RUN_MS_MAX, PASS)).seq, 2);
}

#[test]
fn a_missing_probe_ends_a_row_and_so_does_midnight() {
    let mut log = log(10);
    log.record(sample(1, 0, PASS));
    assert_eq!(log.record(sample(1, GAP_MS_MAX, PASS)).seq, 1);
    assert_eq!(log.record(sample(1, 2 * GAP_MS_MAX + 1, PASS)).seq, 2);
    let midnight = 86_400_000;
    log.record(sample(2, midnight - 1, PASS));
    assert_eq!(log.record(sample(2, midnight, PASS)).seq, 4);
    // A clock that is set back is no cadence either.
    assert_eq!(log.record(sample(2, midnight - 1, PASS)).seq, 5);
}

/// The number and count of each row that is due.
fn due(log: &mut CheckLog) -> Vec<(u64, u32)> {
    log.take_due().iter().map(|kept| (kept.row.seq, kept.row.count)).collect()
}

#[test]
fn a_row_is_due_when_it_is_new_when_it_has_grown_for_a_while_and_when_it_ends() {
    let mut log = log(10);
    log.record(sample(1, 0, PASS));
    assert_eq!(due(&mut log), [(1, 1)]);
    log.record(sample(1, DUE_MS - 1, PASS));
    assert_eq!(due(&mut log), []);
    log.record(sample(1, DUE_MS, PASS));
    assert_eq!(due(&mut log), [(1, 3)]);
    log.record(sample(1, DUE_MS + 1, PASS));
    log.record(sample(1, DUE_MS + 2, FAIL));
    assert_eq!(due(&mut log), [(1, 4), (2, 1)]);
    log.record(sample(1, DUE_MS + 3, FAIL));
    log.close_all();
    assert_eq!(due(&mut log), [(2, 2)]);
}

#[test]
fn a_row_that_memory_has_no_room_for_is_due_before_it_goes() {
    let mut log = log(1);
    log.record(sample(1, 0, PASS));
    log.record(sample(1, 1, PASS));
    assert_eq!(due(&mut log), [(1, 1)]);
    log.record(sample(2, 2, PASS));
    assert_eq!(due(&mut log), [(1, 2), (2, 1)]);
}

#[test]
fn s_61_a_group_may_keep_failures_or_transitions_only() {
    for (keep, expected) in [
        (HealthLog::All, vec![(1, 1), (2, 1), (2, 2), (3, 1)]),
        (HealthLog::Failures, vec![(2, 1), (2, 2)]),
        (HealthLog::Transitions, vec![(2, 2)]),
    ] {
        let mut log = log(10);
        log.record(Sample { keep, ..sample(1, 0, PASS) });
        log.record(Sample { keep, ..sample(1, 1, FAIL) });
        log.record(Sample { keep, transition: Some(Health::Down), ..sample(1, 2, FAIL) });
        log.record(Sample { keep, ..sample(1, 3, PASS) });
        assert_eq!(due(&mut log), expected, "{keep:?}");
        // What comes is still told to those who follow.
        assert_eq!(all(&log).len(), 3);
    }
}

#[test]
fn a_transition_has_the_bytes_of_the_last_probe_that_brought_any() {
    let bytes = |text: &str| Some(Box::new(Exchange { received: text.into(), ..Exchange::default() }));
    let mut log = log(10);
    log.record(Sample { exchange: bytes("503"), ..sample(1, 0, FAIL) });
    log.record(Sample { exchange: bytes("200"), ..sample(1, 1, PASS) });
    log.record(Sample { transition: Some(Health::Up), ..sample(1, 2, PASS) });
    log.record(Sample { transition: Some(Health::Down), ..sample(1, 3, FAIL) });
    let due = log.take_due();
    let received: Vec<_> = due.iter().map(|kept| kept.exchange.as_deref().map(|bytes| &bytes.received[..])).collect();
    assert_eq!(received, [None, None, Some(&b"200"[..]), None]);
    assert_eq!(log.turned(BackendId(1)), None, "those of the transition before it would be wrong");
}

#[test]
fn a_full_log_drops_the_oldest() {
    let mut log = log(3);
    for at in 0..5 {
        log.record(sample(at, at, PASS));
    }
    assert_eq!(all(&log).iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4, 5]);
    // The open row of backend 0 is gone: its next verdict begins a new one.
    assert_eq!(log.record(sample(0, 6, PASS)).seq, 6);
}

#[test]
fn a_query_pages_backwards_and_filters() {
    let mut log = log(100);
    for at in 0..10 {
        log.record(sample(at % 2, at * 10, if at % 4 < 2 { PASS } else { FAIL }));
    }
    let seqs = |query: LogQuery| query_of(&log, &query).iter().map(|row| row.seq).collect::<Vec<_>>();
    let newest = LogQuery { limit: 2, ..LogQuery::default() };
    assert_eq!(seqs(newest.clone()), [9, 10]);
    assert_eq!(seqs(LogQuery { before_seq: Some(9), ..newest.clone() }), [7, 8]);
    assert_eq!(seqs(LogQuery { before_seq: Some(1), ..newest }), [0_u64; 0]);
    let filter = |filter| LogQuery { limit: 100, filter, before_seq: None };
    let failures = LogFilter { only: LogLevel::Failures, ..LogFilter::default() };
    assert_eq!(seqs(filter(failures)), [3, 4, 7, 8]);
    let late = LogFilter { since_ms: 75, ..LogFilter::default() };
    assert_eq!(seqs(filter(late)), [9, 10]);
    let one = LogFilter { backend: "app-1".parse().ok(), only: LogLevel::Transitions, ..LogFilter::default() };
    assert_eq!(seqs(filter(one)), [0_u64; 0]);
}

proptest! {
    #[test]
    fn no_verdict_is_lost_or_counted_twice_while_the_log_has_room(
        steps in proptest::collection::vec((0_u64..4, 1_u64..20_000, any::<bool>(), any::<bool>()), 0..200),
    ) {
        let mut log = log(1_000);
        let mut now = 0;
        for &(backend, later, passed, turned) in &steps {
            now += later;
            let transition = turned.then_some(Health::Up);
            log.record(Sample { transition, ..sample(backend, now, if passed { PASS } else { FAIL }) });
        }
        let rows = all(&log);
        prop_assert_eq!(rows.iter().map(|row| row.count as usize).sum::<usize>(), steps.len());
        prop_assert!(rows.iter().all(|row| row.last_ms - row.first_ms < RUN_MS_MAX));
        prop_assert!(rows.is_sorted_by_key(|row| row.first_ms));
        prop_assert!(rows.is_sorted_by_key(|row| row.seq));
    }
}

/// What a test knows of a probe.
#[derive(Clone, Debug)]
struct Seen {
    backend: u64,
    at_ms: u64,
    verdict: Verdict,
    health: Health,
}

/// Probes of three backends with a machine that turns at once: backend, time since the last probe, and
/// which verdict.
fn probes(steps: &[(u64, u64, u8)]) -> Vec<Seen> {
    let mut now = 86_000_000;
    let seen = steps.iter().map(|&(backend, later, verdict)| {
        now += later;
        let (verdict, health) = match verdict {
            0..5 => (PASS, Health::Up),
            5 => (Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) }, Health::Down),
            _ => (FAIL, Health::Down),
        };
        Seen { backend, at_ms: now, verdict, health }
    });
    seen.collect()
}

/// The verdict that stood at a moment, by rows of a backend in order: none where a probe was missing.
fn verdict_at(rows: &[CheckRow], at_ms: u64) -> Option<Verdict> {
    let row = rows.iter().rev().find(|row| row.first_ms <= at_ms)?;
    (at_ms - row.last_ms.min(at_ms) <= GAP_MS_MAX).then(|| row.verdict.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_moment_can_be_told_from_memory_and_disk(
        steps in proptest::collection::vec((0_u64..3, prop_oneof![6 => 1_u64..9_000, 1 => 9_000_u64..200_000], 0_u8..7), 1..90),
        rows_max in 1_usize..40,
    ) {
        let seen = probes(&steps);
        let (mut log, mut disk) = (log(rows_max), Disk::new());
        let mut health = HashMap::new();
        for seen in &seen {
            let before = health.insert(seen.backend, seen.health).unwrap_or_default();
            let transition = (before != seen.health).then_some(seen.health);
            let sample = sample(seen.backend, seen.at_ms, seen.verdict.clone());
            log.record(Sample { transition, health: seen.health, ..sample });
            disk.write(log.take_due());
        }
        for backend in 0..3 {
            let of: Vec<&Seen> = seen.iter().filter(|seen| seen.backend == backend).collect();
            let path: BackendPath = format!("app/app-{backend}").parse().expect("a path");
            let filter = LogFilter { group: Some(path.group.clone()), backend: Some(path.backend.clone()), ..LogFilter::default() };
            let question = log.question(&filter, None, disk.reader());
            let rows = question.logs(&LogQuery { filter, limit: CHECK_ROWS_REPLY_MAX, before_seq: None }).expect("read");
            prop_assert_eq!(rows.iter().map(|row| row.count as usize).sum::<usize>(), of.len());
            prop_assert!(rows.is_sorted_by_key(|row| row.seq));
            for probe in &of {
                for at_ms in [probe.at_ms - 1, probe.at_ms, probe.at_ms + 1, probe.at_ms + GAP_MS_MAX + 1] {
                    let last = of.iter().rev().find(|seen| seen.at_ms <= at_ms);
                    let stood = last.filter(|seen| at_ms - seen.at_ms <= GAP_MS_MAX).map(|seen| seen.verdict.clone());
                    prop_assert_eq!(verdict_at(&rows, at_ms), stood);
                }
            }
            // The question is as dear as it gets with several looks at the disk: some moments are enough.
            for probe in of.iter().step_by(7) {
                for at_ms in [probe.at_ms - 1, probe.at_ms, probe.at_ms + 1] {
                    let last = of.iter().rev().find(|seen| seen.at_ms <= at_ms);
                    let why = question.why(&path, at_ms).expect("read");
                    prop_assert_eq!(why.health, last.map_or(Health::Unknown, |seen| seen.health));
                    let turned = why.transition.map(|row| row.last_ms);
                    let of_health = of.iter().rev().skip_while(|seen| seen.at_ms > at_ms);
                    let begun = of_health.take_while(|seen| seen.health == why.health).last().map(|seen| seen.at_ms);
                    prop_assert_eq!(turned, begun);
                    let ended = of.iter().find(|seen| seen.at_ms > at_ms && seen.health != why.health);
                    prop_assert_eq!(why.ended.map(|row| row.last_ms), ended.map(|seen| seen.at_ms));
                }
            }
        }
    }
}
