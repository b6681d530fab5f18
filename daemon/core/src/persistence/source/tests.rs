//! Entries live as long as they are used, within the timeout and the cap.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const KEY: TokenKey = TokenKey::new([3; 16]);

fn rule(timeout_ms: u32) -> SourceRule {
    SourceRule { timeout_ms, prefix_v4: 32, prefix_v6: 64 }
}

fn table(timeout_ms: u32) -> SourceTable {
    SourceTable::new(rule(timeout_ms), &KEY)
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
    assert_eq!(table.totals().evicted_total, u64::from(clients) - SOURCE_ENTRIES_MAX as u64);
    assert_eq!(table.get(client(0), u64::from(clients)), None);
    assert_eq!(table.get(client(clients - 1), u64::from(clients)), Some(BackendId(1)));
}

#[test]
fn what_has_expired_makes_room_without_being_counted() {
    let table = table(1_000);
    for n in 0..200_000 {
        table.bind(client(n), BackendId(1), u64::from(n) / 10);
    }
    assert_eq!(table.totals().evicted_total, 0);
    assert_eq!(table.totals().expired_total, 200_000 - table.len() as u64);
    assert!(table.len() < 15_000, "{}", table.len());
}

#[test]
fn clients_spread_over_the_shards() {
    let table = table(1_000);
    (0..16_000).for_each(|n| table.bind(client(n), BackendId(1), 0));
    for shard in table.shards() {
        assert!((850..1_150).contains(&shard.lru.len()));
    }
}

#[test]
fn the_bound_is_reached_before_anybody_is_given_up() {
    let table = table(3_600_000);
    let clients = u32::try_from(SOURCE_ENTRIES_MAX).expect("small");
    (0..clients).for_each(|n| table.bind(client(n), BackendId(1), 0));
    assert_eq!((table.len(), table.totals().evicted_total), (SOURCE_ENTRIES_MAX, 0));
    table.bind(client(clients), BackendId(1), 0);
    assert_eq!((table.len(), table.totals().evicted_total), (SOURCE_ENTRIES_MAX, 1));
}

#[test]
fn those_that_are_given_up_are_among_the_oldest() {
    let table = table(3_600_000);
    let clients = u32::try_from(SOURCE_ENTRIES_MAX).expect("small");
    for n in 0..clients + clients / 10 {
        table.bind(client(n), BackendId(1), u64::from(n));
    }
    // Each shard gives up its own oldest, so the line between kept and gone is a little ragged.
    let gone: Vec<_> = (0..clients).filter(|&n| table.get(client(n), 200_000).is_none()).collect();
    assert_eq!(gone.len(), SOURCE_ENTRIES_MAX / 10);
    assert!(gone.iter().all(|&n| n < clients / 10 * 2), "{:?}", gone.last());
}

#[test]
fn workers_at_once_keep_the_bound_and_the_count() {
    let table = SourceTable::bounded(rule(3_600_000), &KEY, 1_000);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for n in 0..20_000 {
                    table.bind(client(n * 7 % 3_000 + worker), BackendId(1), u64::from(n));
                    if n % 5 == 0 {
                        table.remove(client(n % 3_000));
                    }
                    assert!(table.len() <= 1_000 + 4, "a newcomer is counted before the oldest goes");
                }
            });
        }
    });
    let held: usize = table.shards().map(|shard| shard.lru.len()).sum();
    assert_eq!(held, table.len());
    assert!(held <= 1_000);
}

#[test]
fn a_prefix_makes_neighbours_one_client() {
    let rule = SourceRule { timeout_ms: 1_000, prefix_v4: 24, prefix_v6: 56 };
    let table = SourceTable::new(rule, &KEY);
    let v4 = |host| IpAddr::from([10, 1, 2, host]);
    let v6 = |net: u16, host: u16| IpAddr::from([0x2001, 0xdb8, 0, net, 0, 0, 0, host]);
    table.bind(v4(1), BackendId(1), 0);
    table.bind(v6(0x10, 1), BackendId(2), 0);
    assert_eq!(table.get(v4(254), 0), Some(BackendId(1)));
    assert_eq!(table.get(Ipv4Addr::new(10, 1, 2, 9).to_ipv6_mapped().into(), 0), Some(BackendId(1)));
    assert_eq!(table.get([10, 1, 3, 1].into(), 0), None);
    assert_eq!(table.get(v6(0xff, 7), 0), Some(BackendId(2)));
    assert_eq!(table.get(v6(0x100, 1), 0), None);
    assert_eq!(table.len(), 2);
}

#[test]
fn every_prefix_from_nothing_to_all_bits_is_a_mask() {
    let client = |address: IpAddr, prefix| {
        SourceRule { timeout_ms: 1_000, prefix_v4: prefix, prefix_v6: prefix }.client(address)
    };
    let (v4, v6) = (IpAddr::from([255; 4]), IpAddr::from([255_u8; 16]));
    assert_eq!((client(v4, 0), client(v6, 0)), (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()));
    assert_eq!((client(v4, 1), client(v6, 1)), ([128, 0, 0, 0].into(), [0x8000, 0, 0, 0, 0, 0, 0, 0_u16].into()));
    assert_eq!((client(v4, 32), client(v6, 128)), (v4, v6));
}

#[test]
fn a_shorter_prefix_keeps_the_client_that_came_last() {
    let table = table(10_000);
    table.bind([10, 0, 0, 1].into(), BackendId(1), 5);
    table.bind([10, 0, 0, 2].into(), BackendId(2), 9);
    table.bind([10, 0, 0, 3].into(), BackendId(3), 7);
    table.bind(Ipv6Addr::LOCALHOST.into(), BackendId(4), 7);
    let wider = table.with_rule(SourceRule { prefix_v4: 24, ..rule(10_000) });
    assert_eq!(wider.get([10, 0, 0, 77].into(), 10_009), Some(BackendId(2)));
    assert_eq!(wider.get(Ipv6Addr::LOCALHOST.into(), 10_000), Some(BackendId(4)));
    assert_eq!(wider.len(), 2);
    let narrower = wider.with_rule(rule(10_000));
    assert_eq!(narrower.get([10, 0, 0, 0].into(), 10_009), None);
    assert_eq!(narrower.len(), 1);
}

#[test]
fn what_happens_to_clients_is_counted() {
    let table = table(1_000);
    assert_eq!(table.get(client(1), 0), None);
    table.bind(client(1), BackendId(1), 0);
    table.get(client(1), 10);
    table.get(client(1), 10_000);
    table.count_redispatch();
    let expected = SourceCounters {
        hits_total: 1,
        misses_total: 2,
        expired_total: 1,
        redispatched_total: 1,
        ..SourceCounters::default()
    };
    assert_eq!((table.totals(), table.len()), (expected, 0));
    assert_eq!(table.with_rule(rule(2_000)).totals(), expected);
}
