//! The list against a naive one.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 8;

/// Newest last.
type Naive = Vec<(IpAddr, BackendId, u64)>;

fn address(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// Everything in the order of use, newest first, walked both ways.
fn contents<S: BuildHasher>(lru: &Lru<S>) -> Naive {
    let (mut found, mut at) = (Vec::new(), lru.newest);
    while let Some(node) = lru.nodes.get(at as usize) {
        assert_eq!(lru.index.get(&node.client), Some(&at));
        if let Some(older) = lru.nodes.get(node.older as usize) {
            assert_eq!(older.newer, at);
        }
        found.push((node.client, node.backend, node.used_ms));
        at = node.older;
    }
    assert_eq!((found.len(), lru.index.len()), (lru.len(), lru.len()));
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_forgets_what_was_not_used_for_longest(
        steps in proptest::collection::vec((0..14_u8, 0..4_u64, prop::bool::weighted(0.2)), 0..200),
    ) {
        let mut lru = Lru::new(CAPACITY, BuildHasherDefault::<DefaultHasher>::default());
        let mut naive = Naive::new();
        for (now_ms, (n, backend, drop)) in (0..).zip(steps) {
            if drop {
                lru.drop_oldest();
                naive.drain(..naive.len().min(1));
                continue;
            }
            let known = naive.iter().position(|&(client, ..)| client == address(n));
            prop_assert_eq!(lru.get(&address(n)), known.map(|at| (naive[at].1, naive[at].2)));
            let full = known.is_none() && naive.len() == CAPACITY;
            naive.remove_at(known.or(full.then_some(0)));
            naive.push((address(n), BackendId(backend), now_ms));
            prop_assert_eq!(lru.put(address(n), BackendId(backend), now_ms), full);
            prop_assert!(lru.len() <= CAPACITY);
            let expected: Naive = naive.iter().rev().copied().collect();
            prop_assert_eq!(contents(&lru), expected);
            prop_assert_eq!(lru.oldest_ms(), naive.first().map(|&(.., used_ms)| used_ms));
        }
    }
}

trait RemoveAt {
    fn remove_at(&mut self, at: Option<usize>);
}

impl RemoveAt for Naive {
    fn remove_at(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.remove(at);
        }
    }
}
