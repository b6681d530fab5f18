//! Flows one by one; the simulation has the rest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;

/// Backends that may be used, the first of which is chosen.
struct Usable(&'static [u64]);

impl Guide for Usable {
    fn keeps(&mut self, backend: BackendId) -> bool {
        self.0.contains(&backend.0)
    }

    fn choose(&mut self, _: &Key, lost: Option<BackendId>) -> Result<BackendId, Cause> {
        let other = self.0.iter().find(|id| Some(BackendId(**id)) != lost);
        other.or(self.0.first()).map(|id| BackendId(*id)).ok_or(Cause::AllDown)
    }
}

const TERMS: Terms = Terms { idle_timeout_ms: 30_000, replies_max: 0, flows_max: 2, generation: 1 };

fn table(terms: Terms) -> Table {
    Table::new(terms, [9; 16])
}

fn key(port: u16) -> Key {
    Key { client: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), local: None }
}

fn opened(table: &mut Table, key: &Key, now_ms: u64) -> FlowId {
    match table.client(key, now_ms, &mut Usable(&[1, 2])) {
        Course::Open(flow, _) => flow,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_table_turns_newcomers_away_and_keeps_who_is_there() {
    let mut table = table(TERMS);
    let first = opened(&mut table, &key(1), 0);
    opened(&mut table, &key(2), 0);
    assert_eq!(table.client(&key(3), 1, &mut Usable(&[1])), Course::Drop(Cause::FlowLimit));
    assert_eq!(table.client(&key(1), 2, &mut Usable(&[1])), Course::Forward(first));
    assert_eq!(table.len(), 2);
}

#[test]
fn a_lowered_bound_throws_nobody_out() {
    let mut table = table(TERMS);
    let first = opened(&mut table, &key(1), 0);
    table.follow(Terms { flows_max: 0, ..TERMS });
    assert_eq!(table.client(&key(1), 2, &mut Usable(&[1])), Course::Forward(first));
}

#[test]
fn silence_is_counted_from_the_last_datagram_of_either_side() {
    let mut table = table(TERMS);
    let flow = opened(&mut table, &key(1), 0);
    table.replies(flow, 1, 20_000);
    assert_eq!((table.expire(49_999), table.next_due_ms()), (None, Some(50_000)));
    assert_eq!((table.expire(50_000), table.next_due_ms()), (Some(flow), None));
}

#[test]
fn what_the_backend_before_says_is_stale_once_the_flow_has_moved() {
    let mut table = table(TERMS);
    let before = opened(&mut table, &key(1), 0);
    table.follow(Terms { generation: 2, ..TERMS });
    let course = table.client(&key(1), 1, &mut Usable(&[2]));
    let Course::Move(after, BackendId(2)) = course else { panic!("{course:?}") };
    assert_eq!(table.replies(before, 1, 2), Replies { count: 0, ends: false });
    assert_eq!(table.replies(after, 1, 2), Replies { count: 1, ends: false });
    assert!(!table.refused(before) && !table.close(before) && table.close(after));
}

#[test]
fn no_more_replies_pass_than_are_asked_for() {
    let mut table = table(Terms { replies_max: 3, ..TERMS });
    let flow = opened(&mut table, &key(1), 0);
    assert_eq!(table.replies(flow, 2, 1), Replies { count: 2, ends: false });
    assert_eq!(table.replies(flow, 5, 1), Replies { count: 1, ends: true });
    assert!(table.is_empty() && table.owed() == 0);
}

#[test]
fn a_flow_stays_with_a_backend_that_refused_if_there_is_no_other() {
    let mut table = table(TERMS);
    let flow = opened(&mut table, &key(1), 0);
    assert!(table.refused(flow));
    assert_eq!(table.client(&key(1), 1, &mut Usable(&[1])), Course::Forward(flow));
    assert!(table.refused(flow));
    assert!(matches!(table.client(&key(1), 1, &mut Usable(&[1, 2])), Course::Move(_, BackendId(2))));
}

#[test]
fn addresses_of_ours_make_flows_of_their_own() {
    let mut table = table(TERMS);
    let at = |last| Key { local: Some(IpAddr::from([127, 0, 0, last])), ..key(1) };
    assert_ne!(opened(&mut table, &at(1), 0), opened(&mut table, &at(2), 0));
}

#[test]
fn after_a_flood_the_places_are_new_and_old_names_stay_stale() {
    let mut table = table(Terms { flows_max: 500, ..TERMS });
    let flood: Vec<_> = (0..500).map(|port| opened(&mut table, &key(port), 0)).collect();
    while table.expire(60_000).is_some() {}
    let flow = opened(&mut table, &key(9), 60_000);
    assert_eq!(flow.slot(), 0);
    assert!(flood.iter().all(|old| table.key(*old).is_none()));
}

#[test]
fn a_flow_that_is_taken_up_keeps_its_backend_and_its_silence() {
    let mut before = table(TERMS);
    let flow = opened(&mut before, &key(1), 0);
    before.replies(flow, 3, 5_000);
    let known = before.known(flow, 15_000).expect("it is open");
    assert_eq!((known.backend, known.idle_ms, known.replies, known.owed), (BackendId(1), 10_000, 3, false));
    let mut after = table(TERMS);
    let taken = after.take_up(&known, 40_000).expect("there is room");
    assert_eq!((after.take_up(&known, 40_000), after.next_due_ms()), (None, Some(60_000)));
    // It may stay where it is although another comes first.
    assert_eq!(after.client(&key(1), 41_000, &mut Usable(&[2, 1])), Course::Forward(taken));
    assert_eq!(after.owed(), 1);
}

#[test]
fn a_flow_that_is_taken_up_moves_when_its_backend_is_gone() {
    let mut table = table(TERMS);
    let known = Known { key: key(1), backend: BackendId(7), idle_ms: 0, replies: 0, owed: true };
    table.take_up(&known, 0).expect("there is room");
    assert!(matches!(table.client(&key(1), 1, &mut Usable(&[1])), Course::Move(_, BackendId(1))));
    assert_eq!(table.owed(), 1);
}
