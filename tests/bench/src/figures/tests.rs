//! Medians, spreads and ratios against values worked out by hand.

use super::{Spread, paired_ratios, spread};

#[test]
fn the_median_of_an_odd_number_is_the_middle_one() {
    assert_eq!(spread(&[9.0, 1.0, 4.0]), Some(Spread { median: 4.0, min: 1.0, max: 9.0 }));
}

#[test]
fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
    assert_eq!(spread(&[8.0, 1.0, 4.0, 2.0]), Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
}

#[test]
fn nothing_measured_has_no_median() {
    assert_eq!(spread(&[]), None);
    assert_eq!(spread(&[f64::NAN, f64::INFINITY]), None);
}

#[test]
fn ratios_pair_the_rounds_that_both_have() {
    let own = [(1, 6.0), (2, 8.0), (4, 100.0)];
    let base = [(2, 4.0), (1, 2.0), (3, 1.0)];
    assert_eq!(paired_ratios(&own, &base), vec![3.0, 2.0]);
}

#[test]
fn a_base_of_nothing_gives_no_ratio() {
    assert!(paired_ratios(&[(1, 6.0)], &[(1, 0.0)]).is_empty());
}
