//! What counts as drained, idle, up and down, and what is said when it does not come.

use super::super::fixture::{args, status};
use super::*;

fn backend(drain: Option<DrainStatus>) -> BackendStatus {
    let path = "app/app-2".parse().unwrap();
    BackendStatus { drain, ..find(&path, status()).unwrap() }
}

fn drain(open: u64, queued: u64, pinned: u64) -> DrainStatus {
    DrainStatus { since_ms: 1, deadline_ms: 2, open, queued, pinned, estimated_end_ms: None }
}

#[test]
fn drained_is_when_nothing_is_open_queued_or_bound() {
    for (left, holds) in
        [(drain(0, 0, 0), true), (drain(1, 0, 0), false), (drain(0, 1, 0), false), (drain(0, 0, 1), false)]
    {
        assert_eq!(Wanted::Drained.holds(&backend(Some(left))), holds);
    }
}

#[test]
fn a_disabled_backend_is_drained_when_nothing_is_open_and_an_enabled_one_never() {
    let mut disabled = BackendStatus { state: AdminState::Disabled, ..backend(None) };
    disabled.counters.connections_open = 0;
    assert!(Wanted::Drained.holds(&disabled));
    disabled.counters.connections_open = 1;
    assert!(!Wanted::Drained.holds(&disabled));
    let mut enabled = BackendStatus { state: AdminState::Enabled, ..backend(None) };
    enabled.counters.connections_open = 0;
    assert!(!Wanted::Drained.holds(&enabled));
}

#[test]
fn a_backend_that_is_not_there_is_not_waited_for() {
    let mut known = None;
    let path = "app/app-9".parse().unwrap();
    let failure = take(&path, EventBody::Snapshot(Box::new(status())), &mut known).unwrap_err();
    assert_eq!(failure.exit, Exit::NotFound);
    assert!(known.is_none());
}

#[test]
fn who_waits_in_vain_is_told_what_is_left() {
    let words: Args = args(&["app/app-2", "drained", "--timeout", "90s"]).unwrap();
    let failure = too_late(&words, words.timeout.unwrap(), Some(&backend(Some(drain(3, 1, 2)))));
    assert_eq!(failure.exit, Exit::TimedOut);
    assert_eq!(failure.message, "app/app-2 is not drained after 1m 30s: 3 open, 1 queued, 2 bound clients");
}
