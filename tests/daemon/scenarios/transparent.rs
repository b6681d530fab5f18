//! Datagrams to a backend on another machine (S-52, S-53), ports that are kept, and advice on what
//! keeps answers away (L-04). What connections of TCP show stands in `real_client`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use poise_core::proxy::{Addresses, Transport, encode_v2};
use poise_ipc::cause::Cause;
use poise_ipc::message::ErrorCode;
use poise_ipc::model::{ClientAddress, Protocol};
use socket2::{Domain, Socket, Type};

use crate::backends::{PATIENCE, Scripted, patient, read_to_end, until};
use crate::datagrams::{Echo, ask};
use crate::netns::{Machine, Row, inside};
use crate::process::{Daemon, Place, set};
use crate::rig::{Rig, front, name};

/// The name of a test of this module, as the test program knows it.
macro_rules! this {
    ($test:ident) => {
        concat!("scenarios::transparent::", stringify!($test))
    };
}

/// The balancer's address towards clients, the client's, and the backend's; of each family.
const ADDRESSES: [[&str; 3]; 2] = [["10.1.0.1", "10.1.0.2", "10.2.0.2"], ["fd00:1::1", "fd00:1::2", "fd00:2::2"]];

const PATH: &str = "listeners.front.client_address";

/// A balancer at this address, in front of one backend.
fn rig(protocol: Protocol, bind: &str, way: ClientAddress, backend: SocketAddr) -> Rig {
    let mut config = front(protocol, &[backend]);
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.bind = SocketAddr::new(bind.parse().expect("an address"), 0).into();
    listener.client_address = way;
    Rig::new(config)
}

/// A socket for datagrams on a machine.
fn socket(machine: &Machine, ip: &'static str) -> UdpSocket {
    machine.run(move || UdpSocket::bind((ip, 0)).expect("an address of the machine"))
}

/// A backend that answers a datagram with whom it saw, in a line, and then what it got.
fn telling(row: &Row, ip: &'static str) -> Echo {
    let told = |bytes: &[u8], peer: SocketAddr| [format!("{peer}\n").as_bytes(), bytes].concat();
    Echo::on(socket(&row.backend, ip), told)
}

fn asking(row: &Row, ip: &'static str, to: SocketAddr) -> UdpSocket {
    let client = socket(&row.client, ip);
    client.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
    client.connect(to).expect("connecting asks nobody");
    client
}

#[test]
fn s_53_a_udp_backend_sees_the_clients_own_address_and_port() {
    if !inside(this!(s_53_a_udp_backend_sees_the_clients_own_address_and_port)) {
        return;
    }
    let row = Row::new();
    row.route_back();
    for [front, own, behind] in ADDRESSES {
        let backend = telling(&row, behind);
        let rig = rig(Protocol::Udp, front, ClientAddress::Transparent, backend.address);
        for _ in 0..3 {
            let client = asking(&row, own, rig.address_of("front"));
            let seen = client.local_addr().expect("it is bound");
            for question in ["hello", "again"] {
                let answer = ask(&client, question.as_bytes()).expect("an answer");
                assert_eq!(String::from_utf8_lossy(&answer), format!("{seen}\n{question}"));
            }
        }
    }
}

#[test]
fn s_53_a_udp_backend_is_told_the_clients_address_in_the_first_datagram() {
    if !inside(this!(s_53_a_udp_backend_is_told_the_clients_address_in_the_first_datagram)) {
        return;
    }
    let row = Row::new();
    for ([front, own, behind], ours) in ADDRESSES.into_iter().zip(["10.2.0.1:", "[fd00:2::1]:"]) {
        let backend = telling(&row, behind);
        let rig = rig(Protocol::Udp, front, ClientAddress::ProxyV2, backend.address);
        let destination = rig.address_of("front");
        let client = asking(&row, own, destination);
        let source = client.local_addr().expect("it is bound");
        let header = encode_v2(Some(Addresses { source, destination }), Transport::Datagram);
        for got in [[&header[..], b"hello"].concat(), b"again".to_vec()] {
            let question = if got == b"again" { &b"again"[..] } else { b"hello" };
            let answer = ask(&client, question).expect("an answer");
            let line = answer.iter().position(|&byte| byte == b'\n').expect("a line");
            assert!(answer.starts_with(ours.as_bytes()), "{}", String::from_utf8_lossy(&answer[..line]));
            assert_eq!(answer[line + 1..], got);
        }
    }
}

