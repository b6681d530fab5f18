//! The parts of the relay that need no socket: what is held, what is granted, what is replied.

use poise_core::http::onward::IdField;
use poise_ipc::cause::Cause;
use proptest::prelude::*;

use super::download::Appetite;
use super::exchange::body_patience_ms;
use super::held::Held;
use super::reply::{Telling, reply};
use super::{REQUESTS_PER_RETRY, RETRIES_BURST_MAX, SPARE_LEN_MAX, SPARE_MAX, WorkerState};

/// The id of a request.
const ID: IdField<'_> = IdField { name: "X-Request-Id", value: b"8f2c01d4-00-0000000001" };

proptest! {
    #[test]
    fn held_bytes_come_out_in_the_order_they_went_in(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0usize..30), 0..20),
    ) {
        let (mut held, mut put, mut taken) = (Held::default(), Vec::new(), Vec::new());
        for (piece, count) in pieces {
            held.put(&piece);
            put.extend(piece);
            let count = count.min(held.bytes().len());
            taken.extend_from_slice(&held.bytes()[..count]);
            held.consume(count);
        }
        taken.extend_from_slice(held.bytes());
        prop_assert_eq!(taken, put);
    }
}

#[test]
fn second_tries_are_a_fifth_of_the_requests_after_a_burst() {
    let state = WorkerState::default();
    let burst = (0..10 * RETRIES_BURST_MAX).filter(|_| state.spend()).count();
    assert_eq!(burst, RETRIES_BURST_MAX as usize);
    let later = (0..1_000).filter(|_| {
        state.earn();
        state.spend()
    });
    assert_eq!(later.count(), 1_000 / REQUESTS_PER_RETRY as usize);
}

#[test]
fn buffers_are_used_again_unless_they_are_large_or_many() {
    let state = WorkerState::default();
    for _ in 0..2 * SPARE_MAX {
        state.reuse(vec![1; 100]);
        state.reuse(vec![1; SPARE_LEN_MAX + 1]);
    }
    let reused = std::iter::repeat_with(|| state.buffer()).take_while(|buffer| buffer.capacity() > 0);
    assert_eq!(
        reused.inspect(|buffer| assert!(buffer.is_empty() && buffer.capacity() <= SPARE_LEN_MAX)).count(),
        SPARE_MAX
    );
}

#[test]
fn a_body_may_be_slow_for_a_while_and_then_must_keep_its_rate() {
    assert_eq!(body_patience_ms(0, 0, 240), 10_000);
    assert_eq!(body_patience_ms(0, 10_000, 240), 0);
    assert_eq!(body_patience_ms(240, 10_000, 240), 1_000);
    assert_eq!(body_patience_ms(240 * 60, 70_000, 240), 0);
    assert_eq!(body_patience_ms(u64::MAX, 0, 240), u32::MAX);
    assert_eq!(body_patience_ms(1_000, 10_000, 1_000), 1_000, "the rate is the listener's");
    assert_eq!(body_patience_ms(0, u64::MAX, 0), u32::MAX, "without a rate any is fast enough");
}

#[test]
fn little_is_read_for_a_client_until_it_has_shown_that_it_takes_more() {
    let mut appetite = Appetite::default();
    let first = appetite.bytes();
    appetite.took(200, 200);
    assert_eq!(appetite.bytes(), first, "a small response shows nothing");
    for _ in 0..10 {
        appetite.took(appetite.bytes(), appetite.bytes());
    }
    assert_eq!(appetite.bytes(), crate::worker::SCRATCH_BYTES);
    appetite.took(1, 2);
    assert!(appetite.bytes() < first);
}

#[test]
fn replies_name_their_cause_and_have_the_status_of_their_cause() {
    for cause in Cause::ALL {
        let Some(status) = cause.status() else {
            assert_eq!(reply(&Telling::of(cause, true, false), ID, None), None);
            continue;
        };
        let text = String::from_utf8(reply(&Telling::of(cause, false, false), ID, None).expect("it has a status"))
            .expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && head.ends_with("Connection: close"), "{head}");
        assert!(head.contains(&format!("X-Poise-Cause: {cause}\r\n")), "{head}");
        assert!(head.contains("X-Request-Id: 8f2c01d4-00-0000000001\r\n"), "{head}");
        assert!(body.contains("request 8f2c01d4-00-0000000001\n"), "{body}");
        assert_eq!(body.contains("in phase "), cause.phase().is_some(), "{body}");
        assert!(status != 504 || cause.phase().is_some(), "{cause} names no phase");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        let head_only = reply(&Telling::of(cause, true, true), ID, None).expect("it has a status");
        assert!(head_only.ends_with(b"\r\n\r\n") && !head_only.windows(6).any(|w| w == b"close\r"));
    }
}
