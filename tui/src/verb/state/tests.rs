//! Waiting for a drain counts what is in flight, and only on the backends that drain.

use std::time::Duration;

use poise_ipc::BackendPath;

use super::super::fixture::status;
use super::Busy;
use crate::exit::Exit;

fn paths() -> Vec<BackendPath> {
    vec!["app/app-1".parse().unwrap(), "app/app-2".parse().unwrap()]
}

#[test]
fn before_the_first_snapshot_everything_counts_as_busy() {
    assert_eq!(Busy::new(&paths()).total(), 2);
}

#[test]
fn the_wait_ends_when_nothing_is_in_flight() {
    let paths = paths();
    let mut busy = Busy::new(&paths);
    busy.snapshot(&status());
    assert_eq!(busy.total(), 2, "two requests are in flight on app-2");
    busy.moved(&"data".parse().unwrap(), &"app-2".parse().unwrap(), 9);
    assert_eq!(busy.total(), 2, "another group's backend of the same name does not count");
    busy.moved(&"app".parse().unwrap(), &"app-2".parse().unwrap(), 0);
    assert_eq!(busy.total(), 0);
}

#[test]
fn a_backend_that_was_removed_is_not_waited_for() {
    let paths = ["app/gone".parse().unwrap()];
    let mut busy = Busy::new(&paths);
    busy.snapshot(&status());
    assert_eq!(busy.total(), 0);
}

#[test]
fn a_wait_that_is_not_enough_names_what_is_busy() {
    let paths = paths();
    let mut busy = Busy::new(&paths);
    busy.snapshot(&status());
    let failure = busy.failure(Duration::from_secs(90));
    assert_eq!(failure.exit, Exit::TimedOut);
    assert_eq!(failure.message, "1 backend still busy after 1m 30s: app/app-2 (2)");
}
