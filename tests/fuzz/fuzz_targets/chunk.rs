//! Any bytes are refused or followed as a chunked body, the same whole as in pieces.
//!
//! The first byte says how long the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_core::http::framing::{Body, Framing};

/// Bytes of data that the body may have.
const BYTES_MAX: u64 = 1 << 16;

fn chunked() -> Body {
    Body::within(Framing::Chunked, Some(BYTES_MAX)).expect("its size is not announced")
}

fuzz_target!(|bytes: &[u8]| {
    let Some((step, stream)) = bytes.split_first() else { return };
    let mut whole = chunked();
    let outcome = whole.push(stream);
    let (mut pieces, mut taken) = (chunked(), 0);
    let parted = stream.chunks(usize::from(*step).max(1)).try_for_each(|piece| {
        pieces.push(piece).map(|count| taken += count)
    });
    match outcome {
        Ok(count) => assert!(parted.is_ok() && taken == count),
        Err(refusal) => assert_eq!(parted, Err(refusal)),
    }
    assert_eq!(whole.is_complete(), pieces.is_complete());
});
