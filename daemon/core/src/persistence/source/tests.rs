//! Entries live as long as they are used, within the timeout and the cap.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

fn table(timeout_ms: u32) -> SourceTable {
    SourceTable::new(timeout_ms, &TokenKey::new([3; 16]))
}

fn client(n: u32) -> IpAddr {
    Ipv4Addr::from(n).into()
}

#[test]
fn an_entry_lives_for_the_timeout_after_its_last_use() {
    let table = table(1_000);
    table.bind(client(1), BackendId(7), 0);
    for now_ms in [900, 1_800, 2_800] {
        assert_eq!(table.get(client(1), now_ms), Some(BackendId(7)));
    }
    assert_eq!(table.get(client(1), 3_801), None);
    assert_eq!(table.get(client(2), 0), None);
}

#[test]
fn binding_again_moves_the_client() {
    let table = table(1_000);
    table.bind(client(1), BackendId(7), 0);
    table.bind(client(1), BackendId(8), 1);
    assert_eq!((table.get(client(1), 2), table.len()), (Some(BackendId(8)), 1));
}

#[test]
fn a_mapped_address_is_the_same_client() {
    let table = table(1_000);
    let v4 = Ipv4Addr::new(10, 1, 2, 3);
    table.bind(v4.to_ipv6_mapped().into(), BackendId(7), 0);
    assert_eq!(table.get(v4.into(), 0), Some(BackendId(7)));
    assert_eq!(table.get(Ipv6Addr::LOCALHOST.into(), 0), None);
}

#[test]
fn a_clock_that_another_worker_reads_later_harms_nothing() {
    let table = table(1_000);
    table.bind(client(1), BackendId(7), 5_000);
    assert_eq!(table.get(client(1), 4_000), Some(BackendId(7)));
    assert_eq!(table.get(client(1), 6_000), Some(BackendId(7)));
}

#[test]
fn a_flood_of_clients_is_bounded_and_counted() {
    let table = table(3_600_000);
    let clients = 3 * u32::try_from(SOURCE_ENTRIES_MAX).expect("small");
    for n in 0..clients {
        table.bind(client(n), BackendId(1), u64::from(n));
    }
    assert_eq!(table.len(), SOURCE_ENTRIES_MAX);
    assert_eq!(table.evicted_total(), u64::from(clients) - SOURCE_ENTRIES_MAX as u64);
    assert_eq!(table.get(client(0), u64::from(clients)), None);
    assert_eq!(table.get(client(clients - 1), u64::from(clients)), Some(BackendId(1)));
}

#[test]
fn what_has_expired_makes_room_without_being_counted() {
    let table = table(1_000);
    for n in 0..200_000 {
        table.bind(client(n), BackendId(1), u64::from(n) / 10);
    }
    assert_eq!(table.evicted_total(), 0);
    assert!(table.len() < 15_000, "{}", table.len());
}

#[test]
fn clients_spread_over_the_shards() {
    let table = table(1_000);
    (0..16_000).for_each(|n| table.bind(client(n), BackendId(1), 0));
    for shard in &table.entries.shards {
        assert!((850..1_150).contains(&lock(shard).len()));
    }
}
