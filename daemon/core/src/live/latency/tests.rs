//! Quantiles against a sorted list.

use proptest::prelude::*;

use super::*;

fn snapshot(samples: &[u64]) -> LatencySnapshot {
    let latency = Latency::default();
    for &us in samples {
        latency.record(us);
    }
    LatencySnapshot::of([latency].iter())
}

#[test]
fn buckets_follow_each_other_without_gaps() {
    let mut next = 0;
    for at in 0..BUCKETS {
        assert_eq!((bucket(next), bucket(upper(at))), (at.min(bucket(LATENCY_US_MAX)), at));
        assert!(upper(at) - next <= next / 16);
        next = upper(at) + 1;
    }
    assert!(next > LATENCY_US_MAX);
}

#[test]
fn nothing_measured_is_zero_and_the_slowest_is_a_minute() {
    assert_eq!(snapshot(&[]).quantile(990), 0);
    assert_eq!(snapshot(&[u64::MAX]).quantile(500), LATENCY_US_MAX);
}

#[test]
fn only_what_came_after_the_earlier_snapshot_counts() {
    let latency = Latency::default();
    latency.record(1_000);
    let earlier = LatencySnapshot::of([&latency].into_iter());
    (0..10).for_each(|_| latency.record(12));
    let later = LatencySnapshot::of([&latency].into_iter()).since(&earlier);
    assert_eq!((later.count(), later.quantile(500), later.quantile(1_000)), (10, 12, 12));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_are_right_to_the_width_of_a_bucket(
        mut samples in proptest::collection::vec(0..=LATENCY_US_MAX, 1..200),
        permille in 1..=1_000_u16,
    ) {
        let found = snapshot(&samples).quantile(permille);
        samples.sort_unstable();
        let exact = samples[(samples.len() * usize::from(permille)).div_ceil(1_000) - 1];
        prop_assert!(found >= exact && found <= exact + exact / 16, "{found} for {exact}");
    }
}
