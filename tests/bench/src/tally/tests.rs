//! The line between load and conductor.

use std::time::Duration;

use super::{Failure, Tally};

fn sample() -> Tally {
    let mut tally = Tally { units: 7, ..Tally::default() };
    tally.fail(Failure::Refused, 2);
    tally.fail(Failure::Lost, 5);
    tally.took(Duration::from_millis(3))
}

#[test]
fn a_line_reads_back_as_what_was_counted() {
    assert_eq!(Tally::parse(&sample().line()), Some(sample()));
    let counts = "refused=2 reset=0 short=0 wrong=0 lost=5 full=0 p50_ns=0 p99_ns=0";
    assert_eq!(sample().line(), format!("units=7 elapsed_ns=3000000 {counts}"));
}

#[test]
fn a_line_that_is_not_whole_is_not_a_tally() {
    assert_eq!(Tally::parse(""), None);
    assert_eq!(Tally::parse("units=7"), None);
    assert_eq!(Tally::parse(&sample().line().replace("wrong", "odd")), None);
    assert_eq!(Tally::parse(&sample().line().replace("units=7", "units=x")), None);
}

#[test]
fn tallies_add_up() {
    let mut sum = sample();
    sum.add(&sample());
    assert_eq!((sum.units, sum.failures_total(), sum.failures[4]), (14, 14, 10));
}

#[test]
fn percentiles_are_those_of_the_sorted_latencies() {
    let tally = sample().with_latencies((1..=1_000).rev().collect());
    assert_eq!(tally.latency_ns, [501, 991]);
    assert_eq!(sample().with_latencies(vec![7]).latency_ns, [7, 7]);
    assert_eq!(sample().with_latencies(Vec::new()).latency_ns, [0, 0]);
}
