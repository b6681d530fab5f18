//! A moment has three forms; a time of the day is the last one that was.

use super::super::fixture::AT_MS;
use super::*;

/// What a text means at 2026-11-22T14:02:08.122Z.
fn at(text: &str) -> u64 {
    when(text).unwrap_or_else(|error| panic!("{text}: {error}")).at_ms(AT_MS)
}

#[test]
fn a_moment_is_so_long_ago_a_time_of_the_day_or_a_date() {
    assert_eq!(at("2h"), AT_MS - 7_200_000);
    assert_eq!(at("2d"), AT_MS - 2 * DAY_MS);
    assert_eq!(at("14:02"), AT_MS - 8_122);
    assert_eq!(at("14:02:08"), AT_MS - 122);
    assert_eq!(at("14:03"), AT_MS - 8_122 + 60_000 - DAY_MS, "that was yesterday");
    for date in ["2026-11-22T14:02:05Z", "2026-11-22T14:02:05", "2026-11-22T15:02:05+01:00", "2026-11-22 14:02:05"] {
        assert_eq!(at(date), AT_MS - 3_122, "{date}");
    }
}

#[test]
fn what_is_none_of_them_is_refused_with_the_forms() {
    for text in ["", "x", "24:00", "14:60", "1:2:3:4", "14:+2", "2026-11-22T25:00:00Z", "5"] {
        assert!(when(text).is_err_and(|said| said.contains("14:02:05")), "{text}");
    }
}

#[test]
fn what_was_cannot_be_ahead() {
    assert_eq!(past_ms("--at", When::Ago(Duration::ZERO), 5_000).expect("now"), 5_000);
    let refused = past_ms("--at", When::At(5_001), 5_000).expect_err("ahead");
    assert_eq!(refused.exit, Exit::Usage);
    assert_eq!(
        refused.message,
        "--at is ahead: it is 1970-01-01T00:00:05.000Z now, and 1970-01-01T00:00:05.001Z was asked for"
    );
}
