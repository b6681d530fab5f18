//! What backends learn of the client (S-52), on loopback; hosts of their own prove S-53.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use poise_core::proxy::{Addresses, Transport, encode_v2};
use poise_ipc::message::{ErrorCode, ErrorReply};
use poise_ipc::model::{ClientAddress, Config, ForwardedFor, Listener, Protocol};

use crate::backends::{ANY_PORT, Scripted, read_to_end, until};
use crate::datagrams::{Echo, ask, asking};
use crate::process::{Place, set};
use crate::rig::{Rig, front, name};

fn fronted(protocol: Protocol, backends: &[SocketAddr], edit: impl FnOnce(&mut Listener)) -> Config {
    let mut config = front(protocol, backends);
    edit(config.listeners.get_mut(&name("front")).expect("it was made"));
    config
}

/// A backend of HTTP that answers with the field that names the client.
fn telling_forwarded_for() -> Scripted {
    Scripted::new(|mut stream: TcpStream| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let found = head.lines().find(|line| line.starts_with("x-forwarded-for")).unwrap_or("none");
        let length = found.len();
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{found}");
    })
}

/// What an HTTP listener gives back in the end.
fn asked(rig: &Rig) -> String {
    let mut client = rig.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it is taken");
    String::from_utf8(read_to_end(&mut client).expect("an orderly end")).expect("text")
}

#[test]
fn s_52_http_backends_learn_the_clients_address_unless_told_otherwise() {
    let backend = telling_forwarded_for();
    let mut rig = Rig::new(front(Protocol::Http, &[backend.address]));
    assert!(asked(&rig).ends_with("\r\n\r\nx-forwarded-for: 127.0.0.1"), "{}", asked(&rig));
    rig.edit(|config| {
        config.listeners.get_mut(&name("front")).expect("it was made").forwarded_for = ForwardedFor::Off;
    });
    assert!(asked(&rig).ends_with("\r\n\r\nnone"), "{}", asked(&rig));
}

#[test]
fn s_52_tcp_and_udp_backends_get_the_clients_bytes_alone_unless_told_otherwise() {
    let (stream, datagrams) = (Scripted::echo(), Echo::on(socket(), |bytes, _| bytes.to_vec()));
    let rig = Rig::new(front(Protocol::Tcp, &[stream.address]));
    let mut client = rig.connect();
    client.write_all(b"hello").expect("it is taken");
    client.shutdown(std::net::Shutdown::Write).expect("an open socket");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"hello");
    let rig = Rig::new(front(Protocol::Udp, &[datagrams.address]));
    assert_eq!(ask(&asking(rig.address_of("front")), b"hello").expect("an answer"), b"hello");
}

#[test]
fn s_52_a_header_goes_with_the_first_datagram_of_a_flow_alone() {
    let backend = Echo::on(socket(), |bytes, _| bytes.to_vec());
    let rig = Rig::new(fronted(Protocol::Udp, &[backend.address], |listener| {
        listener.client_address = ClientAddress::ProxyV2;
    }));
    for first in [&b"hello"[..], b""] {
        let client = asking(rig.address_of("front"));
        let source = client.local_addr().expect("it is bound");
        let destination = rig.address_of("front");
        let header = encode_v2(Some(Addresses { source, destination }), Transport::Datagram);
        assert_eq!(ask(&client, first).expect("an answer"), [&header[..], first].concat());
        for later in [&b"again"[..], b"and again"] {
            assert_eq!(ask(&client, later).expect("an answer"), later);
        }
    }
}

#[test]
fn s_52_a_flow_that_moves_tells_its_new_backend_too() {
    let answering = |number: u8| Echo::on(socket(), move |bytes, _| [&[number], bytes].concat());
    let mut backends = vec![answering(0), answering(1)];
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let rig = Rig::new(fronted(Protocol::Udp, &addresses, |listener| {
        listener.client_address = ClientAddress::ProxyV2;
    }));
    let client = asking(rig.address_of("front"));
    let (source, destination) = (client.local_addr().expect("it is bound"), rig.address_of("front"));
    let header = encode_v2(Some(Addresses { source, destination }), Transport::Datagram);
    let first = ask(&client, b"hello").expect("an answer");
    drop(backends.remove(usize::from(first[0])));
    // The host of the dead one answers that nobody is there; the next datagram finds it out.
    let mut answer = Vec::new();
    client.set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a deadline above zero");
    until("the other backend answers", || {
        ask(&client, b"hello").is_ok_and(|bytes| {
            answer = bytes;
            true
        })
    });
    assert_eq!(answer, [&[1 - first[0]], &header[..], b"hello"].concat());
}

#[test]
fn s_52_every_way_can_be_set_and_what_cannot_work_is_refused() {
    let (backend, path) = (Scripted::echo(), "listeners.front.client_address");
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\" }}
        listeners.web = {{ bind = \"127.0.0.1:0\", protocol = \"http\", group = \"app\" }}
        listeners.dns = {{ bind = \"127.0.0.1:0\", protocol = \"udp\", group = \"app\" }}
        groups.app.backends.b0 = {{ address = \"{}\" }}",
        backend.address
    ));
    let daemon = place.start();
    for value in ["proxy-v1", "proxy-v2", "off"] {
        daemon.ask(set(path, value)).expect("a way that works");
    }
    daemon.ask(set("listeners.dns.client_address", "proxy-v2")).expect("a way that works");
    for (path, value) in
        [(path, "proxy-v3"), ("listeners.web.client_address", "proxy-v2"), ("listeners.dns.client_address", "proxy-v1")]
    {
        let error: ErrorReply = daemon.ask(set(path, value)).expect_err("it cannot work");
        assert_eq!(error.code, ErrorCode::Invalid, "{path} = {value}: {error:?}");
    }
}

/// A socket on loopback.
fn socket() -> UdpSocket {
    UdpSocket::bind(ANY_PORT).expect("a free port")
}
