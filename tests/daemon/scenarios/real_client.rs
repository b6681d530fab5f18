//! What backends learn of the client (S-52, S-53, L-04), as a backend on another machine sees it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use poise_ipc::cause::Cause;
use poise_ipc::model::{ClientAddress, Protocol};

use crate::backends::{patient, read_to_end, until};
use crate::netns::{Machine, Row, inside, powerless};
use crate::process::{Place, set};
use crate::rig::{Rig, front, name};

/// The name of a test of this module, as the test program knows it.
macro_rules! this {
    ($test:ident) => {
        concat!("scenarios::real_client::", stringify!($test))
    };
}

/// A backend on that machine which says whom it sees, then what it has read so far, and ends.
fn witness(machine: &Machine, ip: &'static str) -> SocketAddr {
    machine.run(move || {
        let listener = TcpListener::bind((ip, 0)).expect("an address of the machine");
        let address = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mut stream, mut read) = (patient(stream), Vec::new());
                // To the last byte: what is left unread would reset the connection.
                while !read.ends_with(b"hello") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("the client says hello");
                    read.extend(byte);
                }
                let seen = stream.peer_addr().expect("it is connected").ip();
                let _ = write!(stream, "{seen} {}", String::from_utf8_lossy(&read));
            }
        });
        address
    })
}

/// Starts a balancer whose backends are told by `client_address`, asks it from the client's machine
/// and returns the client's address and what the backend said.
fn asked(row: &Row, ips: [&'static str; 2], client_address: ClientAddress) -> (Rig, Option<(SocketAddr, String)>) {
    let [own, behind] = ips;
    let mut config = front(Protocol::Tcp, &[witness(&row.backend, behind)]);
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.bind = SocketAddr::new(own.parse().expect("an address"), 0).into();
    (listener.client_address, listener.connect_timeout_ms) = (client_address, 1_000);
    let rig = Rig::new(config);
    let address = rig.address_of("front");
    let said = row.client.run(move || {
        let mut client = patient(TcpStream::connect(address).expect("the balancer accepts"));
        let own = client.local_addr().expect("it is connected");
        client.write_all(b"hello").expect("it is taken");
        let said = read_to_end(&mut client).ok().filter(|said| !said.is_empty());
        said.map(|said| (own, String::from_utf8_lossy(&said).into_owned()))
    });
    (rig, said)
}

#[test]
fn s_52_the_client_address_reaches_backends_by_proxy_header_when_wanted() {
    if !inside(this!(s_52_the_client_address_reaches_backends_by_proxy_header_when_wanted)) {
        return;
    }
    let row = Row::new();
    let (_rig, said) = asked(&row, ["10.1.0.1", "10.2.0.2"], ClientAddress::Off);
    assert_eq!(said.expect("an answer").1, "10.2.0.1 hello", "off for tcp unless wanted");
    let (rig, said) = asked(&row, ["10.1.0.1", "10.2.0.2"], ClientAddress::ProxyV1);
    let ((client, said), front) = (said.expect("an answer"), rig.address_of("front"));
    let header = format!("PROXY TCP4 10.1.0.2 10.1.0.1 {} {}\r\n", client.port(), front.port());
    assert!(said.starts_with(&format!("10.2.0.1 {header}")), "{said}");
    let (_rig, said) = asked(&row, ["fd00:1::1", "10.2.0.2"], ClientAddress::ProxyV2);
    assert!(said.expect("an answer").1.starts_with("10.2.0.1 \r\n\r\n\0\r\nQUIT\n!!\0$"), "36 bytes of IPv6 follow");
}

#[test]
fn s_53_a_transparent_listener_speaks_from_the_clients_own_address() {
    if !inside(this!(s_53_a_transparent_listener_speaks_from_the_clients_own_address)) {
        return;
    }
    let row = Row::new();
    row.route_back();
    for ips in [["10.1.0.1", "10.2.0.2"], ["fd00:1::1", "fd00:2::2"]] {
        let (rig, said) = asked(&row, ips, ClientAddress::Transparent);
        let (client, said) = said.unwrap_or_else(|| panic!("no answer to {ips:?}: {:?}", rig.counters().causes));
        assert_eq!(said, format!("{} hello", client.ip()));
    }
}

#[test]
fn l_04_answers_that_find_no_way_back_are_counted_as_such() {
    if !inside(this!(l_04_answers_that_find_no_way_back_are_counted_as_such)) {
        return;
    }
    let row = Row::new();
    let (rig, said) = asked(&row, ["10.1.0.1", "10.2.0.2"], ClientAddress::Transparent);
    assert_eq!(said, None, "the backend's answers go to the client, who knows of no such connection");
    until("it is counted", || rig.count_of(Cause::TransparentFailed) == 1);
    assert_eq!(rig.counters_of("b0").connect_failures_total, 0, "the backend did nothing wrong");
}

#[test]
fn l_04_without_the_capability_the_commit_is_refused_and_names_it() {
    if !powerless(this!(l_04_without_the_capability_the_commit_is_refused_and_names_it)) {
        return;
    }
    let text = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n[groups.app]\n";
    let place = Place::new(text);
    let daemon = place.start();
    let refused = daemon.ask(set("listeners.web.client_address", "transparent"));
    let refused = refused.expect_err("nobody in particular may not");
    assert!(refused.message.contains("CAP_NET_ADMIN"), "{refused:?}");
    assert_eq!(refused.path.as_deref(), Some("listeners.web.client_address"));
    assert_eq!(daemon.status().revision, 1, "what runs is untouched");
}
