//! Shares follow the weights, and only the clients of whoever comes or goes move.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Backends by number with their weights.
type Weights = BTreeMap<u16, u16>;

fn contenders(weights: &Weights) -> Vec<Contender> {
    weights.iter().map(|(n, &weight)| Contender::new(&format!("app-{n}"), weight, *n)).collect()
}

fn order(weights: &Weights) -> Rendezvous {
    Rendezvous::new(contenders(weights), None)
}

fn client(n: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + n).into()
}

fn firsts(order: &Rendezvous, clients: u32) -> Vec<Option<usize>> {
    (0..clients).map(|n| order.first(client(n))).collect()
}

/// Some backends with weights, few or so many that slots are remembered.
fn weights() -> impl Strategy<Value = Weights> {
    let weight = prop_oneof![3 => Just(100_u16), 2 => 1..=1_000_u16];
    let few = proptest::collection::btree_map(0..40_u16, weight.clone(), 1..6);
    prop_oneof![few, proptest::collection::btree_map(0..40_u16, weight, 9..30)]
}

fn assert_shares(weights: &Weights, percent: f64) {
    const CLIENTS: u32 = 100_000;
    let mut got: BTreeMap<usize, u32> = BTreeMap::new();
    firsts(&order(weights), CLIENTS).into_iter().flatten().for_each(|at| *got.entry(at).or_default() += 1);
    let sum: f64 = weights.values().copied().map(f64::from).sum();
    for (at, &weight) in weights {
        let share = f64::from(CLIENTS) * f64::from(weight) / sum;
        let off = (f64::from(got[&usize::from(*at)]) - share).abs() / share * 100.0;
        assert!(off < percent, "{at} of weight {weight} is off its share by {off:.1} %");
    }
}

#[test]
fn shares_of_100_000_clients_follow_the_weights() {
    assert_shares(&(0..4).map(|n| (n, 100)).collect(), 2.0);
    assert_shares(&[(0, 500), (1, 100), (2, 100)].into(), 2.0);
    assert_shares(&[(0, 1_000), (1, 300), (2, 200), (3, 50)].into(), 4.0);
    assert_shares(&(0..12).map(|n| (n, 100)).collect(), 5.0);
}

#[test]
fn a_client_has_the_same_backend_on_every_build_and_machine() {
    let order = order(&[(0, 100), (1, 50), (2, 300)].into());
    let of = |client: &str| order.first(client.parse().expect("an address"));
    // Found by a program of its own, in another language, from the description of this module.
    let clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.7", "203.0.113.9", "10.0.0.1", "10.0.0.2"];
    assert_eq!(clients.map(of), [2, 2, 0, 2, 2, 2, 1].map(Some));
    let clients = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "::1", "fe80::1", "fe80::2"];
    assert_eq!(clients.map(of), [2, 2, 0, 0, 2, 2].map(Some));
    assert_eq!((slot(Ipv6Addr::LOCALHOST.into()), slot(Ipv4Addr::new(10, 0, 0, 1).into())), (173_487, 241_060));
}

#[test]
fn an_address_within_ipv6_is_the_ipv4_client() {
    let v4 = Ipv4Addr::new(192, 0, 2, 1);
    assert_eq!(slot(v4.into()), slot(v4.to_ipv6_mapped().into()));
}

#[test]
fn nobody_is_first_of_nobody() {
    let order = order(&Weights::new());
    assert_eq!((order.first(client(1)), order.first_of(client(1), |_| true)), (None, None));
}

#[test]
fn a_thousand_backends_are_looked_up_and_found_alike() {
    let weights: Weights = (0..1_000).map(|n| (n, 1 + n * 7 % 100)).collect();
    let order = order(&weights);
    for n in 0..300 {
        let found = order.first_of(client(n), |_| true);
        assert_eq!((order.first(client(n)), order.first(client(n))), (found, found));
    }
}

#[test]
fn the_logarithm_is_right() {
    for draw in [0, 1, 2, 3, 1 << 32, u64::MAX / 3, 1 << 63, (1 << 63) + 1, u64::MAX / 4 * 3, u64::MAX] {
        let right = 64.0 - ((draw | 1) as f64).log2();
        assert!((minus_log2(draw) - right).abs() < 1e-7, "{draw}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_clients_of_one_that_leaves_move_and_they_come_back(weights in weights(), pick: prop::sample::Index) {
        let gone = *pick.get(&weights.keys().copied().collect::<Vec<_>>());
        let whole = order(&weights);
        let before = firsts(&whole, 400);
        let mut rest = weights.clone();
        rest.remove(&gone);
        let without = Rendezvous::new(contenders(&rest), Some(&whole));
        let after = firsts(&without, 400);
        for (n, (before, after)) in (0..).zip(before.iter().zip(&after)) {
            let moved = before != after;
            prop_assert_eq!(moved, *before == Some(usize::from(gone)), "client {}", n);
            // Stepping over it leads to the same backend.
            let stepped = whole.first_of(client(n), |at| at != usize::from(gone));
            prop_assert_eq!(stepped, *after);
        }
        prop_assert_eq!(firsts(&Rendezvous::new(contenders(&weights), Some(&without)), 400), before);
    }

    #[test]
    fn a_weight_moves_clients_from_or_to_its_backend_only(weights in weights(), pick: prop::sample::Index, weight in 1..=1_000_u16) {
        let edited = *pick.get(&weights.keys().copied().collect::<Vec<_>>());
        let before = firsts(&order(&weights), 400);
        let old = weights[&edited];
        let mut weights = weights;
        weights.insert(edited, weight);
        for (before, after) in before.into_iter().zip(firsts(&order(&weights), 400)) {
            let its = if weight > old { after } else { before };
            prop_assert!(before == after || its == Some(usize::from(edited)));
        }
    }

    #[test]
    fn what_is_taken_over_is_what_would_be_found(plans in proptest::collection::vec(weights(), 1..5)) {
        let mut previous: Option<Rendezvous> = None;
        for weights in plans {
            let fresh = firsts(&order(&weights), 200);
            let next = Rendezvous::new(contenders(&weights), previous.as_ref());
            prop_assert_eq!(firsts(&next, 200), fresh);
            previous = Some(next);
        }
    }

    #[test]
    fn some_who_join_and_leave_at_once_disturb_nobody_else(weights in weights(), touched in proptest::collection::btree_map(0..40_u16, 0..=1_000_u16, 1..4)) {
        let before = order(&weights);
        firsts(&before, 200);
        let mut after = weights;
        for (n, weight) in touched {
            if weight < 300 { after.remove(&n); } else { after.insert(n, weight); }
        }
        let next = Rendezvous::new(contenders(&after), Some(&before));
        prop_assert_eq!(firsts(&next, 200), firsts(&order(&after), 200));
    }
}
