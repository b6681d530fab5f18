//! Any bytes are refused or read as a response to any kind of request, and its body ends.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::response(bytes);
});
