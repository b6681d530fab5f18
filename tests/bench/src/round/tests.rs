//! The order of rounds, and what a lane keeps of them.

use super::{Result, Sample, order};
use crate::tally::{Failure, Tally};

fn sample(units: u64) -> Sample {
    let mut tally = Tally { units, ..Tally::default() };
    tally.fail(Failure::Lost, 1);
    Sample { cost: 2.0, rate: 3.0, busy: 0.5, tally }
}

#[test]
fn the_order_turns_round_each_time() {
    assert_eq!(order(1, 3), [0, 1, 2]);
    assert_eq!(order(2, 3), [2, 1, 0]);
}

#[test]
fn round_0_is_thrown_away() {
    let mut lane = Result::default();
    assert!(!lane.take(0, Ok(sample(9))));
    assert!(lane.costs.is_empty() && lane.tally.failures_total() == 0);
    assert!(!lane.take(1, Ok(sample(9))));
    assert_eq!((lane.costs, lane.tally.failures_total()), (vec![(1, 2.0)], 1));
}

#[test]
fn a_lane_ends_with_its_first_fault() {
    let mut lane = Result::default();
    assert!(lane.take(0, Ok(sample(0))));
    assert!(lane.fault.is_some_and(|fault| fault.contains("lost=1")));
    let mut lane = Result::default();
    assert!(lane.take(3, Err("it ended".into())));
    assert_eq!(lane.fault.as_deref(), Some("it ended"));
}
