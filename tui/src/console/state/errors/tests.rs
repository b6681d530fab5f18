//! A filter finds refused messages by everything that is shown of them.

use super::{Errors, who};
use crate::console::fixture::error_rows;
use crate::console::state::filter::Filter;

#[test]
fn a_filter_looks_at_listener_backend_cause_reason_and_peer() {
    let mut errors = Errors::default();
    for row in error_rows() {
        errors.take(row);
    }
    for (filter, found) in [
        ("app-4", vec![3]),
        ("response", vec![3]),
        ("host", vec![1]),
        ("state:bad-req", vec![1, 2]),
        ("192.0.2.7", vec![1, 2, 3]),
        ("offset>20", vec![2]),
        ("!bad-request", vec![3]),
        ("nothing-like-it", vec![]),
    ] {
        errors.filter = Filter::new(filter);
        assert_eq!(errors.page(9).iter().map(|row| row.seq).collect::<Vec<_>>(), found, "{filter}");
    }
}

#[test]
fn a_response_names_the_backend_that_gave_it() {
    let rows = error_rows();
    assert_eq!((who(&rows[0]).as_str(), who(&rows[2]).as_str()), ("api-80", "api-80 < app/app-4"));
}

#[test]
fn the_newest_is_selected_until_the_operator_moves() {
    let mut errors = Errors::default();
    assert!(errors.selected().is_none() && errors.newest() == 0);
    let rows = error_rows();
    errors.take(rows[0].clone());
    errors.take(rows[1].clone());
    assert_eq!(errors.selected().map(|row| row.seq), Some(2));
    errors.move_by(-1, 5);
    errors.take(rows[2].clone());
    assert_eq!((errors.selected().map(|row| row.seq), errors.new_count, errors.newest()), (Some(1), 1, 3));
}
