//! What a connection may hold, as it is told to the client: `h2` keeps to what is announced.

use std::collections::BTreeMap;
use std::io::Write as _;

use poise_ipc::model::Count;

use super::{config, h2};
use crate::backends::{Scripted, read_to_end, until};
use crate::multiplexed::{
    END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, code, frame, request,
};
use crate::rig::{Rig, name};
use crate::script::{Named, read_head};

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

/// Bytes of a stream that may wait here for the client's socket, as `SEND_BUFFER_BYTES` has it.
const BUFFER: u64 = 64 << 10;

#[test]
fn a_client_with_large_windows_that_does_not_read_makes_little_wait_here() {
    const STREAMS: u32 = 60;
    let endless = Scripted::new(|mut stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
        let mut goes_on = read_head(&mut stream).is_ok() && stream.write_all(head).is_ok();
        while goes_on {
            goes_on = stream.write_all(&[7; 10_000]).is_ok();
        }
    });
    let rig = h2(&[endless.address]);
    let mut raw = Raw::over(rig.connect_with_window(8 << 10), &[&[0, 4], &(1_u32 << 30).to_be_bytes()[..]].concat());
    raw.bytes(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
    for number in 0..STREAMS {
        raw.bytes(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &request(&[])));
    }
    let taken = || rig.counters_of("b0").bytes_in_total;
    let mut before = 0;
    until("nothing moves any more", || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        std::mem::replace(&mut before, taken()) == taken() && before > 0
    });
    // As much again for what the relay was about to write, and what the kernel holds.
    let most = u64::from(STREAMS) * 2 * BUFFER + (6 << 20);
    assert!(taken() <= most, "{} bytes wait, not {most}", taken());
}
