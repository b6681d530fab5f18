//! What must hold of ejections: their lengths, their ends, and what does not count.

use proptest::prelude::*;

use super::*;

const SETTINGS: Passive = Passive {
    mode: Switch::On,
    connect_errors: 3,
    server_errors: 3,
    timeouts: 0,
    ejection_ms: 1_000,
    ejection_ms_max: 2_500,
};

fn fail(ejection: &mut Ejection, streaks: &Streaks, cause: PassiveCause, now_ms: u64) -> bool {
    (0..3).for_each(|_| streaks.failed(cause));
    ejection.look(&SETTINGS, streaks, now_ms)
}

/// Ejects at a moment; says how long it lasts.
fn length(ejection: &mut Ejection, streaks: &Streaks, now_ms: u64) -> u64 {
    ejection.step(&SETTINGS, now_ms);
    assert!(fail(ejection, streaks, PassiveCause::ServerErrors, now_ms));
    ejection.status().expect("ejected").until_ms - now_ms
}

#[test]
fn ejections_that_follow_closely_are_longer_up_to_the_longest() {
    let (mut ejection, streaks) = (Ejection::default(), Streaks::default());
    assert_eq!(length(&mut ejection, &streaks, 10_000), 1_000);
    // In for 999 ms of the 1,000 that would have let it begin anew.
    assert_eq!(length(&mut ejection, &streaks, 11_999), 2_000);
    assert_eq!(length(&mut ejection, &streaks, 14_000), 2_500);
    assert_eq!(length(&mut ejection, &streaks, 17_000), 2_500);
    assert_eq!(ejection.status().map(|status| (status.streak, status.total)), Some((4, 4)));
    // In for as long as the last.
    assert_eq!(length(&mut ejection, &streaks, 22_000), 1_000);
}

#[test]
fn it_ends_by_time_and_not_before() {
    let (mut ejection, streaks) = (Ejection::default(), Streaks::default());
    length(&mut ejection, &streaks, 10_000);
    assert!(!ejection.step(&SETTINGS, 10_999) && ejection.is_out());
    assert!(ejection.step(&SETTINGS, 11_000) && !ejection.is_out());
    assert!(!ejection.step(&SETTINGS, 11_001), "it ended once");
}

#[test]
fn a_readmitted_backend_begins_anew() {
    let (mut ejection, streaks) = (Ejection::default(), Streaks::default());
    length(&mut ejection, &streaks, 10_000);
    assert!(ejection.readmit(10_100) && !ejection.is_out());
    assert!(!ejection.readmit(10_100));
    assert_eq!(length(&mut ejection, &streaks, 10_200), 1_000);
}

#[test]
fn what_does_not_count_ejects_nobody() {
    let (mut ejection, streaks) = (Ejection::default(), Streaks::default());
    assert!(!fail(&mut ejection, &streaks, PassiveCause::Timeouts, 1), "0: they do not count");
    let off = Passive { mode: Switch::Off, ..SETTINGS };
    (0..9).for_each(|_| streaks.failed(PassiveCause::ServerErrors));
    assert!(!ejection.look(&off, &streaks, 2));
    assert!(!ejection.look(&SETTINGS, &streaks, 3), "what was met before it was turned on");
}

#[test]
fn what_is_met_while_it_is_out_does_not_count_and_turning_it_off_ends_it() {
    let (mut ejection, streaks) = (Ejection::default(), Streaks::default());
    length(&mut ejection, &streaks, 10_000);
    assert!(!fail(&mut ejection, &streaks, PassiveCause::ConnectErrors, 10_500));
    assert!(ejection.step(&SETTINGS, 11_000));
    assert!(!ejection.look(&SETTINGS, &streaks, 11_001));
    length(&mut ejection, &streaks, 11_002);
    assert!(ejection.step(&Passive { mode: Switch::Off, ..SETTINGS }, 11_003) && !ejection.is_out());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_out_for_longer_than_the_longest_or_for_less_than_the_first(
        steps in prop::collection::vec((0..3_u8, 0..2_000_u64), 1..60)
    ) {
        let (mut ejection, streaks, mut now_ms) = (Ejection::default(), Streaks::default(), 1);
        for (what, after_ms) in steps {
            now_ms += after_ms;
            ejection.step(&SETTINGS, now_ms);
            let was_out = ejection.is_out();
            match what {
                0 => {
                    let ejected = fail(&mut ejection, &streaks, PassiveCause::ConnectErrors, now_ms);
                    prop_assert_eq!(ejected, !was_out);
                    let status = ejection.status().expect("ejected");
                    prop_assert!((1_000..=2_500).contains(&(status.until_ms - status.since_ms)));
                }
                1 => prop_assert_eq!(ejection.readmit(now_ms), was_out),
                _ => prop_assert!(!ejection.look(&SETTINGS, &streaks, now_ms)),
            }
            prop_assert!(!ejection.is_out() || ejection.status().expect("out").until_ms > now_ms);
        }
    }
}
