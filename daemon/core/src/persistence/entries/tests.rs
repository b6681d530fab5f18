//! Entries are found, removed and carried over a restart with the time that is left to them.

use std::net::Ipv4Addr;

use super::*;
use crate::persistence::SourceRule;
use crate::token::TokenKey;

fn table(timeout_ms: u32) -> SourceTable {
    SourceTable::new(SourceRule { timeout_ms, prefix_v4: 32, prefix_v6: 64 }, &TokenKey::new([3; 16]))
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

#[test]
fn entries_are_found_by_client_and_backend_the_last_used_first() {
    let table = ten();
    let of_backend = EntryFilter { backend: Some(BackendId(1)), ..EntryFilter::default() };
    let found = table.entries(&of_backend, 2, 10);
    let clients: Vec<_> = found.entries.iter().map(|entry| (entry.client, entry.idle_ms)).collect();
    assert_eq!((found.total, clients), (3, vec![(client(7), 3), (client(4), 6)]));
    let mapped = Ipv4Addr::from(4).to_ipv6_mapped().into();
    let of_client = EntryFilter { client: Some(mapped), ..EntryFilter::default() };
    assert_eq!(table.entries(&of_client, 10, 10).total, 1);
    let neither = EntryFilter { backend: Some(BackendId(0)), ..of_client };
    assert_eq!(table.entries(&neither, 10, 10), Found::default());
    assert_eq!(table.entries(&EntryFilter::default(), 0, 10), Found { total: 10, entries: Vec::new() });
}

#[test]
fn looking_is_no_use_and_shows_nobody_who_has_expired() {
    let table = ten();
    assert_eq!(table.entries(&EntryFilter::default(), 100, 1_005).total, 5);
    assert_eq!(table.held(1_005).values().sum::<u64>(), 5);
    assert_eq!(table.entries(&EntryFilter::default(), 100, 1_010).total, 0);
}

#[test]
fn clients_are_forgotten_one_by_one_and_by_backend() {
    let table = ten();
    assert_eq!((table.remove(client(4)), table.remove(client(4))), (Some(BackendId(1)), None));
    assert_eq!((table.len(), table.get(client(4), 10)), (9, None));
    assert_eq!((table.remove_backend(BackendId(1), 10), table.len()), (2, 7));
    assert_eq!(table.held(10), [(BackendId(0), 4), (BackendId(2), 3)].into());
}

#[test]
fn a_restart_takes_from_the_time_that_is_left() {
    let saved = ten().snapshot(500);
    assert_eq!((saved.len(), saved[0].idle_ms, saved[9].idle_ms), (10, 500, 491));
    // The clock of the new process begins at 0.
    let table = table(1_000);
    table.restore(&saved, 200, 0);
    assert_eq!(table.len(), 10);
    assert_eq!(table.entries(&EntryFilter::default(), 1, 0).entries[0].idle_ms, 691);
    assert_eq!(table.get(client(9), 309), Some(BackendId(0)));
    assert_eq!(table.get(client(0), 301), None);
}

#[test]
fn what_expired_while_poised_was_away_stays_away() {
    let saved = ten().snapshot(500);
    let table = table(1_000);
    table.restore(&saved, 505, 0);
    assert_eq!(table.len(), 5);
    table.restore(&saved, u64::MAX, 0);
    assert_eq!(table.len(), 5);
}

#[test]
fn a_client_that_came_since_keeps_what_it_has() {
    let saved = ten().snapshot(500);
    let table = table(1_000);
    table.bind(client(3), BackendId(9), 0);
    table.restore(&saved, 0, 0);
    assert_eq!(table.get(client(3), 0), Some(BackendId(9)));
    assert_eq!(table.len(), 10);
}
