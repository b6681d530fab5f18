//! Requests of HTTP/2 that somebody could read otherwise once they are HTTP/1.1: the frames of one
//! stream each.
//!
//! Header blocks are not compressed and hold what no library would write. What is refused is as good
//! an answer as what is sent on in one reading; which it is, `readings` does not ask.

use crate::multiplexed::{DATA, END_HEADERS, END_STREAM, HEADERS, block, frame};

/// A request behind another, for whoever takes a line end for one.
const SMUGGLED: &str = "b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

/// Fields beside the pseudo fields.
const FIELDS: &[&[(&str, &str)]] = &[
    &[],
    &[("connection", "close")],
    &[("connection", "content-length")],
    &[("keep-alive", "timeout=5")],
    &[("proxy-connection", "keep-alive")],
    &[("transfer-encoding", "chunked")],
    &[("transfer-encoding", "identity")],
    &[("transfer-encoding", "chunked"), ("content-length", "5")],
    &[("te", "trailers")],
    &[("te", "gzip")],
    &[("te", "trailers, chunked")],
    &[("upgrade", "websocket")],
    &[("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")],
    &[("host", "h")],
    &[("host", "H")],
    &[("host", "g")],
    &[("host", "h"), ("host", "h")],
    &[("host", "h"), ("host", "g")],
    &[("host", "h:80")],
    &[("host", "h, g")],
    &[("host", "")],
    &[("content-length", "5")],
    &[("content-length", "4")],
    &[("content-length", "6")],
    &[("content-length", "0")],
    &[("content-length", "-5")],
    &[("content-length", "+5")],
    &[("content-length", "05")],
    &[("content-length", "5, 5")],
    &[("content-length", "5;")],
    &[("content-length", "0x5")],
    &[("content-length", "")],
    &[("content-length", "18446744073709551621")],
    &[("content-length", "5"), ("content-length", "5")],
    &[("content-length", "5"), ("content-length", "6")],
    &[("content_length", "4")],
    &[("transfer_encoding", "chunked")],
    &[("expect", "100-continue")],
    &[("expect", "100-continue, 100-continue")],
    &[("cookie", "a=b"), ("cookie", "c=d")],
    &[("x-a", "b"), ("x-a", "c")],
    &[("x-a", "")],
    &[("x-a", "b\tc")],
    &[("x-a", "b\rc")],
    &[("x-a", "b\nc")],
    &[("x-a", "b\0c")],
    &[("x-a", "b\u{7f}c")],
    &[("x-a", " b")],
    &[("x-a", "b ")],
    &[("x-a", "\u{e9}")],
    &[("x-a", SMUGGLED)],
    &[("x-a\r\nx-b", "c")],
    &[("x-a: b\r\nx-b", "c")],
    &[("x-a ", "b")],
    &[(" x-a", "b")],
    &[("x a", "b")],
    &[("x-a:", "b")],
    &[("X-A", "b")],
    &[("Content-Length", "4")],
    &[("", "b")],
    &[("x-\u{e9}", "b")],
    &[("x_a", "b")],
    &[("x-forwarded-for", "1.1.1.1\r\nx-b: c")],
    &[("via", "2.0 other")],
    &[("range", "bytes=0-1")],
    &[(":path", "/smuggled")],
    &[(":unknown", "a")],
];

