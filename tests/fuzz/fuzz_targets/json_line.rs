//! Any bytes are refused or read as a request that writes and reads back as itself.
//!
//! This is what a script, or garbage, sends on the control socket.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_ipc::frame::Codec;
use poise_ipc::message::Request;

fuzz_target!(|bytes: &[u8]| {
    let _ = Codec::Lines.split::<Request>(bytes, 0);
    let _ = Codec::Lines.request_id(bytes);
    if let Ok(request) = Codec::Lines.decode::<Request>(bytes) {
        if let Ok(line) = Codec::Lines.encode(&request) {
            assert_eq!(Codec::Lines.decode::<Request>(&line[..line.len() - 1]).ok(), Some(request));
        }
    }
});
