//! The machine against a naive oracle, and what a restart or an edit may not forget.

use poise_ipc::status::Health::{Down, Unknown, Up};
use proptest::prelude::*;

use super::*;

/// Health after `verdicts`, by looking back over all of them.
fn oracle(initial: Health, (rise, fall): (u16, u16), verdicts: &[bool]) -> Health {
    let mut health = initial;
    for end in 1..=verdicts.len() {
        let last = verdicts[end - 1];
        let row = verdicts[..end].iter().rev().take_while(|&&passed| passed == last).count();
        health = match (health, last) {
            (Unknown, true) => Up,
            (Unknown, false) => Down,
            (Down, true) if row >= usize::from(rise) => Up,
            (Up, false) if row >= usize::from(fall) => Down,
            (health, _) => health,
        };
    }
    health
}

fn anything() -> impl Strategy<Value = (Health, (u16, u16), Vec<bool>)> {
    let initial = prop_oneof![Just(Up), Just(Down), Just(Unknown)];
    (initial, (1..6_u16, 1..6_u16), proptest::collection::vec(any::<bool>(), 0..60))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn health_is_what_rise_and_fall_say((initial, (rise, fall), verdicts) in anything()) {
        let mut machine = Machine::new(initial, rise, fall);
        for (n, &passed) in verdicts.iter().enumerate() {
            let before = machine.health();
            let change = machine.observe(passed, n as u64);
            prop_assert_eq!(machine.health(), oracle(initial, (rise, fall), &verdicts[..=n]));
            prop_assert_eq!(change.is_some(), machine.health() != before);
            if let Some(change) = change {
                let threshold = match before { Unknown => 1, Down => rise, Up => fall };
                prop_assert!(change.streak >= u32::from(threshold));
                prop_assert_eq!((change.from, change.to, machine.since_ms()), (before, machine.health(), n as u64));
            }
        }
    }

    #[test]
    fn transitions_are_those_of_the_last_ten_minutes(gaps in proptest::collection::vec(1..200_000_u64, 1..80)) {
        let mut machine = Machine::new(Unknown, 1, 1);
        let (mut now_ms, mut changes) = (1_700_000_000_000, Vec::new());
        for (n, gap) in gaps.into_iter().enumerate() {
            now_ms += gap;
            changes.extend(machine.observe(n % 2 == 0, now_ms).map(|_| now_ms));
            let within = |span_ms| changes.iter().filter(|&&at_ms| now_ms - at_ms < span_ms).count();
            let counted = usize::try_from(machine.transitions(now_ms)).expect("small");
            prop_assert!((within(TRANSITIONS_SPAN_MS - SLOT_MS)..=within(TRANSITIONS_SPAN_MS)).contains(&counted));
        }
        prop_assert_eq!(machine.transitions(now_ms + TRANSITIONS_SPAN_MS), 0);
    }
}

#[test]
fn an_opposite_verdict_starts_the_count_again() {
    let mut machine = Machine::new(Up, 3, 3);
    for passed in [false, false, true, false, false] {
        assert_eq!(machine.observe(passed, 1), None);
    }
    assert_eq!(machine.streak(), 2);
    assert_eq!(machine.observe(false, 9), Some(Change { from: Up, to: Down, streak: 3 }));
}

#[test]
fn new_thresholds_forget_nothing() {
    let mut machine = Machine::new(Up, 3, 5);
    (0..3).for_each(|at_ms| assert_eq!(machine.observe(false, at_ms), None));
    machine.retune(3, 4);
    assert_eq!((machine.health(), machine.streak()), (Up, 3));
    assert_eq!(machine.observe(false, 4), Some(Change { from: Up, to: Down, streak: 4 }));
    machine.retune(1, 1);
    assert_eq!((machine.health(), machine.since_ms(), machine.transitions(5)), (Down, 4, 1));
}

#[test]
fn flapping_for_days_needs_no_more_room_and_miscounts_nothing() {
    let mut machine = Machine::new(Unknown, 1, 1);
    for n in 0..1_000_000_u64 {
        machine.observe(n % 2 == 0, n * 100);
    }
    assert_eq!(machine.transitions(99_999_900), 6_000);
}

#[test]
fn silence_says_nothing_of_an_unknown_backend_and_in_the_end_of_no_other() {
    let mut machine = Machine::new(Unknown, 2, 3);
    assert!((1..9).all(|now_ms| machine.observe_silence(now_ms).is_none()));
    assert_eq!(machine.observe(false, 9), Some(Change { from: Unknown, to: Down, streak: 1 }));
    assert_eq!(machine.observe_silence(10), None);
    assert_eq!(machine.observe_silence(11), Some(Change { from: Down, to: Unknown, streak: 2 }));
}

#[test]
fn a_row_of_verdicts_goes_on_in_the_process_that_takes_over() {
    let mut machine = Machine::new(Unknown, 3, 3);
    machine.take_up(Up, (2, Some(false)), 4, 1_000);
    assert_eq!((machine.health(), machine.streak(), machine.transitions(2_000)), (Up, 2, 4));
    let change = machine.observe(false, 2_000).expect("the third in a row");
    assert_eq!((change.to, change.streak), (Down, 3));
}
