//! What a client may not say, by section of RFC 9113, and what its streams get for it.

use poise_ipc::cause::Cause;

use super::h2;
use crate::backends::until;
use crate::multiplexed::{
    Client, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM, Raw, block, code, frame, get, post,
    request, run,
};
use crate::script::Named;

const PROTOCOL_ERROR: u32 = 1;
const COMPRESSION_ERROR: u32 = 9;

/// What the first stream with this header block is answered with.
fn outcome(raw: &mut Raw, stream: u32, fields: &[u8]) -> Frame {
    raw.bytes(&frame(HEADERS, END_HEADERS | END_STREAM, stream, fields));
    std::iter::from_fn(|| raw.next())
        .find(|frame| frame.stream == stream && [HEADERS, RST_STREAM].contains(&frame.kind) || frame.kind == GOAWAY)
        .expect("an answer")
}

#[test]
fn a_malformed_request_resets_its_stream_and_no_other() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    let malformed: &[(&str, Vec<u8>)] = &[
        ("8.2.1 upper case", request(&[("X-Upper", "a")])),
        ("8.2.1 line end in a value", request(&[("x-a", "b\r\nX-Evil: c")])),
        ("8.2.1 NUL in a value", request(&[("x-a", "b\0")])),
        ("8.2.1 blank before a value", request(&[("x-a", " b")])),
        ("8.2.1 blank after a value", request(&[("x-a", "b\t")])),
        ("8.2.1 line end in a name", request(&[("x-a\r\nx-b", "c")])),
        ("8.2.2 connection", request(&[("connection", "close")])),
        ("8.2.2 keep-alive", request(&[("keep-alive", "timeout=5")])),
        ("8.2.2 proxy-connection", request(&[("proxy-connection", "close")])),
        ("8.2.2 transfer-encoding", request(&[("transfer-encoding", "chunked")])),
        ("8.2.2 upgrade", request(&[("upgrade", "websocket")])),
        ("8.2.2 te", request(&[("te", "gzip")])),
        ("8.3 unknown pseudo field", request(&[(":unknown", "a")])),
        (
            "8.3 pseudo field after others",
            block(&[(":method", "GET"), ("a", "b"), (":scheme", "http"), (":path", "/")]),
        ),
        ("8.3.1 no method", block(&[(":scheme", "http"), (":authority", "h"), (":path", "/")])),
        ("8.3.1 no scheme", block(&[(":method", "GET"), (":authority", "h"), (":path", "/")])),
        ("8.3.1 no path", block(&[(":method", "GET"), (":scheme", "http"), (":authority", "h")])),
        ("8.3.1 empty path", block(&[(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "")])),
        (
            "8.3.1 path without a slash",
            block(&[(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "a")]),
        ),
        ("8.3.1 path twice", request(&[(":path", "/")])),
        (
            "8.3.1 space in a path",
            block(&[(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/ HTTP/1.1")]),
        ),
        (
            "8.3.1 space in a method",
            block(&[(":method", "GET /x"), (":scheme", "http"), (":authority", "h"), (":path", "/")]),
        ),
        ("8.1.1 a length without a body", request(&[("content-length", "1")])),
    ];
    let mut served = 0;
    for (what, fields) in malformed {
        let mut raw = Raw::connect(rig.address_of("front"));
        let answer = outcome(&mut raw, 1, fields);
        if answer.kind == GOAWAY {
            // A block that cannot be decoded ends the connection, as any error of a stream may (§5.4).
            assert!([PROTOCOL_ERROR, COMPRESSION_ERROR].contains(&code(&answer.payload[4..])), "{what}");
            continue;
        }
        assert_eq!((answer.kind, code(&answer.payload)), (RST_STREAM, PROTOCOL_ERROR), "{what}");
        assert_eq!(outcome(&mut raw, 3, &request(&[])).kind, HEADERS, "after {what}");
        served += 1;
    }
    assert_eq!(backend.requests().len(), served, "nothing malformed was passed on");
}

#[test]
fn what_http_1_could_misread_is_answered_400_and_not_passed_on() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let with = |fields: &[(&'static str, &'static str)]| {
            let mut request = get("/");
            for (name, value) in fields {
                request.headers_mut().append(*name, http::HeaderValue::from_static(value));
            }
            request
        };
        for (what, request, status) in [
            ("another host", with(&[("host", "other")]), 400),
            ("two hosts", with(&[("host", "h"), ("host", "h")]), 400),
            ("a look-alike of a length", with(&[("content_length", "5")]), 400),
            ("a look-alike of a coding", with(&[("transfer_encoding", "chunked")]), 400),
            ("an expectation", with(&[("expect", "a-miracle")]), 417),
        ] {
            assert_eq!(client.ask(request, None).await.expect("an answer").status, status, "{what}");
        }
        assert_eq!(client.ask(with(&[("host", "H:80")]), None).await.expect("an answer").status, 200);
    });
    for scheme in ["ftp", "", "http:"] {
        let mut raw = Raw::connect(rig.address_of("front"));
        let fields = [(":method", "GET"), (":scheme", scheme), (":authority", "h"), (":path", "/")];
        let answer = outcome(&mut raw, 1, &block(&fields));
        // The entry of RFC 7541's table for 400, at the beginning of the head.
        assert!(answer.kind == RST_STREAM || answer.payload.starts_with(&[0x8c]), "{scheme:?}: {answer:?}");
    }
    assert_eq!(backend.requests().len(), 1);
    until("all are counted", || rig.count_of(Cause::BadRequest) >= 6 && rig.count_of(Cause::ExpectationFailed) == 1);
}

#[test]
fn limits_of_heads_are_answered_by_name() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        let long = get(&format!("/{}", "a".repeat(17_000)));
        assert_eq!(client.ask(long, None).await.expect("an answer").status, 414);
        let mut many = get("/");
        for at in 0..120 {
            let name = http::HeaderName::try_from(format!("x-{at}")).expect("a name");
            many.headers_mut().append(name, http::HeaderValue::from_static("a"));
        }
        assert_eq!(client.ask(many, None).await.expect("an answer").status, 431);
        let mut large = get("/");
        large.headers_mut().append("x-large", "a".repeat(40_000).try_into().expect("a value"));
        assert_eq!(client.ask(large, None).await.expect("an answer").status, 431);
    });
    assert!(backend.requests().is_empty());
}

#[test]
fn a_body_of_another_length_than_announced_resets_the_stream_and_ends_the_backends_connection() {
    let backend = Named::new("a");
    let rig = h2(&[backend.address]);
    for body in [&b"abc"[..], b"abcdefg"] {
        let mut raw = Raw::connect(rig.address_of("front"));
        let fields = block(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "h"),
            (":path", "/"),
            ("content-length", "5"),
        ]);
        raw.bytes(&frame(HEADERS, END_HEADERS, 1, &fields));
        raw.bytes(&frame(DATA, END_STREAM, 1, body));
        let reset = raw.next_of(RST_STREAM).expect("a reset");
        assert_eq!(code(&reset.payload), PROTOCOL_ERROR, "{} bytes", body.len());
    }
    assert!(backend.requests().is_empty(), "no whole request arrived");
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        assert_eq!(client.ask(post("/"), Some("abc".into())).await.expect("a response").body, b"a");
    });
}