/// Method, scheme, authority and path; a part that is `-` is left out.
const LINES: &[[&str; 4]] = &[
    ["GET", "http", "h", "/"],
    ["GET", "https", "h", "/"],
    ["GET", "ftp", "h", "/"],
    ["GET", "ht tp", "h", "/"],
    ["GET", "-", "h", "/"],
    ["-", "http", "h", "/"],
    ["GET", "http", "-", "/"],
    ["GET", "http", "h", "-"],
    ["GET", "http", "", "/"],
    ["GET", "http", "H:80", "/"],
    ["GET", "http", "u@h", "/"],
    ["GET", "http", "h/x", "/"],
    ["GET", "http", "h, g", "/"],
    ["GET", "http", "h g", "/"],
    ["GET", "http", "h:99999", "/"],
    ["GET", "http", "h:", "/"],
    ["GET", "http", "[::1]:80", "/"],
    ["GET", "http", "[::1", "/"],
    ["GET", "http", "h\r\nX-A: b", "/"],
    ["GET", "http", "h", ""],
    ["GET", "http", "h", "a"],
    ["GET", "http", "h", "*"],
    ["OPTIONS", "http", "h", "*"],
    ["OPTIONS", "http", "h", "/"],
    ["GET", "http", "h", "http://g/smuggled"],
    ["GET", "http", "h", "//g/a"],
    ["GET", "http", "h", "/a b"],
    ["GET", "http", "h", "/ HTTP/1.1"],
    ["GET", "http", "h", "/\tHTTP/1.0"],
    ["GET", "http", "h", "/a\r\nX-A: b"],
    ["GET", "http", "h", "/a\nX-A: b"],
    ["GET", "http", "h", "/a\0"],
    ["GET", "http", "h", "/a#b"],
    ["GET", "http", "h", "/a?b#c"],
    ["GET", "http", "h", "/a\\b"],
    ["GET", "http", "h", "/%00%0d%0a"],
    ["GET", "http", "h", "/\u{e9}"],
    ["GET", "http", "h", "/a?b=c&d=\"e\""],
    ["GET", "http", "h", "/ HTTP/1.1\r\nHost: h\r\n\r\nGET /smuggled"],
    ["CONNECT", "-", "h:80", "-"],
    ["CONNECT", "http", "h", "/"],
    ["get", "http", "h", "/"],
    ["HEAD", "http", "h", "/"],
    ["PATCH", "http", "h", "/"],
    ["GE T", "http", "h", "/"],
    ["GET\r\n", "http", "h", "/"],
    ["GET / HTTP/1.1\r\nHost: h\r\n\r\nGET", "http", "h", "/smuggled"],
    ["", "http", "h", "/"],
    ["PRI", "http", "h", "*"],
];

/// Trailers, which must not change what the head said.
const TRAILERS: &[&[(&str, &str)]] = &[
    &[("x-a", "b")],
    &[("content-length", "0")],
    &[("transfer-encoding", "chunked")],
    &[("host", "g")],
    &[("x-a", SMUGGLED)],
    &[(":path", "/smuggled")],
    &[("connection", "close")],
];

/// What a body may be in pieces: of five bytes in all, or none.
const BODIES: &[&[&str]] = &[&["hello"], &["", "he", "", "llo"], &["0\r\n\r\n"], &[""]];

fn head(flags: u8, line: &[&str; 4], more: &[(&str, &str)]) -> Vec<u8> {
    let names = [":method", ":scheme", ":authority", ":path"];
    let pseudo = names.into_iter().zip(*line).filter(|(_, value)| *value != "-");
    let fields: Vec<_> = pseudo.chain(more.iter().copied()).collect();
    frame(HEADERS, END_HEADERS | flags, 1, &block(&fields))
}

fn body(pieces: &[&str], ends: bool) -> Vec<u8> {
    let last = pieces.len() - 1;
    let flags = |at: usize| if ends && at == last { END_STREAM } else { 0 };
    pieces.iter().enumerate().flat_map(|(at, piece)| frame(DATA, flags(at), 1, piece.as_bytes())).collect()
}

/// The frames of every case.
pub fn all() -> Vec<Vec<u8>> {
    let (get, post) = (["GET", "http", "h", "/a"], ["POST", "http", "h", "/a"]);
    let mut cases = Vec::new();
    for fields in FIELDS {
        cases.push(head(END_STREAM, &get, fields));
        cases.push(head(END_STREAM, &["GET", "http", "-", "/a"], fields));
        cases.extend(BODIES.iter().map(|pieces| [head(0, &post, fields), body(pieces, true)].concat()));
    }
    for line in LINES {
        cases.push(head(END_STREAM, line, &[]));
        cases.push(head(END_STREAM, line, &[("host", "h")]));
        cases.push([head(0, line, &[]), body(&["hello"], true)].concat());
    }
    for trailers in TRAILERS {
        let trailing = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailers));
        for fields in [&[][..], &[("content-length", "5")], &[("te", "trailers")]] {
            cases.push([&head(0, &post, fields)[..], &body(&["hello"], false), &trailing].concat());
        }
    }
    cases
}
