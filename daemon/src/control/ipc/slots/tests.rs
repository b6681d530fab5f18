//! Who gets in, and at whose expense.

use super::*;

fn seats(role: Role, count: usize) -> Vec<Seat> {
    let uses = Uses::default();
    (0..count).map(|_| Seat::new(role, &uses)).collect()
}

#[test]
fn readers_never_take_the_reserved_places() {
    let readers = seats(Role::View, CONNECTIONS_MAX - RESERVED);
    assert_eq!(admit(readers.iter(), Role::View), Admission::Evict(0));
    assert_eq!(admit(readers.iter(), Role::Operate), Admission::Room);
}

#[test]
fn the_longest_idle_gives_way() {
    let seats = seats(Role::Operate, CONNECTIONS_MAX);
    seats[0].touch();
    seats[1].engage(Engaged::Subscribed);
    seats[2].engage(Engaged::Asking);
    assert_eq!(admit(seats.iter(), Role::Operate), Admission::Evict(3));
}

#[test]
fn a_reader_gives_way_before_an_operator_and_never_the_reverse() {
    let mut all = seats(Role::Operate, CONNECTIONS_MAX - 1);
    assert_eq!(admit(all.iter(), Role::View), Admission::Full);
    all.push(Seat::new(Role::View, &Uses::default()));
    assert_eq!(admit(all.iter(), Role::Operate), Admission::Evict(CONNECTIONS_MAX - 1));
    assert_eq!(admit(all.iter(), Role::View), Admission::Evict(CONNECTIONS_MAX - 1));
}

#[test]
fn who_steps_down_counts_as_what_is_left() {
    let seats = seats(Role::Admin, CONNECTIONS_MAX);
    assert_eq!(admit(seats.iter(), Role::Operate), Admission::Full);
    seats[5].set_role(Role::View);
    assert_eq!(admit(seats.iter(), Role::Operate), Admission::Evict(5));
}

#[test]
fn a_socket_full_of_busy_peers_is_full() {
    let seats = seats(Role::Admin, CONNECTIONS_MAX);
    for seat in &seats {
        seat.engage(Engaged::Asking);
    }
    assert_eq!(admit(seats.iter(), Role::Admin), Admission::Full);
    seats[7].engage(Engaged::Subscribed);
    assert_eq!(admit(seats.iter(), Role::Admin), Admission::Evict(7), "a subscription is the last to give way");
    seats[9].set_stalled(true);
    assert_eq!(admit(seats.iter(), Role::Admin), Admission::Evict(9), "who does not read counts as idle");
}
