//! The PROXY protocol through the daemon: who is believed, what backends read, and what is refused.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use poise_core::proxy::{Addresses, Transport, encode_v1, encode_v2};
use poise_ipc::Config;
use poise_ipc::cause::Cause;
use poise_ipc::model::{
    AcceptProxy, Backend, ClientAddress, Group, Listener, NetworkRule, Persistence, Protocol, ProxyMode,
};

use crate::backends::{ANY_PORT, Refusing, Scripted, read_to_end, until};
use crate::rig::{Rig, front, name};

/// Networks in a list, without comments.
fn networks(texts: &[&str]) -> Vec<NetworkRule> {
    texts.iter().map(|text| text.parse().expect("a network")).collect()
}

fn accepting(protocol: Protocol, mode: ProxyMode, from: &[&str], backends: &[SocketAddr]) -> Config {
    let mut config = front(protocol, backends);
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.accept_proxy = AcceptProxy { mode, from: networks(from) };
    config
}

fn told(client_address: ClientAddress, backends: &[SocketAddr]) -> Config {
    let mut config = front(Protocol::Tcp, backends);
    config.listeners.get_mut(&name("front")).expect("it was made").client_address = client_address;
    config
}

fn addresses() -> Addresses {
    let parse = |text: &str| text.parse().expect("an address with a port");
    Addresses { source: parse("203.0.113.7:4711"), destination: parse("198.51.100.1:443") }
}

/// Sends bytes, ends, and returns everything that came back.
fn exchanged(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    let mut client = rig.connect();
    // Who is refused may be reset before this; what comes back tells.
    let _ = client.write_all(bytes);
    let _ = client.shutdown(std::net::Shutdown::Write);
    read_to_end(&mut client).unwrap_or_default()
}

#[test]
fn a_backend_reads_the_clients_address_ahead_of_its_bytes() {
    let backend = Scripted::echo();
    for (kind, encode) in [
        (ClientAddress::ProxyV1, encode_v1 as fn(Option<Addresses>) -> Vec<u8>),
        (ClientAddress::ProxyV2, |addresses| encode_v2(addresses, Transport::Stream)),
    ] {
        let rig = Rig::new(told(kind, &[backend.address]));
        let mut client = rig.connect();
        let (source, destination) = (client.local_addr().expect("connected"), client.peer_addr().expect("connected"));
        let header = encode(Some(Addresses { source, destination }));
        // The echo gives the header back although the client has not said a word.
        let mut echoed = vec![0; header.len()];
        client.read_exact(&mut echoed).expect("the header comes back");
        assert_eq!(echoed, header, "{kind}");
        client.write_all(b"hello").expect("it is taken");
        client.shutdown(std::net::Shutdown::Write).expect("an open socket");
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hello");
    }
}

#[test]
fn the_backend_that_a_dial_falls_back_to_reads_the_header_too() {
    let (refusing, living) = (Refusing::new(), Scripted::echo());
    let rig = Rig::new(told(ClientAddress::ProxyV1, &[refusing.address, living.address]));
    for _ in 0..4 {
        assert!(exchanged(&rig, b"hello").starts_with(b"PROXY TCP4 127.0.0.1 127.0.0.1 "));
    }
}

#[test]
fn a_header_is_taken_to_its_last_byte_however_it_arrives() {
    let backend = Scripted::echo();
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Required, &["127.0.0.0/8"], &[backend.address]));
    for header in [encode_v1(Some(addresses())), encode_v2(Some(addresses()), Transport::Stream), encode_v1(None)] {
        assert_eq!(exchanged(&rig, &[&header[..], b"hello"].concat()), b"hello");
        let mut client = rig.connect();
        client.set_nodelay(true).expect("an open socket");
        for byte in &header {
            client.write_all(&[*byte]).expect("it is taken");
        }
        client.write_all(b"hello").expect("it is taken");
        client.shutdown(std::net::Shutdown::Write).expect("an open socket");
        assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hello");
    }
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn without_a_required_header_nobody_is_served() {
    let backend = Scripted::echo();
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Required, &["127.0.0.0/8"], &[backend.address]));
    let half = &encode_v1(Some(addresses()))[..20];
    for bytes in [&b"hello"[..], b"PROXY TCP4 1.2.3.4 nonsense\r\nhello", half] {
        assert_eq!(exchanged(&rig, bytes), b"", "{bytes:?}");
    }
    until("all are counted", || rig.count_of(Cause::BadProxyHeader) == 3);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_header_of_somebody_who_is_not_listed_is_refused_or_mere_data() {
    let (backend, header) = (Scripted::echo(), encode_v1(Some(addresses())));
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Required, &["192.0.2.0/24"], &[backend.address]));
    assert_eq!(exchanged(&rig, &header), b"");
    until("it is counted", || rig.count_of(Cause::BadProxyHeader) == 1);
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Optional, &["192.0.2.0/24"], &[backend.address]));
    assert_eq!(exchanged(&rig, &header), header);
}

