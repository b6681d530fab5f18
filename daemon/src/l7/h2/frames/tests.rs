//! What is fair use of a connection, and what is not.

use super::*;
use proptest::prelude::*;

const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

fn frame(kind: u8, flags: u8, len: usize) -> Vec<u8> {
    let len_bytes = u32::try_from(len).expect("a small frame").to_be_bytes();
    let mut frame = vec![len_bytes[1], len_bytes[2], len_bytes[3], kind, flags, 0, 0, 0, 1];
    // Payloads that look like frames must not be taken for any.
    frame.extend(std::iter::repeat_n(RST_STREAM, len));
    frame
}

fn send(frames: &mut Frames, count: u32, one: &[u8]) -> Verdict {
    (0..count).map(|_| frames.received(one, 0)).last().expect("some")
}

#[test]
fn frames_that_only_make_work_are_a_flood_once_the_credit_is_spent() {
    for (kind, flags, len) in [(PING, 0, 8), (SETTINGS, 0, 0), (WINDOW_UPDATE, 0, 4), (0xbe, 0, 3)] {
        let mut frames = Frames::new(0, 0);
        assert_eq!(send(&mut frames, CREDIT_MAX, &frame(kind, flags, len)), Verdict::Fair, "kind {kind}");
        assert_eq!(send(&mut frames, 1, &frame(kind, flags, len)), Verdict::Flood, "kind {kind}");
    }
}

#[test]
fn requests_data_and_what_is_sent_back_earn_credit() {
    let mut frames = Frames::new(0, 0);
    for _ in 0..CREDIT_MAX {
        frames.received(&frame(HEADERS, 5, 30), 0);
        assert_eq!(send(&mut frames, CREDIT_PER_HEAD, &frame(WINDOW_UPDATE, 0, 4)), Verdict::Fair);
        frames.received(&frame(DATA, 0, 1), 0);
        assert_eq!(send(&mut frames, 1, &frame(PING, 0, 8)), Verdict::Fair);
        frames.sent(2 * BYTES_PER_CREDIT);
        assert_eq!(send(&mut frames, 2, &frame(WINDOW_UPDATE, 0, 4)), Verdict::Fair);
        frames.received(&frame(DATA, END_STREAM, 0), 0);
        frames.received(&frame(SETTINGS, ACK, 0), 0);
    }
}

#[test]
fn time_heals_a_connection_that_makes_little_work() {
    let mut frames = Frames::new(0, 0);
    let a_day_of_pings =
        (0..24 * 3600 * CREDIT_PER_S).map(|n| frames.received(&frame(PING, 0, 8), n * 1_000 / CREDIT_PER_S));
    assert!(a_day_of_pings.into_iter().all(|verdict| verdict == Verdict::Fair));
}

#[test]
fn resets_make_a_connection_begin_anew_and_then_are_a_flood() {
    let mut frames = Frames::new(0, 0);
    let mut after = |count| {
        let one = [frame(HEADERS, 5, 30), frame(RST_STREAM, 0, 4)].concat();
        send(&mut frames, count, &one)
    };
    assert_eq!(after(RESETS_MAX - 1), Verdict::Fair);
    assert_eq!(after(1), Verdict::Weary);
    assert_eq!(after(RESETS_MAX - 1), Verdict::Weary);
    assert_eq!(after(1), Verdict::Flood);
}

proptest! {
    #[test]
    fn frames_are_counted_wherever_the_bytes_are_cut(
        wanted in prop::collection::vec((prop::sample::select(vec![DATA, HEADERS, RST_STREAM, PING]), 0usize..70), 1..40),
        cut in 1usize..50,
    ) {
        let bytes: Vec<u8> = wanted.iter().flat_map(|&(kind, len)| frame(kind, 0, len)).collect();
        let (mut whole, mut pieces) = (Frames::new(0, 0), Frames::new(24, 0));
        whole.received(&bytes, 0);
        let with_preface = [super::super::PREFACE, &bytes].concat();
        for piece in with_preface.chunks(cut) {
            pieces.received(piece, 0);
        }
        let resets = wanted.iter().filter(|(kind, _)| *kind == RST_STREAM).count();
        prop_assert_eq!(whole.resets as usize, resets);
        prop_assert_eq!((pieces.resets, pieces.credit), (whole.resets, whole.credit));
    }
}

/// A connection whose heads came with so much between them, so often.
fn after_heads(count: usize, between: usize) -> Frames {
    let mut frames = Frames::new(0, 0);
    for _ in 0..count {
        frames.received(&[frame(HEADERS, 5, 91), frame(DATA, 0, between)].concat(), 0);
    }
    frames
}

#[test]
fn heads_that_come_close_to_each_other_keep_little_however_many_they_are() {
    assert!(!after_heads(100_000, 100).keeps_much());
}

#[test]
fn heads_that_come_far_apart_keep_much_from_then_on() {
    assert!(!after_heads(3, 8 << 10).keeps_much());
    let mut frames = after_heads(5, 8 << 10);
    assert!(frames.keeps_much());
    for _ in 0..10_000 {
        frames.received(&frame(HEADERS, 5, 1), 0);
    }
    assert!(frames.keeps_much(), "nobody knows that the table has forgotten them");
}

#[test]
fn data_in_very_many_pieces_may_have_made_the_table_large() {
    let pieces = |count, len, flags| {
        let mut frames = Frames::new(0, 0);
        send(&mut frames, count, &frame(DATA, flags, len));
        frames.keeps_much()
    };
    assert!(!pieces(100, 255, 0) && pieces(101, 255, 0) && pieces(101, 0, 0));
    assert!(!pieces(10_000, 256, 0), "data has as much memory as it takes");
    assert!(!pieces(10_000, 5, END_STREAM), "there are no more of them than streams");
    let mut frames = Frames::new(0, 0);
    let one = [frame(HEADERS, 4, 30), frame(DATA, 0, 10), frame(DATA, 0, 10), frame(DATA, END_STREAM, 0)].concat();
    send(&mut frames, 10_000, &one);
    assert!(!frames.keeps_much(), "a message or two in each request");
}
