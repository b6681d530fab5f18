//! Names in a hello as clients write them who do not write them well.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use poise_ipc::status::TlsFailure;

use super::{address, failures, plain, started};
use crate::backends::{patient, until};
use crate::secured::{NOW, Shelf, hello};

/// How the answer to a hello that asks for `written` begins: a handshake goes on, or an alert ends it.
/// The hello is of a client that was told to ask for another name of that length.
fn answer(at: SocketAddr, written: &str) -> u8 {
    let asked = "x".repeat(written.len() - 5) + ".test";
    let mut bytes = hello(&asked);
    let place = bytes.windows(asked.len()).position(|part| part == asked.as_bytes()).expect("it asks for it");
    bytes[place..place + asked.len()].copy_from_slice(written.as_bytes());
    let mut client = patient(TcpStream::connect(at).expect("it accepts"));
    client.write_all(&bytes).expect("it is open");
    let mut first = [0];
    client.read_exact(&mut first).expect("an answer");
    first[0]
}

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

#[test]
fn a_name_is_found_however_it_is_written_and_an_address_is_none() {
    let (shelf, backend) = (Shelf::new(), plain());
    shelf.put("site", &["site.test", "*.shop.test"], NOW);
    let (_place, daemon) = started(&shelf, &["site"], ", unknown_name = \"reject\"", &backend);
    let at = address(&daemon);
    let known = ["site.test", "SITE.Test", "site.test.", "a.shop.test", "A.SHOP.TEST.", "127.0.0.1"];
    for name in known {
        assert_eq!(answer(at, name), HANDSHAKE, "{name}");
    }
    let unknown = ["elsewhere.test", "shop.test", "a.b.shop.test", "asite.test", "a.site.test", "site.tests"];
    for name in unknown {
        assert_eq!(answer(at, name), ALERT, "{name}");
    }
    until("they are counted", || failures(&daemon, TlsFailure::UnknownName) == unknown.len() as u64);
}
