//! Whatever a client writes, the walk over proxies ends at who the trusted ones say it is.
//!
//! What is asserted is in `poise_fuzz`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    poise_fuzz::forwarded(bytes);
});
