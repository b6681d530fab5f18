//! The log holds still where one looks.

use poise_ipc::status::CheckRow;
use proptest::prelude::*;

use super::{Log, Look, Row};
use crate::console::fixture::check_row;
use crate::console::state::filter::Filter;

fn log(rows: u64) -> Log {
    let mut log = Log::default();
    for seq in 1..=rows {
        log.take(check_row(seq, "app-1", seq % 5 != 0, 1));
    }
    log
}

#[test]
fn following_shows_the_newest_rows() {
    let log = log(50);
    assert_eq!(log.page(3).iter().map(|row| row.seq).collect::<Vec<_>>(), [48, 49, 50]);
}

#[test]
fn memory_is_bounded_and_the_oldest_rows_go_first() {
    let log = log(CheckRow::ROWS_MAX as u64 + 10);
    assert_eq!(log.len(), CheckRow::ROWS_MAX);
    assert_eq!(log.page(CheckRow::ROWS_MAX).first().unwrap().seq, 11);
}

#[test]
fn a_row_that_grows_stays_where_it_is() {
    let mut log = log(5);
    log.take(check_row(2, "app-1", true, 9));
    assert_eq!(
        log.page(5).iter().map(|row| (row.seq, row.count)).collect::<Vec<_>>(),
        [(1, 1), (2, 9), (3, 1), (4, 1), (5, 1)]
    );
}

#[test]
fn seeking_walks_failures_both_ways() {
    let mut log = log(20);
    let cursor = |log: &Log| match log.look {
        Look::Paused { cursor, .. } => cursor,
        Look::Follow => 0,
    };
    assert!(log.seek(false, 5, Row::is_failure) && cursor(&log) == 20);
    assert!(log.seek(false, 5, Row::is_failure) && cursor(&log) == 15);
    assert!(log.seek(true, 5, Row::is_failure) && cursor(&log) == 20);
    assert!(!log.seek(true, 5, Row::is_failure) && cursor(&log) == 20);
}

#[test]
fn a_filter_and_failures_only_narrow_what_is_shown() {
    let mut log = log(20);
    log.failures_only = true;
    assert_eq!(log.shown_count(), 4);
    log.filter = Filter::new("app-2");
    assert_eq!(log.shown_count(), 0);
}

proptest! {
    #[test]
    fn the_cursor_is_always_on_the_page(moves in prop::collection::vec(-30isize..30, 1..40), height in 1usize..20, more in 0u64..40) {
        let mut log = log(60);
        for (at, delta) in (0u64..).zip(moves) {
            log.move_by(delta, height);
            let before: Vec<u64> = log.page(height).iter().map(|row| row.seq).collect();
            if let Look::Paused { cursor, .. } = log.look {
                prop_assert!(before.contains(&cursor), "{} not in {:?}", cursor, before);
                for seq in 0..more {
                    log.take(check_row(61 + at * 40 + seq, "app-1", true, 1));
                }
                let after: Vec<u64> = log.page(height).iter().map(|row| row.seq).collect();
                prop_assert_eq!(&after[..before.len()], &before[..], "nothing moves under the eye");
            }
        }
    }
}
