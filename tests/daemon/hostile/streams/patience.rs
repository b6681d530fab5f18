//! Backends that say goodbye, too much, too little or nothing at all.

use super::{BAD, BROKEN, CALM, EVIL, GOOD, May, SILENCE, Then, data, headers, ok, tell_all, truth};
use crate::multiplexed::{CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, SETTINGS, block, frame};

#[test]
fn a_goodbye_lets_what_is_under_way_end() {
    fn goodbye(last: u32) -> Vec<u8> {
        frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &[0; 4]].concat())
    }
    tell_all(
        CALM,
        &[
            ("before the head", |n| [goodbye(n), truth(n)].concat(), Then::Wait, May::Whole(GOOD)),
            (
                "within the body",
                |n| [ok(n, &[]), data(n, 0, "go"), goodbye(n), data(n, END_STREAM, "od")].concat(),
                Then::Close,
                May::Whole(GOOD),
            ),
            ("to everybody, for ever", |_| goodbye(0), Then::Close, BROKEN),
        ],
    );
}

#[test]
fn floods_and_bombs_of_a_backend_are_cut_or_outlived() {
    /// A table entry of 4,000 bytes that a block names so often.
    fn bomb(stream: u32) -> Vec<u8> {
        let mut block = block(&[(":status", "200")]);
        block.extend([0x40, 1, b'a', 0x7f, 0xa1, 0x1e]);
        block.extend([b'x'; 4_000]);
        block.extend([0xbe; 12_000]);
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
    }
    /// A block of a megabyte in pieces.
    fn pieces(stream: u32) -> Vec<u8> {
        let field = [&[0, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4_000]].concat();
        let first = frame(HEADERS, 0, stream, &block(&[(":status", "200")]));
        [first, frame(CONTINUATION, 0, stream, &field).repeat(250)].concat()
    }
    const LARGE: May = May::Refuse(&["response-head-too-large", "bad-response", "backend-closed"]);
    tell_all(
        CALM,
        &[
            (
                "settings",
                |n| [frame(SETTINGS, 0, 0, &[]).repeat(5_000), truth(n)].concat(),
                Then::Wait,
                May::Whole(GOOD),
            ),
            ("pings", |n| [frame(PING, 0, 0, &[7; 8]).repeat(5_000), truth(n)].concat(), Then::Wait, May::Whole(GOOD)),
            (
                "empty data",
                |n| [ok(n, &[]), data(n, 0, "").repeat(5_000), data(n, END_STREAM, GOOD)].concat(),
                Then::Wait,
                May::WholeOrCut(GOOD),
            ),
            ("a table bomb", bomb, Then::Wait, LARGE),
            ("a head in pieces", pieces, Then::Wait, LARGE),
            (
                "endless interim heads",
                |n| headers(n, 0, &[(":status", "103"), ("a", EVIL)]).repeat(300),
                Then::Wait,
                BAD,
            ),
        ],
    );
}

#[test]
fn silence_is_named_and_what_is_silent_is_not_asked_again() {
    const SILENT: May = May::Refuse(&["response-timeout"]);
    tell_all(
        SILENCE,
        &[
            ("nothing", |_| Vec::new(), Then::Wait, SILENT),
            ("an interim head", |n| headers(n, 0, &[(":status", "103")]), Then::Wait, SILENT),
            ("nothing more on this connection", |_| Vec::new(), Then::Freeze, SILENT),
            // Nothing else may come before its end: the whole connection waits.
            ("half a head", |n| frame(HEADERS, 0, n, &block(&[(":status", "200")])), Then::Wait, SILENT),
            ("half a frame", |n| headers(n, 0, &[(":status", "200")])[..12].to_vec(), Then::Wait, SILENT),
            ("a body that stops", |n| [ok(n, &[]), data(n, 0, EVIL)].concat(), Then::Wait, May::Cut),
        ],
    );
}

#[test]
fn what_drips_arrives_whole() {
    tell_all(CALM, &[("byte by byte", truth, Then::Drip, May::Whole(GOOD))]);
}
