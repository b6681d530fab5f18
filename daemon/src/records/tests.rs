//! Records keep their order, and what does not fit is counted.

use super::*;

fn record(at_ms: u64) -> Record {
    let client = SocketAddr::from(([127, 0, 0, 1], 1));
    Record { at_ms, listener: ListenerId(1), backend: None, client, cause: Cause::IdleTimeout }
}

#[test]
fn records_arrive_in_order_and_the_overflow_is_counted() {
    let (mut sender, mut receiver) = ring(3);
    (0..5).for_each(|at_ms| sender.send(record(at_ms)));
    assert_eq!(receiver.lost_total(), 2);
    assert_eq!(std::iter::from_fn(|| receiver.take()).map(|r| r.at_ms).collect::<Vec<_>>(), [0, 1, 2]);
    sender.send(record(9));
    assert_eq!(receiver.take(), Some(record(9)));
    assert_eq!(receiver.take(), None);
}

#[test]
fn a_ring_is_shared_between_two_threads() {
    let (mut sender, mut receiver) = ring(RECORDS_MAX);
    let worker = std::thread::spawn(move || (0..1_000).for_each(|at_ms| sender.send(record(at_ms))));
    worker.join().expect("the sender does not panic");
    assert_eq!(std::iter::from_fn(|| receiver.take()).count(), 1_000);
    assert_eq!(receiver.lost_total(), 0);
}
