//! Budgets never promise more descriptors than there are.

use super::*;

#[test]
fn all_workers_together_stay_within_the_limit() {
    for descriptors in [64, 1_024, 4_096, 20_000, 1 << 20, u64::MAX] {
        for workers in [1, 2, 7, 64] {
            let budget = Budget::of(descriptors, workers);
            let held = 2 * (budget.connections_max + budget.pipes_max) * workers;
            let floor = 2 * workers as u64;
            assert!(held as u64 <= descriptors.max(floor), "{descriptors} descriptors, {workers} workers: {budget:?}");
        }
    }
}

#[test]
fn a_usual_limit_serves_thousands_of_connections() {
    assert_eq!(Budget::of(20_000, 2), Budget { connections_max: 4_840, pipes_max: 32 });
    assert_eq!(Budget::of(1_024, 2), Budget { connections_max: 168, pipes_max: 24 });
}
