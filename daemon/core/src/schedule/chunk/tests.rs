//! Every pick is handed out once, whoever makes the next chunk.

use super::*;

fn chunk(rule: &Rule, slot: u64) -> Chunk {
    Chunk::new(rule, rule.safe_place(slot), 0, &Ties::default()).0
}

#[test]
fn a_short_cycle_is_one_endless_chunk() {
    let rule = Rule::new(&[2, 1]);
    let chunk = chunk(&rule, 0);
    let picks: Vec<_> = (0..9).map_while(|_| chunk.take(&rule)).collect();
    assert_eq!(picks, [0, 1, 0, 0, 1, 0, 0, 1, 0]);
    assert_eq!(chunk.position(&rule), (9, rule.safe_place(0)));
}

#[test]
fn what_is_left_of_a_short_cycle_leads_to_the_endless_one() {
    let rule = Rule::new(&[2, 1]);
    let lead = chunk(&rule, 2);
    assert_eq!((lead.take(&rule), lead.take(&rule)), (Some(0), None));
    let next = lead.next(&rule);
    assert!(next.endless);
    assert_eq!(next.position(&rule), (1, rule.safe_place(0)));
}

#[test]
fn the_next_chunk_is_made_halfway() {
    let rule = Rule::new(&[4_001, 4_003]);
    let chunk = chunk(&rule, 0);
    (0..CHUNK_MAX / 2).for_each(|_| assert!(chunk.take(&rule).is_some()));
    assert!(chunk.next.get().is_none());
    chunk.take(&rule);
    let made = chunk.next.get().expect("half of it is gone");
    assert!(Arc::ptr_eq(made, &chunk.next(&rule)));
    assert_eq!(made.first, CHUNK_MAX as u64);
}

#[test]
fn a_late_worker_does_not_move_the_position_beyond_the_end() {
    let rule = Rule::new(&[4_001, 4_003]);
    let chunk = chunk(&rule, 0);
    let taken = (0..CHUNK_MAX + 5).filter(|_| chunk.take(&rule).is_some()).count();
    let (gone, place) = chunk.position(&rule);
    assert_eq!((taken, gone, place.slot), (CHUNK_MAX, CHUNK_MAX as u64, CHUNK_MAX as u64));
}
