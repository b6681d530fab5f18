//! What must hold of latency: only the last seconds count.

use super::*;

#[test]
fn quantiles_forget_what_is_older_than_two_turns() {
    let live = BackendLive::new(2, &std::sync::Arc::default());
    let mut latencies = Latencies::default();
    let quantiles = |latencies: &Latencies| {
        let mut counters = BackendCounters::default();
        latencies.fill(BackendId(1), &live, &mut counters);
        (counters.latency_p50_us, counters.latency_p99_us)
    };
    assert_eq!(quantiles(&latencies), (0, 0));
    live.worker(0).latency.record(1_000_000);
    let (slow, _) = quantiles(&latencies);
    assert!((1_000_000..1_100_000).contains(&slow), "{slow}");
    latencies.count(BackendId(1), &live);
    latencies.count(BackendId(1), &live);
    assert_eq!(quantiles(&latencies), (0, 0));
    live.worker(1).latency.record(100);
    let (fast, _) = quantiles(&latencies);
    assert!((100..=110).contains(&fast), "{fast}");
    latencies.forget(BackendId(1));
    assert!(quantiles(&latencies).1 >= 1_000_000);
}
