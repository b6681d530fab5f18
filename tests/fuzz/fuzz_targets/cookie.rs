//! Any `Cookie` field yields values that lie within it, and none for a name it does not hold.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::cookie(bytes);
});
