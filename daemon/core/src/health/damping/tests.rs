//! The score against its formula, and who is kept out for how long.

use proptest::prelude::*;

use super::*;

const HALF_LIFE_MS: u32 = 60_000;

fn on() -> Damping {
    Damping { mode: Switch::On, half_life_ms: HALF_LIFE_MS, ..Damping::default() }
}

/// A backend that went down at these times.
fn after(settings: &Damping, times_ms: &[u64]) -> Score {
    let mut score = Score::default();
    for &now_ms in times_ms {
        score.penalize(settings, now_ms);
    }
    score
}

#[test]
fn the_third_failure_in_a_row_keeps_a_backend_out_until_its_score_has_fallen_below_reuse() {
    let settings = on();
    assert!(!after(&settings, &[0, 1_000]).is_out());
    let mut score = after(&settings, &[0, 1_000, 2_000]);
    assert!(score.is_out() && score.total() == 1);
    let until_ms = score.until_ms(&settings).expect("it is out");
    assert_eq!(score.value(&settings, until_ms), u32::from(settings.reuse));
    assert!(!score.step(&settings, until_ms - 1) && score.is_out());
    assert!(score.step(&settings, until_ms) && !score.is_out());
    assert_eq!(score.until_ms(&settings), None);
}

#[test]
fn failures_far_from_each_other_keep_nobody_out() {
    let settings = on();
    let times: Vec<u64> = (0..100).map(|n| n * 2 * u64::from(HALF_LIFE_MS)).collect();
    assert!(!after(&settings, &times).is_out());
}

#[test]
fn nobody_is_kept_out_for_longer_than_the_longest_time_after_it_last_went_down() {
    let settings = Damping { suppress_ms_max: 30_000, ..on() };
    let score = after(&settings, &(0..50).map(|n| n * 100).collect::<Vec<_>>());
    let until_ms = score.until_ms(&settings).expect("it is out");
    assert!(until_ms <= 4_900 + 30_000, "{until_ms}");
    let mut score = score;
    assert!(score.step(&settings, until_ms));
    assert!(score.value(&settings, until_ms) <= settings.reuse.into());
}

#[test]
fn without_damping_there_is_no_score_and_turning_it_off_lets_everybody_in() {
    let mut score = after(&Damping::default(), &[0, 1, 2, 3]);
    assert_eq!((score.is_out(), score.value(&Damping::default(), 3)), (false, 0));
    score = after(&on(), &[0, 1, 2, 3]);
    assert!(score.step(&Damping::default(), 4) && !score.is_out());
    score = after(&on(), &[0, 1, 2, 3]);
    assert!(score.forgive() && !score.is_out() && score.value(&on(), 3) == 0);
}

#[test]
fn a_score_outlives_a_restart() {
    let settings = on();
    let before = after(&settings, &[0, 1_000, 2_000]);
    let value = before.value(&settings, 5_000);
    let restored = Score::restore(value, 5_000, true);
    let (was, is) = (before.until_ms(&settings), restored.until_ms(&settings));
    assert!(was.zip(is).is_some_and(|(was, is)| was.abs_diff(is) < 100), "{was:?} {is:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Out from `suppress` on, in again below `reuse` or after the longest time, and not otherwise.
    #[test]
    fn who_is_out_follows_from_the_score(steps in proptest::collection::vec((any::<bool>(), 1..90_000_u64), 1..60)) {
        let settings = on();
        let (mut score, mut now_ms, mut value, mut at_ms, mut out) = (Score::default(), 0, 0.0_f64, 0, false);
        for (fails, wait_ms) in steps {
            now_ms += wait_ms;
            value *= (-((now_ms - at_ms) as f64) / f64::from(HALF_LIFE_MS)).exp2();
            at_ms = now_ms;
            if fails {
                score.penalize(&settings, now_ms);
                out = out && value > f64::from(settings.reuse);
                value += f64::from(FLAP_PENALTY);
                out |= value >= f64::from(settings.suppress);
            } else {
                score.step(&settings, now_ms);
                out &= value > f64::from(settings.reuse);
            }
            // Rounded to a millisecond, equality may fall to either side.
            if (value - f64::from(settings.reuse)).abs() > 1.0 && (value - f64::from(settings.suppress)).abs() > 1.0 {
                prop_assert_eq!(score.is_out(), out, "{} at {}", value, now_ms);
            }
            out = score.is_out();
        }
    }
}
