//! Handshakes that never end: they are bounded, and whoever means it is served beside them.

use std::io::Write;
use std::net::TcpStream;

use poise_ipc::cause::Cause;
use poise_ipc::status::TlsFailure;

use super::{address, config, failures, front, plain};
use crate::backends::{patient, until};
use crate::process::Place;
use crate::secured::{Client, NOW, Shelf, ask};

/// Descriptors of the daemon: its worker may hold 132 connections by them, 66 of them in a handshake.
const DESCRIPTORS: u32 = 400;
const UNDER_WAY_MAX: u64 = 66;

/// The first bytes of a hello, and no more.
const HALF: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];

#[test]
fn a_client_is_served_while_others_hold_every_place_for_a_handshake() {
    let (shelf, backend) = (Shelf::new(), plain());
    shelf.put("site", &["site.test"], NOW);
    let place = Place::new(&config(&shelf, &["site"], ", handshake_timeout = \"1m\"", &backend));
    let daemon = place.start_by(&mut place.command_limited(DESCRIPTORS));
    let at = address(&daemon);
    let mut halves = Vec::new();
    for round in 0..8 {
        for _ in 0..30 {
            let mut half = patient(TcpStream::connect(at).expect("it accepts"));
            half.write_all(&HALF).expect("it is open");
            halves.push(half);
        }
        until("they are under way", || {
            let expected = UNDER_WAY_MAX.min(halves.len() as u64);
            front(&daemon).counters.tls.handshakes_open == expected
        });
        let mut secured = Client::new().connect(at, "site.test").expect("there is room for it");
        assert_eq!(ask(&mut secured, "site.test").expect("an answer").0, "HTTP/1.1 200 OK", "round {round}");
    }
    let counters = front(&daemon).counters;
    assert_eq!(counters.tls.handshakes_total, 8);
    assert!(counters.causes.iter().all(|(cause, _)| *cause != Cause::ConnectionLimit), "{:?}", counters.causes);
    let given_way = halves.len() as u64 - UNDER_WAY_MAX;
    assert!((given_way..given_way + 8).contains(&failures(&daemon, TlsFailure::Busy)), "{counters:?}");
    drop(halves);
    until("none is under way", || front(&daemon).counters.tls.handshakes_open == 0);
}
