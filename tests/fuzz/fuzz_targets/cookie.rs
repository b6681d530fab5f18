//! Any `Cookie` field yields values that lie within it, and none for a name it does not hold.
//!
//! The reader under test is `poise_core::http::cookie`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_core::http::cookie::values;

fuzz_target!(|field: &[u8]| {
    let held = field.windows(8).any(|part| part == b"SERVERID");
    for value in values(field, b"SERVERID") {
        assert!(held && value.len() < field.len());
    }
});
