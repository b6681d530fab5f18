//! Limits hold exactly, change at once and forget only what is at rest.

use std::net::Ipv4Addr;

use poise_ipc::model::{Bandwidth, Count};
use proptest::prelude::*;

use super::*;

const KEY: TokenKey = TokenKey::new([7; 16]);
const SECOND_NS: u64 = 1_000_000_000;

fn client(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))
}

fn limits(connections: Option<u32>, of_source: Option<u32>, rate: Option<u32>) -> ListenerLimits {
    ListenerLimits {
        connections_max: connections.map(Count),
        source_connections_max: of_source.map(Count),
        source_rate_max: rate.map(Count),
        ..ListenerLimits::default()
    }
}

#[test]
fn no_more_connections_are_open_than_the_listener_allows() {
    let limiter = Arc::new(Limiter::new(&KEY));
    let two = limits(Some(2), None, None);
    let open: Vec<_> = (0..3).map(|n| limiter.admit(Some(client(n)), &two, 0)).collect();
    let causes: Vec<_> = open.iter().map(|admitted| admitted.as_ref().err().copied()).collect();
    assert_eq!(causes, [None, None, Some(Cause::ListenerLimit)]);
    assert_eq!(limiter.admit(None, &limits(Some(1), None, None), 0).err(), Some(Cause::ListenerLimit), "lowered");
    assert!(limiter.admit(None, &limits(None, None, None), 0).is_ok(), "lifted");
    drop(open);
    assert_eq!(limiter.open(), 0);
    assert!(limiter.admit(None, &two, 0).is_ok());
}

#[test]
fn an_address_has_no_more_connections_than_it_may_and_others_do_not_suffer() {
    let limiter = Arc::new(Limiter::new(&KEY));
    let one = limits(None, Some(1), None);
    let first = limiter.admit(Some(client(1)), &one, 0).expect("the first");
    assert_eq!(limiter.admit(Some(client(1)), &one, 0).err(), Some(Cause::SourceLimit));
    let wrapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
    assert_eq!(limiter.admit(Some(wrapped), &one, 0).err(), Some(Cause::SourceLimit), "the same client");
    assert!(limiter.admit(Some(client(2)), &one, 0).is_ok());
    assert_eq!(limiter.open(), 1, "who was refused does not count");
    drop(first);
    assert!(limiter.admit(Some(client(1)), &one, 0).is_ok());
    assert_eq!(limiter.sources.len(), 0, "nobody at rest is remembered without need");
}

#[test]
fn new_connections_of_an_address_keep_to_its_rate() {
    let limiter = Arc::new(Limiter::new(&KEY));
    let ten = limits(None, None, Some(10));
    let admitted = |now_ms| limiter.admit(Some(client(1)), &ten, now_ms).is_ok();
    assert_eq!((0..20).filter(|_| admitted(5_000)).count(), 10, "a second's worth at once");
    assert!(!admitted(5_099));
    assert!(admitted(5_100), "a tenth of a second buys one");
    assert!(!admitted(5_100));
    assert_eq!((0..100).filter(|n| admitted(5_200 + 10 * n)).count(), 10, "over the next second");
    assert_eq!(limiter.admit(Some(client(1)), &limits(None, None, Some(0)), 9_000).err(), Some(Cause::SourceLimit));
    let hundred = limits(None, None, Some(100));
    assert_eq!((0..200).filter(|_| limiter.admit(Some(client(1)), &hundred, 9_000).is_ok()).count(), 100, "raised");
}

#[test]
fn a_full_table_forgets_who_rests_and_lets_strangers_in_untracked() {
    let sources = Sources::new(&KEY, 64);
    let one = SourceLimits { connections_max: Some(1), rate_max: Some(1) };
    let open: Vec<_> = (0..1_000).filter_map(|n| sources.enter(client(n), one, 0).expect("a stranger")).collect();
    assert!(open.len() <= 64 && open.len() >= 48, "{} of 64", open.len());
    assert_eq!(sources.untracked_total(), 1_000 - open.len() as u64);
    let busy = open[0].client;
    assert!(sources.enter(busy, one, 10_000).is_err(), "who is busy stays known");
    for visit in open {
        sources.leave(visit);
    }
    assert!(sources.enter(busy, one, 500).is_err(), "the rate is remembered after the close");
    let fresh: Vec<_> = (2_000..3_000).filter_map(|n| sources.enter(client(n), one, 20_000).expect("one")).collect();
    assert!(fresh.len() >= 48, "who rests makes room: {}", fresh.len());
    assert!(sources.len() <= 64);
}

#[test]
fn a_bucket_without_a_limit_lets_everything_pass() {
    let bucket = Bucket::default();
    bucket.charge(1 << 30, 0);
    assert_eq!((bucket.is_limited(), bucket.room(1)), (false, usize::MAX));
}

/// Reads as a relay does, every 10 ms: what there is room for, but never more than `read_max`.
fn pass(bucket: &Bucket, from_ns: u64, for_ns: u64, read_max: usize) -> u64 {
    let mut passed = 0;
    for now_ns in (from_ns..from_ns + for_ns).step_by(10_000_000) {
        while let room @ 1.. = bucket.room(now_ns) {
            let n = room.min(read_max);
            bucket.charge(n, now_ns);
            passed += n as u64;
        }
    }
    passed
}

proptest! {
    #[test]
    fn a_bucket_is_within_five_percent_over_two_seconds(bits in 100_000_u64..40_000_000_000, read_max in 1_usize..1 << 20) {
        let bucket = Bucket::default();
        bucket.set(Some(Bandwidth(bits)));
        // Tiny reads of fast rates would only take long.
        let read_max = read_max.max(usize::try_from(bits / 80_000).unwrap_or(usize::MAX));
        let passed = pass(&bucket, SECOND_NS, 2 * SECOND_NS, read_max) as f64;
        let ideal = 2.0 * bits as f64 / 8.0;
        prop_assert!((passed - ideal).abs() <= 0.05 * ideal + 1_460.0, "{passed} of {ideal}");
    }
}

#[test]
fn a_changed_rate_holds_at_once_and_the_same_rate_forgives_nothing() {
    let bucket = Bucket::default();
    bucket.set(Some(Bandwidth(8_000)));
    bucket.charge(100_000, SECOND_NS);
    bucket.set(Some(Bandwidth(8_000)));
    assert_eq!(bucket.room(2 * SECOND_NS), 0, "a hundred seconds of debt");
    bucket.set(Some(Bandwidth(8_000_000)));
    assert_eq!(bucket.room(2 * SECOND_NS), 50_000, "a fresh burst at the new rate");
    bucket.set(None);
    assert_eq!(bucket.room(0), usize::MAX);
}

#[test]
fn datagrams_over_the_limit_are_turned_away() {
    let bucket = Bucket::default();
    bucket.set(Some(Bandwidth(80_000)));
    let admitted = (0..5_000_u64).filter(|ms| bucket.admit(100, SECOND_NS + ms * 1_000_000)).count();
    assert!((500..=506).contains(&admitted), "{admitted} of 500 datagrams in five seconds");
}
