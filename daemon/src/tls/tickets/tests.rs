//! Tickets open where their keys are, and nowhere else.

use super::*;

#[test]
fn a_ticket_is_opened_by_the_process_that_follows() {
    let before = Tickets::new(None).expect("randomness");
    let ticket = before.encrypt(b"a session").expect("sealed");
    let after = Tickets::new(Some(before.keys())).expect("keys");
    assert_eq!(after.decrypt(&ticket).as_deref(), Some(&b"a session"[..]));
    assert_eq!(Tickets::new(None).expect("randomness").decrypt(&ticket), None);
}

#[test]
fn the_key_before_opens_and_the_one_before_that_does_not() {
    let tickets = Tickets::new(None).expect("randomness");
    let ticket = tickets.encrypt(b"a session").expect("sealed");
    tickets.turn(now_ms() + TURN_MS);
    assert!(tickets.decrypt(&ticket).is_some(), "the key before is kept");
    tickets.turn(now_ms() + 2 * TURN_MS);
    assert_eq!(tickets.decrypt(&ticket), None);
}

#[test]
fn what_was_altered_or_cut_is_no_ticket() {
    let tickets = Tickets::new(None).expect("randomness");
    let ticket = tickets.encrypt(b"a session").expect("sealed");
    for at in 0..ticket.len() {
        let mut altered = ticket.clone();
        altered[at] ^= 1;
        assert_eq!(tickets.decrypt(&altered), None);
        assert_eq!(tickets.decrypt(&ticket[..at]), None);
    }
}
