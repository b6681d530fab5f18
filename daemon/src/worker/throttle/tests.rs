//! One line a second, whoever asks.

use super::*;

#[test]
fn one_line_a_second_is_admitted_over_all_clones() {
    let (first, second) = (Throttle::default(), Throttle::default());
    let shared = first.clone();
    assert!(first.admits(5));
    assert!(!shared.admits(1_004));
    assert!(shared.admits(1_005));
    assert!(!first.admits(1_006));
    assert!(second.admits(6), "another throttle knows nothing of it");
}
