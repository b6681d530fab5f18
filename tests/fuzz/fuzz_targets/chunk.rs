//! Any bytes are refused or followed as a chunked body, the same whole as in pieces.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::chunk(bytes);
});
