//! Connections that only make work are told to calm down and cut; others do not notice.

use poise_ipc::cause::Cause;

use super::h2;
use crate::backends::{Scripted, read_to_end, until};
use crate::multiplexed::{
    CONTINUATION, Client, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE,
    frame, request, run,
};
use crate::rig::Rig;
use crate::script::Named;

/// The code of a goodbye to somebody who makes too much work (RFC 9113 §7).
const ENHANCE_YOUR_CALM: u32 = 11;
/// More than any flood needs until it is noticed.
const ROUNDS_MAX: u32 = 20_000;

/// Floods until the connection ends, and says what the goodbye was.
fn flood(rig: &Rig, mut bytes: impl FnMut(u32) -> Vec<u8>) -> Option<u32> {
    let mut raw = Raw::connect(rig.address_of("front"));
    let mut reader = Raw(raw.0.try_clone().expect("a descriptor"));
    let goodbye = std::thread::spawn(move || reader.goodbye());
    let ended = (0..ROUNDS_MAX).any(|round| !raw.bytes(&bytes(round)));
    let goodbye = goodbye.join().expect("the reader ends");
    assert!(ended || goodbye.is_some(), "the connection lives on");
    goodbye
}

fn assert_cut(what: &str, bytes: impl FnMut(u32) -> Vec<u8>) {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        let calm = Client::connect(rig.address_of("front")).await;
        let address = rig.address_of("front");
        let goodbye = flood(&rig, bytes);
        // A reset may overtake the goodbye: then the end alone tells.
        assert!(matches!(goodbye, None | Some(ENHANCE_YOUR_CALM)), "{what}: {goodbye:?}");
        until(what, || rig.count_of(Cause::Http2Flood) == 1);
        assert_eq!(calm.get("/").await.expect("a response").body, b"a", "{what}: others are served");
        assert_eq!(Client::connect(address).await.get("/").await.expect("a response").status, 200, "{what}");
    });
}

/// The number of the stream of a round.
fn stream(round: u32) -> u32 {
    2 * round + 1
}

#[test]
fn pings() {
    assert_cut("pings", |_| frame(PING, 0, 0, &[0; 8]));
}

#[test]
fn settings() {
    assert_cut("settings", |_| frame(SETTINGS, 0, 0, &[]));
}

#[test]
fn priorities() {
    assert_cut("priorities", |round| frame(PRIORITY, 0, stream(round), &[0, 0, 0, 0, 1]));
}

#[test]
fn windows() {
    assert_cut("windows", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]));
}

#[test]
fn unknown_frames() {
    assert_cut("unknown frames", |_| frame(0xbe, 0, 0, &[]));
}

#[test]
fn rapid_resets() {
    assert_cut("rapid resets", |round| {
        let asked = frame(HEADERS, END_HEADERS | END_STREAM, stream(round), &request(&[]));
        [asked, frame(RST_STREAM, 0, stream(round), &[0, 0, 0, 8])].concat()
    });
}

#[test]
fn resets_of_requests_that_were_taken() {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let rig = h2(&[silent.address]);
    let mut raw = Raw::connect(rig.address_of("front"));
    // What comes back tells that the stream before was taken: `h2` counts only those that were not.
    let cut = (0..ROUNDS_MAX / 10).any(|round| {
        raw.bytes(&frame(HEADERS, END_HEADERS | END_STREAM, stream(round), &request(&[])));
        raw.bytes(&frame(PING, 0, 0, &[0; 8]));
        let lives = std::iter::from_fn(|| raw.next()).any(|frame| frame.kind == PING);
        !lives || !raw.bytes(&frame(RST_STREAM, 0, stream(round), &[0, 0, 0, 8]))
    });
    assert!(cut, "the connection lives on");
    until("it is counted", || rig.count_of(Cause::Http2Flood) == 1);
}

#[test]
fn resets_that_poised_is_made_to_send() {
    assert_cut("made-you-reset", |round| {
        let asked = frame(HEADERS, END_HEADERS | END_STREAM, stream(round), &request(&[]));
        // A window that grows beyond its bound is an error of the stream (RFC 9113 §6.9.1).
        [asked, frame(WINDOW_UPDATE, 0, stream(round), &[0x7f, 0xff, 0xff, 0xff])].concat()
    });
}

#[test]
fn header_bombs() {
    assert_cut("header bombs", |round| match round {
        0 => frame(HEADERS, 0, 1, &request(&[("x-bomb", &"b".repeat(120))])),
        // Each byte names the field again that was not indexed: literals of names of the table.
        _ => frame(CONTINUATION, 0, 1, &crate::multiplexed::block(&[("x-bomb", &"b".repeat(120))]).repeat(100)),
    });
}
