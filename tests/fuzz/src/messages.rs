//! Heads, and what follows them: any bytes are refused or read, the same whole as in pieces.

use poise_core::http::bounds::Bounds;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::{Body, Framing};
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;

/// Bytes of data that the body of a request may have.
const BYTES_MAX: u64 = 1 << 20;

/// The head of a request and its body; the first byte says where the stream is cut in two.
pub fn request(bytes: &[u8]) -> Option<Refusal> {
    let (cut, stream) = bytes.split_first()?;
    let len = match scanned(stream, usize::from(*cut)) {
        Ok(len) => len?,
        Err(refusal) => return Some(refusal),
    };
    let mut store = FieldStore::default();
    match RequestHead::parse(&stream[..len], &mut store) {
        Ok(head) => {
            assert!(head.cookies(b"SERVERID").count() <= len);
            follow(head.framing, Some(BYTES_MAX), &stream[len..])
        }
        Err(refusal) => Some(refusal),
    }
}

/// The head of a response and its body; the first byte says what was asked.
pub fn response(bytes: &[u8]) -> Option<Refusal> {
    let (asked, stream) = bytes.split_first()?;
    let len = match scanned(stream, usize::from(asked >> 4)) {
        Ok(len) => len?,
        Err(refusal) => return Some(refusal),
    };
    let mut store = FieldStore::default();
    match ResponseHead::parse(&stream[..len], &mut store, asked_by(*asked)) {
        Ok(head) => follow(head.framing, None, &stream[len..]),
        Err(refusal) => Some(refusal),
    }
}

/// What was asked, by the low bits of a byte.
pub(crate) fn asked_by(bits: u8) -> Asked {
    Asked { head: bits & 1 > 0, switch: bits & 2 > 0, http10: bits & 4 > 0, as_http10: bits & 8 > 0 }
}

/// Scans a stream whole and cut in two, which must come to the same.
pub(crate) fn scanned(stream: &[u8], cut: usize) -> Result<Option<usize>, Refusal> {
    let whole = Scanner::default().scan(stream, &Bounds::default());
    let mut pieces = Scanner::default();
    let first = pieces.scan(&stream[..cut.min(stream.len())], &Bounds::default());
    let parted = match first {
        Ok(None) => pieces.scan(stream, &Bounds::default()),
        decided => decided,
    };
    assert_eq!(whole, parted);
    whole
}

/// Follows a body to the end of the input, which is the end of the stream.
fn follow(framing: Framing, bytes_max: Option<u64>, rest: &[u8]) -> Option<Refusal> {
    let mut body = match Body::within(framing, bytes_max) {
        Ok(body) => body,
        Err(refusal) => return Some(refusal),
    };
    match body.push(rest) {
        Ok(taken) => {
            assert!(taken <= rest.len() && (taken == rest.len() || body.is_complete()));
            body.end().err()
        }
        Err(refusal) => Some(refusal),
    }
}
