//! Floods that `h2` itself ends, by bounds that we set or rely on: each ends the connection with the
//! goodbye that says why, and where it should, not before.

use poise_ipc::cause::Cause;

use super::h2;
use crate::backends::{Scripted, read_to_end, until};
use crate::multiplexed::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Raw, WINDOW_UPDATE, code, frame,
    request,
};
use crate::rig::Rig;

/// Codes of RFC 9113 section 7.
const NO_ERROR: u32 = 0;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const ENHANCE_YOUR_CALM: u32 = 11;
/// Empty frames of data, and continuations of one head, that `h2` 0.4.20 allows.
const EMPTY_MAX: usize = 100;
const CONTINUATIONS_MAX: usize = 5;
/// Resets of streams that we may not have seen yet.
const UNSEEN_MAX: u32 = 100;
/// Resets in all, by either side.
const RESETS_MAX: u32 = 200;

/// A rig whose backend never answers.
fn silent() -> (Scripted, Rig) {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let rig = h2(&[silent.address]);
    (silent, rig)
}

/// The head of a request on a stream that the client opens as its nth.
fn asked(number: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &request(&[]))
}

fn reset(number: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, 2 * number + 1, &CANCEL)
}

/// Whether everything that was sent has been handled and the connection is no nearer its end.
fn lives(raw: &mut Raw) -> bool {
    raw.bytes(&frame(PING, 0, 0, &[0; 8]))
        && std::iter::from_fn(|| raw.next()).take_while(|frame| frame.kind != GOAWAY).any(|frame| frame.kind == PING)
}

/// The bytes are endured, and one time more ends the connection, as a flood.
fn assert_bound(first: &[u8], one: &[u8], endured: usize) {
    let (_backend, rig) = silent();
    let mut raw = Raw::connect(rig.address_of("front"));
    assert!(raw.bytes(first) && raw.bytes(&one.repeat(endured)));
    assert!(raw.bytes(one));
    assert_eq!(raw.goodbye(), Some(ENHANCE_YOUR_CALM));
    until("it is counted", || rig.count_of(Cause::Http2Flood) == 1);
}

#[test]
fn data_without_data_ends_the_connection_after_a_hundred_frames() {
    let (head, empty) = (frame(HEADERS, END_HEADERS, 1, &request(&[])), frame(DATA, 0, 1, &[]));
    let (_backend, rig) = silent();
    let mut raw = Raw::connect(rig.address_of("front"));
    assert!(raw.bytes(&head) && raw.bytes(&empty.repeat(EMPTY_MAX)) && lives(&mut raw));
    assert_bound(&head, &empty, EMPTY_MAX);
}

#[test]
fn continuations_without_end_end_the_connection() {
    assert_bound(&frame(HEADERS, 0, 1, &request(&[])), &frame(CONTINUATION, 0, 1, &[]), CONTINUATIONS_MAX);
    let (_backend, rig) = silent();
    let mut raw = Raw::connect(rig.address_of("front"));
    let most = frame(CONTINUATION, 0, 1, &[]).repeat(CONTINUATIONS_MAX);
    let last = frame(CONTINUATION, END_HEADERS, 1, &[]);
    assert!(raw.bytes(&[frame(HEADERS, END_STREAM, 1, &request(&[])), most, last].concat()) && lives(&mut raw));
}

#[test]
fn a_page_that_is_left_before_it_was_seen_is_no_flood_and_more_is() {
    let (_backend, rig) = silent();
    // In one piece, so that one turn finds it all.
    let left = |count: u32| (0..count).flat_map(|number| [asked(number), reset(number)].concat()).collect::<Vec<u8>>();
    let mut page = Raw::connect(rig.address_of("front"));
    assert!(lives(&mut page) && page.bytes(&left(UNSEEN_MAX)) && lives(&mut page));
    let mut flood = Raw::connect(rig.address_of("front"));
    assert!(lives(&mut flood) && flood.bytes(&left(RESETS_MAX * 3 / 4)));
    assert_eq!(flood.goodbye(), Some(ENHANCE_YOUR_CALM));
    until("it is counted", || rig.count_of(Cause::Http2Flood) == 1);
}

#[test]
fn the_two_hundredth_reset_of_a_request_that_was_taken_brings_the_goodbye() {
    let (_backend, rig) = silent();
    let mut raw = Raw::connect(rig.address_of("front"));
    for number in 0..RESETS_MAX - 1 {
        assert!(raw.bytes(&asked(number)) && lives(&mut raw), "the request is taken");
        assert!(raw.bytes(&reset(number)) && lives(&mut raw), "{number} resets are no reason to part");
    }
    assert!(raw.bytes(&asked(RESETS_MAX)) && lives(&mut raw) && raw.bytes(&reset(RESETS_MAX)));
    assert_eq!(raw.goodbye(), Some(NO_ERROR), "polite: it is told to begin anew");
}

#[test]
fn two_hundred_resets_that_poised_is_made_to_send_end_the_connection() {
    let (_backend, rig) = silent();
    let mut raw = Raw::connect(rig.address_of("front"));
    // A window that grows beyond its bound is an error of the stream (RFC 9113 section 6.9.1).
    let wrong = |number: u32| frame(WINDOW_UPDATE, 0, 2 * number + 1, &[0x7f, 0xff, 0xff, 0xff]);
    for number in 0..RESETS_MAX {
        assert!(raw.bytes(&[asked(number), wrong(number)].concat()));
        let answer = std::iter::from_fn(|| raw.next()).find(|frame| [RST_STREAM, GOAWAY].contains(&frame.kind));
        assert_eq!(answer.map(|frame| frame.kind), Some(RST_STREAM), "{number} resets are endured");
    }
    assert!(raw.bytes(&[asked(RESETS_MAX), wrong(RESETS_MAX)].concat()));
    let goodbye = raw.next_of(GOAWAY).expect("a goodbye");
    assert_eq!(code(&goodbye.payload[4..]), ENHANCE_YOUR_CALM);
    until("it is counted", || rig.count_of(Cause::Http2Flood) == 1);
}
