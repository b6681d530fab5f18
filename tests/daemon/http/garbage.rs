//! Bytes that nobody meant, from either side: the relay answers or closes, and goes on.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use poise_ipc::cause::Cause;
use poise_ipc::model::Protocol;
use proptest::prelude::*;

use super::{GET, ask};
use crate::backends::{Scripted, read_to_end};
use crate::rig::{Rig, front};
use crate::script::{Named, read_head};

/// A message that is whole, or mangled a little, or a lot.
fn message(first_line: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "Host: h\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n", "hello", "5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "Expect: 100-continue\r\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 1usize..60_000).prop_map(|(byte, count)| vec![byte; count]),
    ];
    prop::collection::vec(piece, 0..10)
        .prop_map(move |pieces| [first_line.as_bytes().to_vec(), pieces.concat()].concat())
}

/// Writes in two parts, so that heads and chunks are cut anywhere.
fn write_cut(stream: &mut std::net::TcpStream, bytes: &[u8], cut: prop::sample::Index) {
    let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
    // A peer that has closed already has seen enough.
    let _ = stream.write_all(first).and_then(|()| stream.write_all(second));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_a_client_sends_its_connection_ends_and_others_are_served(
        bytes in prop_oneof![message("GET / HTTP/1.1\r\n"), message("POST / HTTP/1.1\r\nHost: h\r\n"), message("")],
        cut in any::<prop::sample::Index>(),
    ) {
        let backend = Named::new("a");
        let rig = Rig::new(front(Protocol::Http, &[backend.address]));
        let mut client = rig.connect();
        write_cut(&mut client, &bytes, cut);
        let _ = client.shutdown(Shutdown::Write);
        // In order or by a reset: only the deadline would be a fault.
        if let Err(error) = read_to_end(&mut client) {
            prop_assert!(error.kind() != std::io::ErrorKind::WouldBlock, "the connection hangs");
        }
        prop_assert_eq!(ask(&mut rig.connect(), GET).1, "a");
        prop_assert_eq!(rig.count_of(Cause::Internal), 0);
    }

    #[test]
    fn whatever_a_backend_sends_the_client_gets_a_response_or_an_end(
        bytes in prop_oneof![message("HTTP/1.1 200 OK\r\n"), message("HTTP/1.1 204 No\r\n"), message("")],
        cut in any::<prop::sample::Index>(),
    ) {
        let script = Arc::new(Mutex::new((bytes, cut)));
        let backend = Scripted::new(move |mut stream| {
            let _ = read_head(&mut stream);
            let (bytes, cut) = script.lock().expect("no panic while held").clone();
            write_cut(&mut stream, &bytes, cut);
        });
        let rig = Rig::new(front(Protocol::Http, &[backend.address]));
        let mut client = rig.connect();
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("the relay reads");
        match read_to_end(&mut client) {
            Ok(came) => prop_assert!(came.is_empty() || came.starts_with(b"HTTP/1.1 "), "{:?}", came.escape_ascii().to_string()),
            Err(error) => prop_assert!(error.kind() != std::io::ErrorKind::WouldBlock, "the connection hangs"),
        }
        prop_assert_eq!(rig.count_of(Cause::Internal), 0);
    }
}