#[test]
fn an_optional_header_may_be_left_out() {
    let backend = Scripted::echo();
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Optional, &["127.0.0.1"], &[backend.address]));
    for bytes in [&b"hello"[..], b"PROXYING is no header", b"\r\n\r\nnor is this"] {
        assert_eq!(exchanged(&rig, bytes), bytes);
    }
    assert_eq!(exchanged(&rig, &[&encode_v1(Some(addresses()))[..], b"hello"].concat()), b"hello");
    // Whoever waits for the backend to speak is served in the end.
    let backend = Scripted::saying("220 ready\r\n");
    let rig = Rig::new(accepting(Protocol::Tcp, ProxyMode::Optional, &["127.0.0.1"], &[backend.address]));
    let mut client = rig.connect();
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"220 ready\r\n");
}

#[test]
fn the_client_of_a_header_is_the_one_that_persistence_and_backends_know() {
    let backends = [Scripted::echo(), Scripted::echo()];
    let mut config =
        accepting(Protocol::Tcp, ProxyMode::Required, &["127.0.0.1"], &backends.each_ref().map(|b| b.address));
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.persistence = Persistence::source(60_000);
    listener.client_address = ClientAddress::ProxyV2;
    let rig = Rig::new(config);
    let header = encode_v2(Some(addresses()), Transport::Stream);
    for _ in 0..6 {
        assert_eq!(exchanged(&rig, &header), header, "the backend reads what the proxy in front has said");
    }
    let counts = backends.each_ref().map(Scripted::connections);
    assert!(counts.contains(&6), "one client stays with one backend: {counts:?}");
}

#[test]
fn the_client_of_a_header_stands_in_x_forwarded_for() {
    let backend = Scripted::new(|mut stream: TcpStream| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let found = head.lines().find(|line| line.starts_with("x-forwarded-for")).unwrap_or("none").to_owned();
        let _ =
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{found}", found.len());
    });
    let rig = Rig::new(accepting(Protocol::Http, ProxyMode::Required, &["127.0.0.1"], &[backend.address]));
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchanged(&rig, &[&encode_v2(Some(addresses()), Transport::Stream)[..], request].concat());
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.ends_with("x-forwarded-for: 203.0.113.7"), "{answer}");
}

#[test]
fn one_poised_tells_another_who_the_client_is() {
    let backend = Scripted::echo();
    let mut config = accepting(Protocol::Tcp, ProxyMode::Required, &["127.0.0.1"], &[backend.address]);
    let inner = config.listeners.get_mut(&name("front")).expect("it was made");
    inner.client_address = ClientAddress::ProxyV1;
    let behind = Rig::new(config);
    let mut ahead = Config::default();
    let mut group = Group::default();
    group.backends.insert(name("next"), Backend::new(behind.address_of("front")));
    ahead.groups.insert(name("app"), group);
    let outer = Listener::new(ANY_PORT, Protocol::Tcp, name("app"));
    ahead.listeners.insert(name("front"), Listener { client_address: ClientAddress::ProxyV2, ..outer });
    let rig = Rig::new(ahead);
    let mut client = rig.connect();
    let (own, reached) = (client.local_addr().expect("connected"), client.peer_addr().expect("connected"));
    let wanted = encode_v1(Some(Addresses { source: own, destination: reached }));
    let mut came = vec![0; wanted.len()];
    client.read_exact(&mut came).expect("the header comes back");
    assert_eq!(came, wanted);
}
