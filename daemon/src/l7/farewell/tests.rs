//! How many are told.

use super::{Farewells, PER_SECOND_MAX, UNDER_WAY_MAX};

#[test]
fn no_more_are_told_at_once_than_the_bound() {
    let farewells = Farewells::default();
    assert_eq!((0..1_000).filter(|_| farewells.admits(5_000)).count(), UNDER_WAY_MAX as usize);
    farewells.end();
    assert!(farewells.admits(5_000) && !farewells.admits(5_000));
}

#[test]
fn a_flood_is_told_so_often_a_second_and_no_more() {
    let farewells = Farewells::default();
    let told = |now_ms: u64| {
        let admits = farewells.admits(now_ms);
        if admits {
            farewells.end();
        }
        admits
    };
    assert_eq!((0..1_000).filter(|_| told(5_999)).count(), PER_SECOND_MAX as usize);
    assert_eq!((0..1_000).filter(|_| told(6_000)).count(), PER_SECOND_MAX as usize);
}
