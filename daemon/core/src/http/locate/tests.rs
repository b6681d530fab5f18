//! The offset is that of the byte at which a reader would point.

use super::*;
use crate::http::bounds::Bounds;
use crate::http::fields::FieldStore;
use crate::http::framing::{Body, Framing};
use crate::http::request::RequestHead;
use crate::http::response::{Asked, ResponseHead};

/// Heads with their faults: `@` stands before the byte that is at fault and is not sent.
const REQUESTS: &[(&str, Refusal)] = &[
    ("G@[T / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::StartLine),
    ("GET /a@#b HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
    ("GET /a HTTP/1.1\r\nHost: @a b\r\n\r\n", Refusal::HostInvalid),
    ("GET /a HTTP/1.1\r\nHost: a\r\nHost: @b\r\n\r\n", Refusal::HostRepeated),
    ("GET /a HTTP/1.1\r\nX: y\r\n\r\n@", Refusal::HostMissing),
    ("GET http://b/ HTTP/1.1\r\nHost: @a\r\n\r\n", Refusal::HostMismatch),
    ("GET / HTTP/1.1\r\nHost: a\r\nX@ : y\r\n\r\n", Refusal::FieldName),
    ("GET / HTTP/1.1\r\nHost: a\r\n@Content_Length: 1\r\n\r\n", Refusal::FieldName),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1@x\r\n\r\n", Refusal::Length),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: @1\r\n\r\n", Refusal::LengthRepeated),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: @chunked\r\n\r\n",
        Refusal::LengthAndCoding,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: @gzip\r\n\r\n", Refusal::Coding),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: @more\r\n\r\n", Refusal::Expectation),
    ("@CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Connect),
];

const RESPONSES: &[(&str, Refusal)] = &[
    ("HTTP/1.1 @600 Odd\r\n\r\n", Refusal::StatusCode),
    ("HTTP/1.1 @101 Switching Protocols\r\n\r\n", Refusal::Switch),
    ("HTTP/1.1 @2x0 OK\r\n\r\n", Refusal::StartLine),
    ("HTTP/1.1 200 OK\r\nContent-Length: @-1\r\n\r\n", Refusal::Length),
    ("HTTP/1.1 204 No\r\nContent-Length: @5\r\n\r\n", Refusal::BodyForbidden),
];

fn marked(text: &str) -> (String, usize) {
    (text.replace('@', ""), text.find('@').expect("a mark"))
}

#[test]
fn the_fault_of_a_request_is_found() {
    for (text, expected) in REQUESTS {
        let (head, at) = marked(text);
        let refusal = RequestHead::parse(head.as_bytes(), &mut FieldStore::default()).err();
        assert_eq!(refusal, Some(*expected), "{head}");
        assert_eq!(locate(head.as_bytes(), *expected), at, "{head}");
    }
}

#[test]
fn the_byte_that_makes_a_path_ambiguous_is_found() {
    for text in
        ["GET /%61/x@%2F HTTP/1.1\r\n\r\n", "GET http://h/a@//../b HTTP/1.1\r\n\r\n", "GET /a/..@;/b?c\\d\r\n\r\n"]
    {
        let (head, at) = marked(text);
        assert_eq!(locate(head.as_bytes(), Refusal::PathAmbiguous), at, "{head}");
    }
}

#[test]
fn the_fault_of_a_response_is_found() {
    for (text, expected) in RESPONSES {
        let (head, at) = marked(text);
        let refusal = ResponseHead::parse(head.as_bytes(), &mut FieldStore::default(), Asked::default()).err();
        assert_eq!(refusal, Some(*expected), "{head}");
        assert_eq!(locate(head.as_bytes(), *expected), at, "{head}");
    }
}

#[test]
fn a_scan_and_a_broken_body_tell_where_they_stopped() {
    let scans = [
        ("GET / HTTP/1.1\r\nA: b@\nC: d\r\n\r\n", Refusal::LineEnd),
        ("GET / HTTP/1.1\r\nA: b@\x01\r\n\r\n", Refusal::Control),
        ("GET / HTTP/1.1\r\nA: b\r\n@ c\r\n\r\n", Refusal::Fold),
        ("@\r\nGET / HTTP/1.1\r\n\r\n", Refusal::LeadingBlank),
    ];
    for (text, expected) in scans {
        let (head, at) = marked(text);
        let mut scanner = scan::Scanner::default();
        assert_eq!(scanner.scan(head.as_bytes(), &Bounds::default()), Err(expected));
        assert_eq!(scanner.fault_at(expected), at, "{head}");
    }
    let bodies =
        [("5\r\nhello@x\n", Refusal::ChunkEnd), ("5@;a=b\r\n", Refusal::ChunkSize), ("0\r\nA@ : b", Refusal::Trailer)];
    for (text, expected) in bodies {
        let (bytes, at) = marked(text);
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(body.push(bytes.as_bytes()), Err(expected));
        assert_eq!(body.broken_at(), at, "{bytes}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_the_bytes_the_offset_is_within_them(bytes: Vec<u8>, version in proptest::prelude::any::<bool>()) {
        let refusals = [
            Refusal::StartLine, Refusal::Version, Refusal::Target, Refusal::TargetTooLong, Refusal::FieldName,
            Refusal::HostInvalid, Refusal::Length, Refusal::Options, Refusal::Control, Refusal::Truncated,
        ];
        let head = if version { [b"GET / HTTP/1.1\r\n", &bytes[..]].concat() } else { bytes };
        for refusal in refusals {
            proptest::prop_assert!(locate(&head, refusal) <= head.len());
        }
    }
}
