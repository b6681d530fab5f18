//! A filter takes what it names and nothing else; each part narrows.

use super::*;
use crate::model::CheckProtocol;
use crate::status::{Health, Phase, Reason};

fn row(verdict: Verdict, transition: Option<Health>) -> CheckRow {
    CheckRow {
        seq: 1,
        group: "app".parse().expect("a name"),
        backend: "app-1".parse().expect("a name"),
        address: "10.0.0.1:80".parse().expect("an address"),
        protocol: CheckProtocol::Tcp,
        verdict,
        count: 3,
        first_ms: 1_000,
        last_ms: 5_000,
        latency_us_min: 1,
        latency_us_mean: 2,
        latency_us_max: 3,
        streak: 3,
        threshold: 3,
        transition,
        health: transition.unwrap_or_default(),
    }
}

fn refused() -> CheckRow {
    row(Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None }, Some(Health::Down))
}

#[test]
fn a_row_that_reaches_into_the_time_is_taken() {
    let between = |since_ms, until_ms| LogFilter { since_ms, until_ms, ..LogFilter::default() }.takes(&refused());
    assert!(between(0, None) && between(5_000, None) && between(2_000, Some(3_000)) && between(0, Some(1_000)));
    assert!(!between(5_001, None) && !between(0, Some(999)));
}

#[test]
fn outcome_reason_and_level_narrow() {
    let filters = [
        (LogFilter { outcome: Some(Outcome::Fail), ..LogFilter::default() }, true, false),
        (LogFilter { outcome: Some(Outcome::Pass), ..LogFilter::default() }, false, true),
        (LogFilter { reason: Some(Reason::Refused), ..LogFilter::default() }, true, false),
        (LogFilter { reason: Some(Reason::Timeout), ..LogFilter::default() }, false, false),
        (LogFilter { only: LogLevel::Transitions, ..LogFilter::default() }, true, false),
        (LogFilter { only: LogLevel::Failures, ..LogFilter::default() }, true, false),
    ];
    let passed = row(Verdict::Pass { code: Some(200) }, None);
    for (filter, failure, pass) in filters {
        assert_eq!((filter.takes(&refused()), filter.takes(&passed)), (failure, pass), "{filter:?}");
    }
}

#[test]
fn a_text_is_looked_for_in_the_whole_line_in_whatever_case() {
    let has = |text: &str| LogFilter { text: Some(text.to_owned()), ..LogFilter::default() }.takes(&refused());
    for text in ["APP/app-1", "tcp 10.0.0", "Refused", "-> down", ""] {
        assert!(has(text), "{text}");
    }
    assert!(!has("timeout"));
}
