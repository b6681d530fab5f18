//! The PROXY header: any bytes have one answer, and a prefix of them never another certain one.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::proxy_header(bytes);
});
