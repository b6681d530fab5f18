//! Who keeps a place.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;

const A: ListenerId = ListenerId(1);
const B: ListenerId = ListenerId(2);

fn is_lost(place: &Place<'_>) -> bool {
    pin!(place.lost()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn the_one_that_takes_longest_gives_way_to_whoever_comes() {
    let (crowd, open) = (Crowd::new(2), live::Cell::default());
    let (first, second) = (crowd.take(A, &open), crowd.take(A, &open));
    assert!(!is_lost(&first) && !is_lost(&second));
    let third = crowd.take(A, &open);
    assert_eq!([&first, &second, &third].map(is_lost), [true, false, false]);
    assert_eq!(open.get(), 3, "it is open until it has ended");
    drop(first);
    assert_eq!((open.get(), crowd.count.get()), (2, 2));
    drop((second, third));
    assert_eq!((open.get(), crowd.count.get()), (0, 0));
    assert!(crowd.queues.borrow().is_empty(), "a listener that is gone leaves nothing behind");
}

#[test]
fn a_flood_of_one_listener_costs_no_other_a_place() {
    let (crowd, open) = (Crowd::new(4), live::Cell::default());
    let quiet = crowd.take(B, &open);
    let flood: Vec<_> = (0..100).map(|_| crowd.take(A, &open)).collect();
    assert!(!is_lost(&quiet));
    assert_eq!(flood.iter().filter(|place| !is_lost(place)).count(), 3);
    assert_eq!(crowd.count.get(), 4);
    let other = crowd.take(B, &open);
    assert!(!is_lost(&other) && !is_lost(&quiet), "who has the most gives way");
}

#[test]
fn a_place_that_is_given_back_is_free() {
    let (crowd, open) = (Crowd::new(1), live::Cell::default());
    for _ in 0..3 {
        assert!(!is_lost(&crowd.take(A, &open)));
    }
    let only = crowd.take(A, &open);
    assert!(crowd.is_half_full() && !is_lost(&only));
}
