//! Any bytes are refused or read as a message, in bounded memory, in both directions.
//!
//! A request that was read writes and reads back as itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use poise_ipc::frame::Codec;
use poise_ipc::message::{Request, ServerMessage};

/// Bytes of the length before a frame.
const PREFIX_LEN: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let _ = Codec::Frames.split::<Request>(bytes, 0);
    let _ = Codec::Frames.request_id(bytes);
    let _ = Codec::Frames.decode::<ServerMessage>(bytes);
    if let Ok(request) = Codec::Frames.decode::<Request>(bytes) {
        let frame = Codec::Frames.encode(&request).expect("it was short enough to arrive");
        assert_eq!(Codec::Frames.decode::<Request>(&frame[PREFIX_LEN..]).ok(), Some(request));
    }
});
