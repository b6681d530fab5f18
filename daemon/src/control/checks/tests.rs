//! What must hold of the health log: nothing counted twice or lost, bounded, in order.

use poise_ipc::status::{Phase, Reason};
use proptest::prelude::*;

use super::*;

const PASS: Verdict = Verdict::Pass { code: Some(200) };
const FAIL: Verdict = Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };

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
    }
}

fn all(log: &CheckLog) -> Vec<CheckRow> {
    log.query(&LogQuery { limit: CHECK_ROWS_REPLY_MAX, ..LogQuery::default() })
}

#[test]
fn equal_verdicts_in_a_row_are_one_row_that_keeps_its_number() {
    let mut log = CheckLog::new(10);
    log.record(sample(1, 1_000, PASS));
    log.record(sample(2, 1_500, PASS));
    let row = log.record(sample(1, 3_000, PASS));
    assert_eq!((row.seq, row.count, row.first_ms, row.last_ms), (1, 2, 1_000, 3_000));
    assert_eq!((row.latency_us_min, row.latency_us_mean, row.latency_us_max), (104, 105, 106));
    assert_eq!(all(&log).len(), 2);
}

#[test]
fn another_verdict_or_address_begins_a_row() {
    let mut log = CheckLog::new(10);
    log.record(sample(1, 1, PASS));
    log.record(sample(1, 2, FAIL));
    log.record(Sample { address: Address::Ip(([10, 0, 0, 9], 80).into()), ..sample(1, 3, FAIL) });
    assert_eq!(all(&log).iter().map(|row| row.count).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_transition_is_the_last_verdict_of_its_row() {
    let mut log = CheckLog::new(10);
    log.record(sample(1, 1, FAIL));
    let row = log.record(Sample { transition: Some(Health::Down), ..sample(1, 2, FAIL) });
    assert_eq!((row.count, row.transition), (2, Some(Health::Down)));
    let next = log.record(sample(1, 3, FAIL));
    assert_eq!((next.seq, next.count, next.transition), (2, 1, None));
}

#[test]
fn a_row_covers_a_minute_at_the_most() {
    let mut log = CheckLog::new(10);
    log.record(sample(1, 0, PASS));
    assert_eq!(log.record(sample(1, RUN_MS_MAX - 1, PASS)).seq, 1);
    assert_eq!(log.record(sample(1, RUN_MS_MAX, PASS)).seq, 2);
}

#[test]
fn a_full_log_drops_the_oldest_and_counts_them() {
    let mut log = CheckLog::new(3);
    for at in 0..5 {
        log.record(sample(at, at, PASS));
    }
    assert_eq!(all(&log).iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(log.lost_total(), 2);
    // The open row of backend 0 is gone: its next verdict begins a new one.
    assert_eq!(log.record(sample(0, 6, PASS)).seq, 6);
}

#[test]
fn a_query_pages_backwards_and_filters() {
    let mut log = CheckLog::new(100);
    for at in 0..10 {
        log.record(sample(at % 2, at * 10, if at % 4 < 2 { PASS } else { FAIL }));
    }
    let seqs = |query: LogQuery| log.query(&query).iter().map(|row| row.seq).collect::<Vec<_>>();
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
        let mut log = CheckLog::new(1_000);
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
