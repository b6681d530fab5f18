//! Credits follow identities, sum up to nothing and stay small.

use super::*;

fn entrants(weights: &[u32]) -> Vec<Entrant> {
    (0..).map(BackendId).zip(weights).map(|(id, &weight)| Entrant { id, weight }).collect()
}

#[test]
fn what_a_leaver_was_owed_falls_to_the_others_by_weight() {
    let mut credits = Credits::default();
    credits.add(BackendId(0), 0.9);
    credits.add(BackendId(1), -0.4);
    credits.add(BackendId(2), -0.5);
    credits.settle(&entrants(&[0, 200, 100]));
    let owed = [0, 1, 2].map(|id| credits.owed(BackendId(id)));
    let expected = [0.9, 0.2, -0.2];
    assert!(owed.iter().zip(expected).all(|(owed, expected)| (owed - expected).abs() < 1e-9), "{owed:?}");
}

#[test]
fn who_is_removed_is_forgotten_and_who_joins_is_owed_nothing() {
    let mut credits = Credits::default();
    credits.add(BackendId(7), 3.0);
    credits.settle(&entrants(&[1, 1]));
    assert_eq!(credits.owed.len(), 2);
    assert!([7, 0, 1].map(|id| credits.owed(BackendId(id))).iter().all(|owed| owed.abs() < 1e-9));
}

#[test]
fn credits_are_cut_to_their_bound() {
    let mut credits = Credits::default();
    credits.add(BackendId(0), 1e9);
    credits.add(BackendId(1), -1e9);
    credits.settle(&entrants(&[1, 1]));
    assert!((credits.owed(BackendId(0)) - CREDIT_MAX).abs() < 1e-9);
    assert!((credits.owed(BackendId(1)) + CREDIT_MAX).abs() < 1e-9);
}
