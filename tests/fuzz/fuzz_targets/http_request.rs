//! Any bytes are refused or read as a request, the same whole as in pieces, and its body ends.
//!
//! The first byte says where the stream is cut in two.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_core::http::bounds::Bounds;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Body;
use poise_core::http::request::RequestHead;
use poise_core::http::scan::Scanner;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let cut = usize::from(*cut).min(stream.len());
    let whole = Scanner::default().scan(stream, &Bounds::default());
    let mut pieces = Scanner::default();
    let first = pieces.scan(&stream[..cut], &Bounds::default());
    let parted = match first {
        Ok(None) => pieces.scan(stream, &Bounds::default()),
        decided => decided,
    };
    assert_eq!(whole, parted);
    let Ok(Some(len)) = whole else { return };
    let mut store = FieldStore::default();
    let Ok(head) = RequestHead::parse(&stream[..len], &mut store) else { return };
    assert!(head.cookies(b"SERVERID").count() <= len);
    let rest = &stream[len..];
    let Ok(mut body) = Body::within(head.framing, Some(1 << 20)) else { return };
    if let Ok(taken) = body.push(rest) {
        assert!(taken <= rest.len() && (taken == rest.len() || body.is_complete()));
    }
});
