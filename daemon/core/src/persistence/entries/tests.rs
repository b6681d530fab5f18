//! Entries are found, removed and carried over a restart with the time that is left to them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::token::TokenKey;

fn table_of(rule: SourceRule) -> SourceTable {
    SourceTable::new(rule, &TokenKey::new([3; 16]))
}

fn table(timeout_ms: u32) -> SourceTable {
    table_of(SourceRule { timeout_ms, prefix_v4: 32, prefix_v6: 64 })
}

fn client(n: u32) -> IpAddr {
    Ipv4Addr::from(n).into()
}

/// Ten clients that came a millisecond apart, on backends 0 to 2.
fn ten() -> SourceTable {
    let table = table(1_000);
    (0..10).for_each(|n| table.bind(client(n), BackendId(u64::from(n) % 3), n.into()));
    table
}

fn of_clients(address: IpAddr, prefix: u8) -> EntryFilter {
    EntryFilter { clients: Some(Network::of(address, prefix)), ..EntryFilter::default() }
}

fn of_backend(backend: u64) -> EntryFilter {
    EntryFilter { backend: Some(BackendId(backend)), ..EntryFilter::default() }
}

/// Who is found, in the order of their addresses.
fn found(table: &SourceTable, filter: &EntryFilter, now_ms: u64) -> Vec<IpAddr> {
    let page = table.page(filter, None, 1_000, now_ms);
    assert_eq!(table.count(filter, now_ms), page.len());
    let found: BTreeSet<_> = page.iter().map(|entry| entry.client).collect();
    found.into_iter().collect()
}

fn saved(table: &SourceTable, now_ms: u64) -> Vec<Entry> {
    (0..SourceTable::PARTS).flat_map(|part| table.part(part, now_ms)).collect()
}

#[test]
fn entries_are_found_by_client_and_backend() {
    let table = ten();
    assert_eq!(found(&table, &of_backend(1), 10), [client(1), client(4), client(7)]);
    let mapped = Ipv4Addr::from(4).to_ipv6_mapped().into();
    assert_eq!(found(&table, &of_clients(mapped, 128), 10), [client(4)]);
    assert_eq!(found(&table, &of_clients(client(4), 30), 10), [client(4), client(5), client(6), client(7)]);
    let neither = EntryFilter { backend: Some(BackendId(0)), ..of_clients(client(4), 32) };
    assert!(found(&table, &neither, 10).is_empty());
    let entry = table.page(&of_clients(client(4), 32), None, 1, 10);
    assert_eq!(entry, [Entry { client: client(4), backend: BackendId(1), idle_ms: 6 }]);
}

#[test]
fn a_network_is_found_by_any_of_its_addresses() {
    let table = table_of(SourceRule { timeout_ms: 1_000, prefix_v4: 24, prefix_v6: 64 });
    table.bind([10, 0, 1, 9].into(), BackendId(1), 0);
    table.bind([10, 0, 2, 9].into(), BackendId(1), 0);
    let network: IpAddr = [10, 0, 1, 0].into();
    for (address, prefix) in [([10, 0, 1, 77], 32), ([10, 0, 1, 64], 26), ([10, 0, 1, 0], 24)] {
        assert_eq!(found(&table, &of_clients(address.into(), prefix), 0), [network], "{address:?}/{prefix}");
    }
    assert_eq!(found(&table, &of_clients([10, 0, 0, 0].into(), 22), 0).len(), 2);
}

#[test]
fn looking_is_no_use_and_shows_nobody_who_has_expired() {
    let table = ten();
    assert_eq!(table.count(&EntryFilter::default(), 1_005), 5);
    assert_eq!(table.held(1_005).values().sum::<u64>(), 5);
    assert_eq!(table.count(&EntryFilter::default(), 1_010), 0);
    assert_eq!((table.held(1_010), table.len()), (HashMap::new(), 0));
}

#[test]
fn clients_are_forgotten_by_address_by_backend_and_by_both() {
    let table = ten();
    assert_eq!((table.remove(client(4)), table.remove(client(4))), (Some(BackendId(1)), None));
    assert_eq!((table.len(), table.get(client(4), 10)), (9, None));
    let both = |n| EntryFilter { backend: Some(BackendId(2)), ..of_clients(client(n), 32) };
    assert_eq!((table.remove_all(&both(1), 10), table.remove_all(&both(8), 10)), (0, 1));
    assert_eq!((table.remove_all(&of_backend(1), 10), table.len()), (2, 6));
    assert_eq!(table.held(10), [(BackendId(0), 4), (BackendId(2), 2)].into());
    assert_eq!((table.remove_all(&EntryFilter::default(), 10), table.len()), (6, 0));
}

#[test]
fn a_restart_takes_from_the_time_that_is_left() {
    let saved = saved(&ten(), 500);
    let idle: BTreeSet<_> = saved.iter().map(|entry| entry.idle_ms).collect();
    assert_eq!((saved.len(), idle), (10, (491..=500).collect()));
    // The clock of the new process begins at 0.
    let table = table(1_000);
    table.restore(&saved, 200, 0);
    assert_eq!(table.len(), 10);
    assert_eq!(table.page(&of_clients(client(9), 32), None, 1, 0)[0].idle_ms, 691);
    assert_eq!(table.get(client(9), 309), Some(BackendId(0)));
    assert_eq!(table.get(client(0), 301), None);
}

#[test]
fn what_expired_while_poised_was_away_stays_away() {
    let saved = saved(&ten(), 500);
    let table = table(1_000);
    table.restore(&saved, 505, 0);
    assert_eq!(table.len(), 5);
    table.restore(&saved, u64::MAX, 0);
    assert_eq!(table.len(), 5);
}

#[test]
fn a_client_that_came_since_keeps_what_it_has() {
    let saved = saved(&ten(), 500);
    let table = table(1_000);
    table.bind(client(3), BackendId(9), 0);
    table.restore(&saved, 0, 0);
    assert_eq!(table.get(client(3), 0), Some(BackendId(9)));
    assert_eq!(table.len(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Pages of any size hold everybody once who is there all the while, whoever else comes and goes.
    #[test]
    fn pages_hold_everybody_once(
        stay in proptest::collection::btree_set(0..500_u32, 0..200),
        limit in 1..60_usize,
        others in proptest::collection::vec((0..500_u32, any::<bool>()), 0..200),
    ) {
        let table = table(1_000);
        for &n in &stay {
            table.bind(client(n), BackendId(0), 0);
        }
        let mut others = others.iter().filter(|(n, _)| !stay.contains(n));
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = table.page(&EntryFilter::default(), after, limit, 0);
            seen.extend(page.iter().map(|entry| entry.client));
            if page.len() < limit {
                break;
            }
            after = page.last().map(|entry| entry.client);
            for &(n, comes) in others.by_ref().take(5) {
                if comes {
                    table.bind(client(n), BackendId(1), 0);
                } else {
                    table.remove(client(n));
                }
            }
        }
        let once: BTreeSet<_> = seen.iter().copied().collect();
        prop_assert_eq!(once.len(), seen.len());
        prop_assert!(stay.iter().all(|&n| once.contains(&client(n))));
    }
}