#[test]
fn s_53_a_client_keeps_its_port_also_at_two_listeners_at_once() {
    if !inside(this!(s_53_a_client_keeps_its_port_also_at_two_listeners_at_once)) {
        return;
    }
    let row = Row::new();
    row.route_back();
    let backends = [(); 2].map(|()| {
        let listener = row.backend.run(|| TcpListener::bind("10.2.0.2:0").expect("a free port"));
        Scripted::on(listener, |mut stream| {
            let peer = stream.peer_addr().expect("it is connected").to_string();
            let _ = stream.write_all(format!("{peer}\n").as_bytes());
            let _ = read_to_end(&mut stream);
        })
    });
    let rigs = backends.each_ref().map(|b| rig(Protocol::Tcp, "10.1.0.1", ClientAddress::Transparent, b.address));
    let own = SocketAddr::from(([10, 1, 0, 2], 40_001));
    let asked = rigs.each_ref().map(|rig| {
        let to = rig.address_of("front");
        row.client.run(move || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_reuse_address(true).expect("an open socket");
            socket.bind(&own.into()).expect("nobody else is on this machine");
            socket.connect(&to.into()).expect("the listener accepts");
            let mut client = BufReader::new(patient(socket.into()));
            let mut said = String::new();
            client.read_line(&mut said).expect("a line");
            // It stays open while the other one is asked.
            (said, client)
        })
    });
    assert_eq!(asked.each_ref().map(|(said, _)| said.trim_end().to_owned()), [own.to_string(), own.to_string()]);
}

#[test]
fn l_04_a_client_cannot_be_spoken_for_in_another_family() {
    if !inside(this!(l_04_a_client_cannot_be_spoken_for_in_another_family)) {
        return;
    }
    let row = Row::new();
    row.route_back();
    let backend = telling(&row, "fd00:2::2");
    let stream = rig(Protocol::Tcp, "10.1.0.1", ClientAddress::Transparent, backend.address);
    let to = stream.address_of("front");
    row.client.run(move || {
        let _ = read_to_end(&mut patient(TcpStream::connect(to).expect("the balancer accepts")));
    });
    until("it is counted", || stream.count_of(Cause::TransparentFailed) == 1);
    let datagrams = rig(Protocol::Udp, "10.1.0.1", ClientAddress::Transparent, backend.address);
    asking(&row, "10.1.0.2", datagrams.address_of("front")).send(b"hello").expect("it is on its way");
    until("it is counted", || datagrams.count_of(Cause::TransparentFailed) == 1);
    for rig in [stream, datagrams] {
        assert_eq!(rig.counters_of("b0").connect_failures_total, 0, "the backend did nothing wrong");
    }
}

/// For the real program; nobody is at the backend.
fn place() -> Place {
    Place::new(
        "listeners.front = { bind = \"10.1.0.1:0\", protocol = \"tcp\", group = \"app\" }
        groups.app = { health_check = \"off\", backends.b0 = { address = \"10.2.0.2:80\" } }",
    )
}

/// Codes of what the daemon advises on the way that backends learn the client's address.
fn advice(daemon: &Daemon) -> Vec<String> {
    let findings = daemon.status().findings.into_iter();
    findings.filter(|finding| finding.subject == PATH).map(|finding| finding.code).collect()
}

#[test]
fn l_04_what_keeps_answers_away_is_advice() {
    if !inside(this!(l_04_what_keeps_answers_away_is_advice)) {
        return;
    }
    let row = Row::new();
    let filter = |interface: &str, value: &str| {
        fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), value).expect("it is ours");
    };
    for interface in ["all", "b0", "c0"] {
        filter(interface, "0");
    }
    let place = place();
    let daemon = place.start();
    filter("b0", "1");
    assert_eq!(advice(&daemon), [""; 0], "nobody asked for it");
    daemon.ask(set(PATH, "transparent")).expect("the capability is there");
    assert_eq!(advice(&daemon), ["answers-unrouted", "rp-filter-strict"]);
    filter("b0", "2");
    row.route_back();
    daemon.ask(set("listeners.front.idle_timeout", "5m")).expect("a usual time");
    assert_eq!(advice(&daemon), [""; 0]);
}

#[test]
fn l_04_root_without_the_capability_is_refused_too() {
    if !inside(this!(l_04_root_without_the_capability_is_refused_too)) {
        return;
    }
    let _row = Row::new();
    let place = place();
    let plain = place.command();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-net_admin,-net_raw"]).arg(plain.get_program()).args(plain.get_args());
    let daemon = place.start_by(&mut command);
    let error = daemon.ask(set(PATH, "transparent")).expect_err("the capability is missing");
    assert_eq!((error.code, error.path.as_deref()), (ErrorCode::Bind, Some(PATH)), "{error:?}");
    assert!(error.message.contains("CAP_NET_ADMIN"), "{}", error.message);
    daemon.ask(set(PATH, "proxy-v2")).expect("a way that needs nothing");
}
