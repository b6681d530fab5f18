//! Any host and path have one normal form, which no other spelling passes by.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::normal(bytes);
});
