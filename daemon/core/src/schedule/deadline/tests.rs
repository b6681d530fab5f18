//! The rule against its definition: windows kept, lags bounded, cycles closed.

use proptest::prelude::*;

use super::*;

fn walked(rule: &Rule, place: &mut Place, count: u64) -> (Vec<u16>, bool) {
    let mut picks = Vec::new();
    let met = rule.walk(place, usize::try_from(count).expect("small"), &mut picks, &Ties::default());
    (picks, met)
}

/// Whether nobody is further than 1 - 1/(2n-2) picks from its exact share at `place`.
fn within(rule: &Rule, place: &Place) -> bool {
    rule.jobs(place).all(|(_, weight, done)| {
        let lag = (place.slot * weight).abs_diff(u64::from(done) * rule.slots);
        rule.entrants.len() == 1 || lag * rule.slack <= (rule.slack - 1) * rule.slots
    })
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(prop_oneof![1 => Just(0), 3 => 1..=9_u32, 3 => 1..=1_000_u32], 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_ever_a_pick_away_from_its_share(weights in weights()) {
        let rule = Rule::new(&weights);
        let mut place = rule.safe_place(0);
        for _ in 0..rule.slots() {
            let (_, met) = walked(&rule, &mut place, 1);
            prop_assert!(met && within(&rule, &place), "{:?}", place);
        }
        prop_assert!(rule.jobs(&place).all(|(_, weight, done)| weight == u64::from(done)));
    }

    #[test]
    fn a_safe_place_meets_every_deadline(weights in weights(), permille in 0..1_000_u64) {
        let rule = Rule::new(&weights);
        let slot = rule.slots() * permille / 1_000;
        let mut place = rule.safe_place(slot);
        prop_assert_eq!(place.done.iter().map(|&done| u64::from(done)).sum::<u64>(), slot);
        prop_assert!(within(&rule, &place));
        let (_, met) = walked(&rule, &mut place, rule.slots() - slot);
        prop_assert!(met);
        prop_assert!(rule.jobs(&place).all(|(_, weight, done)| weight == u64::from(done)));
    }

    #[test]
    fn advancing_by_picks_is_walking(weights in weights(), first in 0_u64..3_000, second in 0_u64..3_000) {
        let rule = Rule::new(&weights);
        prop_assume!(rule.slots() > 0);
        let mut place = rule.safe_place(first % rule.slots());
        let mut advanced = place.clone();
        let (picks, _) = walked(&rule, &mut place, second);
        rule.advance(&mut advanced, &picks);
        if place.slot == rule.slots() {
            place = rule.safe_place(0);
        }
        prop_assert_eq!(place, advanced);
    }
}

#[test]
fn the_greatest_groups_meet_every_deadline() {
    for spread in [1, 7, 613, 1_000] {
        let weights: Vec<u32> = (0..1_000).map(|n| 1 + n * 7_919 % spread).collect();
        let rule = Rule::new(&weights);
        let mut place = rule.safe_place(rule.slots() * 2 / 3);
        let (picks, met) = walked(&rule, &mut place, 20_000);
        assert!(met && picks.len() == 20_000 && within(&rule, &place), "{spread}");
    }
}

#[test]
fn ties_go_to_the_smallest_key() {
    let rule = Rule::new(&[1, 1, 1, 1]);
    let keys = [0.5, -1.0, 0.5, 0.0];
    let mut picks = Vec::new();
    rule.walk(&mut rule.safe_place(0), 4, &mut picks, &rule.ties(|at| keys[at]));
    assert_eq!(picks, [1, 3, 0, 2]);
}
