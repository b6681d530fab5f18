//! Even points give shares by weight.

use super::*;

#[test]
fn even_points_give_each_its_weight() {
    let shares = Shares::new([5, 0, 1, 1].into_iter());
    let mut got = [0; 4];
    (0..7_000_u64).for_each(|n| got[shares.at(u64::MAX / 7_000 * n + u64::MAX / 14_000).expect("weight")] += 1);
    assert_eq!(got, [5_000, 0, 1_000, 1_000]);
}

#[test]
fn the_ends_of_the_range_belong_to_the_first_and_the_last() {
    let shares = Shares::new([0, 3, 4].into_iter());
    assert_eq!((shares.at(0), shares.at(u64::MAX)), (Some(1), Some(2)));
    assert_eq!(shares.positions().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn nobody_has_a_share_of_nothing() {
    assert_eq!(Shares::new([0, 0].into_iter()).at(7), None);
}
