//! The option does what it says on this kernel.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn a_deferred_connection_is_accepted_when_its_client_speaks() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    defer_accept(&listener, 5).expect("a TCP socket");
    let mut client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("the kernel answers");
    listener.set_nonblocking(true).expect("an open socket");
    assert_eq!(listener.accept().expect_err("nothing was said").kind(), io::ErrorKind::WouldBlock);
    client.write_all(b"GET").expect("an open socket");
    listener.set_nonblocking(false).expect("an open socket");
    listener.accept().expect("something was said");
}

#[test]
fn without_deferring_a_silent_client_is_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    defer_accept(&listener, 5).expect("a TCP socket");
    defer_accept(&listener, 0).expect("a TCP socket");
    let _client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("the kernel answers");
    listener.accept().expect("nothing needs to be said");
}

#[test]
fn what_is_no_tcp_socket_is_refused() {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    defer_accept(&udp, 1).expect_err("no such option there");
}
