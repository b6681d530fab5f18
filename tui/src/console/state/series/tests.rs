//! Windows over totals.

use proptest::prelude::*;

use super::{Growth, Series};

#[test]
fn one_sample_says_nothing() {
    let mut series = Series::default();
    series.push(1_000, [5]);
    assert_eq!(series.growth(1_000, 10_000), None);
}

#[test]
fn a_steady_total_grows_by_its_rate_in_every_window() {
    let mut series = Series::default();
    for second in 0..700u64 {
        series.push(second * 1_000, [second * 30]);
    }
    for window_ms in [10_000, 60_000, 600_000] {
        let growth = series.growth(699_000, window_ms).expect("enough is known");
        assert!((growth.per_second(0) - 30.0).abs() < 0.001, "{window_ms}: {growth:?}");
        assert!(growth.span_ms >= window_ms && growth.span_ms <= window_ms + 11_000, "{growth:?}");
    }
}

#[test]
fn what_stopped_leaves_the_window() {
    let mut series = Series::default();
    for second in 0..20u64 {
        series.push(second * 1_000, [second * 10]);
    }
    let at = |now_ms| series.growth(now_ms, 10_000).expect("known").added[0];
    assert_eq!(at(19_000), 100);
    assert!(at(24_000) < 60);
    assert_eq!(at(29_000), 0);
    assert_eq!(at(9_000_000), 0);
}

#[test]
fn a_total_that_stood_still_for_an_hour_counts_only_the_window() {
    let mut series = Series::default();
    series.push(0, [100]);
    series.push(3_600_000, [150]);
    assert_eq!(series.growth(3_600_000, 10_000), Some(Growth { added: [50], span_ms: 10_000 }));
}

#[test]
fn a_fallen_total_starts_the_series_anew() {
    let mut series = Series::default();
    series.push(1_000, [500]);
    series.push(2_000, [3]);
    assert_eq!(series.growth(2_000, 10_000), None);
}

#[test]
fn steps_show_each_bucket_and_blank_before_the_first_sample() {
    let mut series = Series::default();
    for second in 100..=160u64 {
        series.push(second * 1_000, [(second - 100) * 2]);
    }
    assert_eq!(series.steps(0, 160_000, 10_000, 8), [0, 0, 20, 20, 20, 20, 20, 20]);
}

proptest! {
    #[test]
    fn memory_is_bounded_and_growth_never_exceeds_what_was_added(steps in prop::collection::vec((1u64..5_000, 0u64..1_000), 1..2_000)) {
        let mut series = Series::default();
        let (mut at_ms, mut total) = (0, 0);
        for (wait, more) in steps {
            at_ms += wait;
            total += more;
            series.push(at_ms, [total]);
            prop_assert!(series.fine.len() <= super::FINE_MAX && series.coarse.len() <= super::COARSE_MAX);
            for window_ms in [10_000, 60_000, 600_000] {
                prop_assert!(series.growth(at_ms, window_ms).is_none_or(|g| g.added[0] <= total && g.span_ms <= window_ms + 12_000));
            }
        }
    }
}
