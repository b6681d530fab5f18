//! Rows are asked for as the options say, and followed without repeating what was shown.

use super::super::fixture::{AT_MS, args, check_row};
use super::*;

#[test]
fn options_become_the_filter_of_the_daemon() {
    let none = filter(&args::<Args>(&[]).unwrap(), AT_MS).unwrap();
    assert_eq!((none.group, none.backend, none.only, none.since_ms), (None, None, LogLevel::All, 0));
    let words = ["--backend", "app/app-1", "--since", "2h", "--only", "transitions"];
    let some = filter(&args::<Args>(&words).unwrap(), AT_MS).unwrap();
    assert_eq!(some.group.unwrap().as_str(), "app");
    assert_eq!(some.backend.unwrap().as_str(), "app-1");
    assert_eq!(some.only, LogLevel::Transitions);
    assert_eq!(some.since_ms, AT_MS - 7_200_000);
    let words = ["--until", "14:02", "--outcome", "fail", "--reason", "unknown-issuer", "--grep", "10.0."];
    let narrow = filter(&args::<Args>(&words).unwrap(), AT_MS).unwrap();
    assert_eq!((narrow.until_ms, narrow.outcome), (Some(AT_MS - 8_122), Some(Outcome::Fail)));
    assert_eq!((narrow.reason, narrow.text.as_deref()), (Some(Reason::UnknownIssuer), Some("10.0.")));
    assert!(args::<Args>(&["--reason", "weather"]).is_err());
}

#[test]
fn a_row_says_what_was_checked_what_came_of_it_and_how_often() {
    assert_eq!(
        Stream::new(Format::Table).begin(&[check_row(7, 2)]),
        "\
LAST                      BACKEND    CHECK              VERDICT                 TIME  COUNT  STREAK  HEALTH
2026-11-22T14:02:08.122Z  app/app-2  tcp 10.0.0.2:8080  fail connect refused  250 us      2     3/3  -> down
"
    );
}

#[test]
fn json_lines_carry_the_verdict_flat_and_the_times_twice() {
    let line = Stream::new(Format::Jsonl).begin(&[check_row(7, 2)]);
    let row: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(row["schema_version"], 1);
    assert_eq!(row["backend"], "app-2");
    assert_eq!(row["passed"], false);
    assert_eq!(row["reason"], "refused");
    assert_eq!(row["at"], "2026-11-22T14:02:08.122Z");
    assert_eq!(row["last_ms"], AT_MS);
    assert_eq!((&row["transition"], &row["health"]), (&"down".into(), &"down".into()));
}

#[test]
fn a_stream_prints_rows_that_come_and_rows_that_grow_once() {
    let mut stream = Stream::new(Format::Jsonl);
    assert_eq!(stream.begin(&[check_row(7, 2)]).lines().count(), 1);
    assert_eq!(stream.next(&check_row(7, 2)), "", "it was there when the stream began");
    assert_eq!(stream.next(&check_row(7, 3)).lines().count(), 1);
    assert_eq!(stream.next(&check_row(8, 1)).lines().count(), 1);
}

#[test]
fn a_stream_has_no_end_so_json_is_lines() {
    assert_eq!(Stream::new(Format::Json).next(&check_row(1, 1)), Stream::new(Format::Jsonl).next(&check_row(1, 1)));
}

#[test]
fn times_in_which_nothing_can_be_are_refused() {
    let refused = |words: &[&str]| filter(&args::<Args>(words).unwrap(), AT_MS).expect_err("refused");
    let ahead = refused(&["--since", "2027-01-01T00:00:00Z"]);
    assert_eq!(ahead.exit, Exit::Usage);
    assert!(ahead.message.starts_with("--since is ahead"), "{}", ahead.message);
    let empty = refused(&["--since", "1m", "--until", "5m"]);
    assert_eq!(
        (empty.exit, empty.message.as_str()),
        (Exit::Usage, "--until is before --since: nothing can be between them")
    );
}

#[test]
fn what_the_rows_cannot_tell_is_said_beside_them() {
    let since = |since_ms| LogFilter { since_ms, ..LogFilter::default() };
    let well = RecorderStatus { oldest_ms: Some(AT_MS), ..RecorderStatus::default() };
    assert_eq!(gaps(&since(0), &well), Vec::<String>::new());
    assert_eq!(gaps(&since(AT_MS), &well), Vec::<String>::new());
    assert_eq!(gaps(&since(AT_MS - 1), &well), ["the health log begins 2026-11-22T14:02:08.122Z"]);
    let ill = RecorderStatus { failure: Some("database is full".to_owned()), lost_total: 7, ..well };
    let said = gaps(&since(0), &ill);
    assert_eq!(said, ["the health log is not written: database is full", "7 rows of the health log are lost"]);
}
