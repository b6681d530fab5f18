//! Heads, bodies and frames that break the rules of HTTP/2.

use super::{BAD, BROKEN, CALM, CLOSED, EVIL, GOOD, May, Then, data, headers, ok, tell_all, truth};
use crate::multiplexed::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame,
};

const PUSH_PROMISE: u8 = 5;

#[test]
fn a_head_that_breaks_the_rules_is_refused_and_touches_nobody() {
    tell_all(
        CALM,
        &[
            ("no status", |n| [headers(n, 0, &[("a", "b")]), data(n, END_STREAM, EVIL)].concat(), Then::Wait, BAD),
            ("a status of letters", |n| headers(n, END_STREAM, &[(":status", "abc")]), Then::Wait, BROKEN),
            (
                "status 600",
                |n| [headers(n, 0, &[(":status", "600")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                BAD,
            ),
            ("two statuses", |n| headers(n, END_STREAM, &[(":status", "200"), (":status", "204")]), Then::Wait, BROKEN),
            (
                "a pseudo field of requests",
                |n| headers(n, END_STREAM, &[(":status", "200"), (":path", "/")]),
                Then::Wait,
                May::WholeOrCut(""),
            ),
            (
                "a pseudo field behind others",
                |n| headers(n, END_STREAM, &[("a", "b"), (":status", "200")]),
                Then::Wait,
                BROKEN,
            ),
            ("an upper case name", |n| headers(n, END_STREAM, &[(":status", "200"), ("X-A", "b")]), Then::Wait, BROKEN),
            (
                "a connection field",
                |n| headers(n, END_STREAM, &[(":status", "200"), ("connection", "close")]),
                Then::Wait,
                BROKEN,
            ),
            (
                "a transfer coding",
                |n| headers(n, END_STREAM, &[(":status", "200"), ("transfer-encoding", "chunked")]),
                Then::Wait,
                BROKEN,
            ),
            (
                "an upgrade",
                |n| headers(n, END_STREAM, &[(":status", "200"), ("upgrade", "websocket")]),
                Then::Wait,
                BROKEN,
            ),
            (
                "a line end in a value",
                |n| headers(n, END_STREAM, &[(":status", "200"), ("a", "b\r\nc: d")]),
                Then::Wait,
                BROKEN,
            ),
            ("NUL in a value", |n| headers(n, END_STREAM, &[(":status", "200"), ("a", "b\0c")]), Then::Wait, BROKEN),
            ("101", |n| headers(n, 0, &[(":status", "101")]), Then::Wait, BAD),
            (
                "two lengths",
                |n| [ok(n, &[("content-length", "4"), ("content-length", "5")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                BAD,
            ),
            (
                "a length of letters",
                |n| [ok(n, &[("content-length", "four")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                BAD,
            ),
        ],
    );
}

#[test]
fn a_body_of_another_length_is_seen_to_be_cut() {
    tell_all(
        CALM,
        &[
            (
                "too short",
                |n| [ok(n, &[("content-length", "9")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                May::Cut,
            ),
            (
                "too long",
                |n| [ok(n, &[("content-length", "2")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                May::Cut,
            ),
            (
                "nothing",
                |n| headers(n, END_STREAM, &[(":status", "200"), ("content-length", "9")]),
                Then::Wait,
                May::Cut,
            ),
            (
                "a body with 204",
                |n| [headers(n, 0, &[(":status", "204")]), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                May::Whole(""),
            ),
            (
                "closed within",
                |n| [ok(n, &[("content-length", "9")]), data(n, 0, EVIL)].concat(),
                Then::Close,
                May::Cut,
            ),
            ("reset within", |n| [ok(n, &[]), data(n, 0, EVIL)].concat(), Then::Reset, May::Cut),
            ("closed without an end", |n| [ok(n, &[]), data(n, 0, EVIL)].concat(), Then::Close, May::Cut),
            (
                "a stream reset within",
                |n| [ok(n, &[]), data(n, 0, EVIL), frame(RST_STREAM, 0, n, &[0, 0, 0, 2])].concat(),
                Then::Wait,
                May::Cut,
            ),
            (
                "no error within",
                |n| [ok(n, &[]), data(n, 0, EVIL), frame(RST_STREAM, 0, n, &[0; 4])].concat(),
                Then::Wait,
                May::Cut,
            ),
            (
                "a goodbye and an end",
                |n| [ok(n, &[]), data(n, 0, EVIL), frame(GOAWAY, 0, 0, &[0; 8])].concat(),
                Then::Close,
                May::Cut,
            ),
            ("cancelled", |n| frame(RST_STREAM, 0, n, &[0, 0, 0, 8]), Then::Wait, CLOSED),
            ("closed at once", |_| Vec::new(), Then::Close, CLOSED),
            ("reset at once", |_| Vec::new(), Then::Reset, CLOSED),
        ],
    );
}

#[test]
fn frames_out_of_place_end_their_connection_and_touch_nobody() {
    tell_all(
        CALM,
        &[
            ("HTTP/1.1", |_| b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec(), Then::Wait, BROKEN),
            ("a banner", |_| b"SSH-2.0-OpenSSH_9.9\r\n".repeat(20), Then::Wait, BROKEN),
            ("data before a head", |n| data(n, END_STREAM, EVIL), Then::Wait, BROKEN),
            (
                "a stream of nobody",
                |n| [headers(n + 998, END_STREAM, &[(":status", "200")]), data(n + 998, END_STREAM, EVIL)].concat(),
                Then::Wait,
                BROKEN,
            ),
            (
                "a push",
                |n| frame(PUSH_PROMISE, END_HEADERS, n, &[&[0, 0, 0, 2][..], &block(&[(":method", "GET")])].concat()),
                Then::Wait,
                BROKEN,
            ),
            ("no window", |_| frame(WINDOW_UPDATE, 0, 0, &[0; 4]), Then::Wait, BROKEN),
            ("a window beyond the largest", |_| frame(WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255]), Then::Wait, BROKEN),
            ("settings of an odd size", |_| frame(SETTINGS, 0, 0, &[1; 5]), Then::Wait, BROKEN),
            ("a frame beyond the largest", |n| frame(DATA, 0, n, "x".repeat(1 << 20).as_bytes()), Then::Wait, BROKEN),
            (
                "a head within a head",
                |n| [frame(HEADERS, 0, n, &block(&[(":status", "200")])), data(n, END_STREAM, EVIL)].concat(),
                Then::Wait,
                BROKEN,
            ),
            ("a block that is none", |n| frame(HEADERS, END_HEADERS, n, &[0xff; 60]), Then::Wait, BROKEN),
            ("data beyond the end", |n| [truth(n), data(n, END_STREAM, EVIL)].concat(), Then::Wait, May::Whole(GOOD)),
            ("a head beyond the end", |n| [truth(n), ok(n, &[("a", EVIL)])].concat(), Then::Wait, May::Whole(GOOD)),
            (
                "trailers that end nothing",
                |n| [ok(n, &[]), data(n, 0, EVIL), headers(n, 0, &[("a", "b")])].concat(),
                Then::Wait,
                May::Cut,
            ),
            (
                "trailers with a status",
                |n| [ok(n, &[]), data(n, 0, EVIL), headers(n, END_STREAM, &[(":status", "200")])].concat(),
                Then::Wait,
                May::WholeOrCut(EVIL),
            ),
            (
                "more than the window",
                |n| [ok(n, &[]), data(n, 0, &"x".repeat(16_384)).repeat(200)].concat(),
                Then::Wait,
                May::Cut,
            ),
        ],
    );
}
