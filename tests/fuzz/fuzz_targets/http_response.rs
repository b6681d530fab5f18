//! Any bytes are refused or read as a response to any kind of request, and its body ends.
//!
//! The first byte says what was asked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_core::http::bounds::Bounds;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Body;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;

fuzz_target!(|bytes: &[u8]| {
    let Some((asked, stream)) = bytes.split_first() else { return };
    let asked = Asked { head: asked & 1 > 0, switch: asked & 2 > 0, http10: asked & 4 > 0, as_http10: asked & 8 > 0 };
    let Ok(Some(len)) = Scanner::default().scan(stream, &Bounds::default()) else { return };
    let mut store = FieldStore::default();
    let Ok(head) = ResponseHead::parse(&stream[..len], &mut store, asked) else { return };
    let rest = &stream[len..];
    let mut body = Body::new(head.framing);
    if let Ok(taken) = body.push(rest) {
        assert!(taken <= rest.len() && (taken == rest.len() || body.is_complete()));
    }
});
