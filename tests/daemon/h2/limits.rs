//! What a connection may hold, as it is told to the client: `h2` keeps to what is announced.

use std::collections::BTreeMap;

use poise_ipc::model::Count;

use super::config;
use crate::backends::{Scripted, read_to_end};
use crate::multiplexed::{
    END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, code, frame, request,
};
use crate::rig::{Rig, name};
use crate::script::Named;

/// Settings of RFC 9113 section 6.5.2.
const STREAMS: u16 = 3;
const WINDOW: u16 = 4;
const FRAME: u16 = 5;
const HEADER_LIST: u16 = 6;
/// The window of a connection before any update.
const WINDOW_DEFAULT: u32 = 65_535;
const REFUSED_STREAM: u32 = 7;

fn settings(raw: &mut Raw) -> BTreeMap<u16, u32> {
    let frame = raw.next_of(SETTINGS).expect("settings come first");
    let entry = |pair: &[u8]| (u16::from_be_bytes([pair[0], pair[1]]), code(&pair[2..]));
    frame.payload.chunks_exact(6).map(entry).collect()
}

#[test]
fn every_limit_is_announced_to_the_client() {
    let backend = Named::new("a");
    let mut config = config(&[backend.address]);
    let limits = &mut config.listeners.get_mut(&name("front")).expect("the listener").limits;
    (limits.streams_max, limits.head_bytes_max, limits.fields_max) = (Count(7), Count(4_096), Count(50));
    let rig = Rig::new(config);
    let mut raw = Raw::connect(rig.address_of("front"));
    let told = settings(&mut raw);
    assert_eq!(told.get(&STREAMS), Some(&7));
    assert_eq!(told.get(&HEADER_LIST), Some(&(4_096 + 50 * 32)), "each field counts for 32 bytes more");
    assert_eq!(told.get(&WINDOW).copied().unwrap_or(WINDOW_DEFAULT), 64 << 10);
    assert_eq!(told.get(&FRAME).copied().unwrap_or(16 << 10), 16 << 10);
    let update = raw.next_of(WINDOW_UPDATE).expect("the window of the connection");
    assert_eq!((update.stream, WINDOW_DEFAULT + code(&update.payload)), (0, 256 << 10));
}

#[test]
fn a_stream_beyond_the_limit_is_refused() {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let mut config = config(&[silent.address]);
    config.listeners.get_mut(&name("front")).expect("the listener").limits.streams_max = Count(2);
    let rig = Rig::new(config);
    let mut raw = Raw::connect(rig.address_of("front"));
    for stream in [1, 3, 5] {
        raw.bytes(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &request(&[])));
    }
    let reset = raw.next_of(RST_STREAM).expect("a refusal");
    assert_eq!((reset.stream, code(&reset.payload)), (5, REFUSED_STREAM));
}
