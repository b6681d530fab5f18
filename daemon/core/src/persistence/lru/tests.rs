//! The list against a naive one.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use proptest::prelude::*;

use super::*;

/// Newest last.
type Naive = Vec<(IpAddr, BackendId, u64)>;

fn address(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// Everything in the order of use, newest first, walked both ways.
fn contents<S: BuildHasher + Clone>(lru: &Lru<S>) -> Naive {
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
    let mut backwards: Naive = lru.oldest_first().collect();
    backwards.reverse();
    assert_eq!(backwards, found);
    let mut held = HashMap::new();
    for (_, backend, _) in &found {
        *held.entry(*backend).or_insert(0) += 1;
    }
    assert_eq!(lru.held().collect::<HashMap<_, _>>(), held);
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_forgets_what_was_not_used_for_longest(
        steps in proptest::collection::vec((0..14_u8, 0..4_u64, 0..10_u8), 0..200),
    ) {
        let mut lru = Lru::new(BuildHasherDefault::<DefaultHasher>::default());
        let mut naive = Naive::new();
        for (now_ms, (n, backend, kind)) in (0..).zip(steps) {
            let known = naive.iter().position(|&(client, ..)| client == address(n));
            let found = known.map(|at| (naive[at].1, naive[at].2));
            prop_assert_eq!(lru.get(&address(n)), found);
            match kind {
                0..2 => {
                    lru.drop_oldest();
                    naive.remove_at((!naive.is_empty()).then_some(0));
                }
                2..4 => {
                    prop_assert_eq!(lru.remove(&address(n)), found);
                    naive.remove_at(known);
                }
                _ => {
                    lru.put(address(n), BackendId(backend), now_ms);
                    naive.remove_at(known);
                    naive.push((address(n), BackendId(backend), now_ms));
                }
            }
            let expected: Naive = naive.iter().rev().copied().collect();
            prop_assert_eq!(lru.iter().count(), naive.len());
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
