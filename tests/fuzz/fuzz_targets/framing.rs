//! Any bytes are the messages of a connection, which every way to follow their bodies ends alike.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::framing(bytes);
});
