//! The messages of the health service, byte by byte, and what its answers mean.

use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn reply(code: u16, status: &'static str, message: &[u8]) -> Reply {
    let mut fields = HeaderMap::new();
    fields.insert("content-type", HeaderValue::from_static("application/grpc+proto"));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let len = u32::try_from(message.len()).expect("short").to_be_bytes();
    Reply { code, fields, body: [&[0], &len[..], message].concat(), trailers, cut: None }
}

#[test]
fn the_request_is_framed_as_grpc_frames_it() {
    assert_eq!(&message("")[..], b"\0\0\0\0\0");
    assert_eq!(&message("shop.Cart")[..], b"\0\0\0\0\x0b\x0a\x09shop.Cart");
    let long = "x".repeat(300);
    assert_eq!(message(&long)[..8], *b"\0\0\0\x01\x2f\x0a\xac\x02");
}

#[test]
fn only_a_service_that_serves_passes() {
    let found = |status, message: &[u8]| judge(&reply(200, status, message)).content;
    assert_eq!(found("0", b"\x08\x01"), Ok(()));
    assert_eq!(found("0", b"\x12\x01x\x08\x01"), Ok(()), "fields that are not known are skipped");
    let not_serving = Err((Phase::Body, Reason::NotServing));
    for message in [&b""[..], b"\x08\x00", b"\x08\x02", b"\x08\x03"] {
        assert_eq!(found("0", message), not_serving, "{message:?}");
    }
    assert_eq!(found("0", b"\x08"), Err((Phase::Body, Reason::Garbage)));
    assert_eq!(found("5", b""), Err((Phase::Response, Reason::NotServing)), "the service is not known");
    assert_eq!(found("14", b""), Err((Phase::Response, Reason::NotServing)));
    assert_eq!(found("4", b""), Err((Phase::Response, Reason::Timeout)));
    assert_eq!(found("12", b""), Err((Phase::Response, Reason::Content)), "there is no health service");
}

#[test]
fn what_is_no_grpc_is_told_from_what_is() {
    assert_eq!(judge(&reply(503, "0", b"\x08\x01")).content, Err((Phase::Response, Reason::Code)));
    let mut page = reply(200, "0", b"\x08\x01");
    page.fields.insert("content-type", HeaderValue::from_static("text/html"));
    assert_eq!(judge(&page).content, Err((Phase::Response, Reason::Garbage)));
    let mut short = reply(200, "0", b"\x08\x01");
    short.body.pop();
    assert_eq!(judge(&short).content, Err((Phase::Body, Reason::Garbage)));
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_stumble(body: Vec<u8>) {
        let _ = state(&body);
    }
}
