//! The PROXY header: any bytes have one answer, and a prefix of them never another certain one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_core::proxy::{Decoded, Transport, decode};

fuzz_target!(|bytes: &[u8]| {
    for transport in [Transport::Stream, Transport::Datagram] {
        let whole = decode(bytes, transport);
        if let Ok(Decoded::Header(header)) = whole {
            assert!(header.len <= bytes.len());
        }
        let part = decode(&bytes[..bytes.len() / 2], transport);
        assert!(part == Ok(Decoded::Partial) || part == whole);
    }
});
