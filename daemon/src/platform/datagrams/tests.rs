//! What this kernel makes of batches, segments and local addresses, on loopback.

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use super::*;
use crate::platform::{join_datagrams, tell_local_address};

fn bound(ip: IpAddr) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip, 0)).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

fn loopback() -> (UdpSocket, SocketAddr) {
    bound(Ipv4Addr::LOCALHOST.into())
}

/// A batch that holds these datagrams.
fn holding(datagrams: &[&[u8]]) -> Batch {
    let ((receiver, to), (sender, _)) = (loopback(), loopback());
    for datagram in datagrams {
        sender.send_to(datagram, to).expect("loopback takes it");
    }
    let mut batch = Batch::new();
    assert_eq!(batch.receive(&receiver).expect("they are there"), 0..datagrams.len());
    batch
}

fn lengths(socket: &UdpSocket) -> Vec<usize> {
    socket.set_nonblocking(true).expect("an open socket");
    let mut bytes = vec![0; 70_000];
    std::iter::from_fn(|| socket.recv(&mut bytes).ok()).collect()
}

const fn all(count: usize, segment_bytes: u16) -> Sending {
    Sending { first: 0, count, to: None, from: None, segment_bytes }
}

#[test]
fn a_batch_holds_datagrams_of_any_length_with_their_senders() {
    let ((receiver, to), (sender, from)) = (loopback(), loopback());
    let sent: Vec<Vec<u8>> = [0, 1, 1_500, 65_507].map(|len| vec![7; len]).into();
    let mut batch = Batch::new();
    for _ in 0..2 {
        for datagram in &sent {
            sender.send_to(datagram, to).expect("loopback takes it");
        }
        assert_eq!(batch.receive(&receiver).expect("they are there"), 0..4);
        for (at, datagram) in sent.iter().enumerate() {
            assert_eq!(batch.received(at), Received { from: Some(from), local: None });
            assert!(batch.bytes(at) == datagram && batch.segment_bytes(at) == 0);
        }
        batch.clear();
    }
}

#[test]
fn what_comes_later_is_held_behind_what_is_there() {
    let ((first, to_first), (second, to_second), (sender, _)) = (loopback(), loopback(), loopback());
    sender.send_to(b"one", to_first).expect("loopback takes it");
    sender.send_to(b"two", to_second).expect("loopback takes it");
    let mut batch = Batch::new();
    assert_eq!(batch.receive(&first).expect("it is there"), 0..1);
    assert_eq!(batch.receive(&second).expect("it is there"), 1..2);
    assert_eq!(batch.receive(&second).expect_err("nothing is").kind(), io::ErrorKind::WouldBlock);
    assert_eq!((batch.bytes(0), batch.bytes(1), batch.len()), (&b"one"[..], &b"two"[..], 2));
}

#[test]
fn the_kernel_splits_and_joins() {
    let mut batch = holding(&[b"aaaa", b"bbbb", b"cc"]);
    let ((plain, to), (sender, _)) = (loopback(), loopback());
    let sending = Sending { to: Some(to), ..all(3, 4) };
    assert_eq!(batch.send(&sender, &[sending]).expect("this kernel splits"), 1);
    assert_eq!(lengths(&plain), [4, 4, 2]);

    let (joining, to) = loopback();
    join_datagrams(&joining).expect("this kernel joins");
    assert_eq!(batch.send(&sender, &[Sending { to: Some(to), ..sending }]).expect("as before"), 1);
    let mut joined = Batch::new();
    assert_eq!(joined.receive(&joining).expect("they are there"), 0..1);
    assert_eq!((joined.bytes(0), joined.segment_bytes(0)), (&b"aaaabbbbcc"[..], 4));
}

#[test]
fn a_datagram_tells_where_it_came_to_and_an_answer_leaves_from_there() {
    for (wild, own) in [
        (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from([127, 0, 0, 9])),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
    ] {
        let (socket, address) = bound(wild);
        tell_local_address(&socket, wild.is_ipv6()).expect("a UDP socket");
        let (client, from) = bound(if wild.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { own });
        client.send_to(b"?", (own, address.port())).expect("loopback takes it");
        let mut batch = Batch::new();
        batch.receive(&socket).expect("it is there");
        assert_eq!(batch.received(0), Received { from: Some(from), local: Some(own) });
        batch.send(&socket, &[Sending { to: Some(from), from: Some(own), ..all(1, 0) }]).expect("sent");
        send_one(&socket, b"!", Some(from), Some(own)).expect("sent");
        for _ in 0..2 {
            let mut byte = [0];
            let (_, came_from) = client.recv_from(&mut byte).expect("it is there");
            assert_eq!(came_from, SocketAddr::new(own, address.port()));
        }
    }
}

#[test]
fn a_refusal_is_heard_on_a_connected_socket() {
    let (gone, to) = loopback();
    drop(gone);
    let (socket, _) = loopback();
    socket.connect(to).expect("connecting asks nobody");
    let mut batch = holding(&[b"x"]);
    batch.send(&socket, &[all(1, 0)]).expect("nobody has said no yet");
    let refused = batch.send(&socket, &[all(1, 0)]).expect_err("now they have");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    batch.send(&socket, &[all(1, 0)]).expect("it is said once");
}

#[test]
#[should_panic(expected = "only what was received is sent")]
fn what_was_never_received_is_never_sent() {
    let (socket, _) = loopback();
    let _ = Batch::new().send(&socket, &[all(2, 4)]);
}
