//! A listener that speaks another protocol from now on (S-10).

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backends::{patient, read_to_end};
use crate::process::{Daemon, Place, set};
use crate::script::{Named, read_message, send};

/// What a new connection is answered, and whether poised spoke HTTP to it: then the backend has seen
/// the header that it adds.
fn asked(front: SocketAddr, backend: &Named) -> (String, bool) {
    let mut stream = patient(TcpStream::connect(front).expect("no connection is refused"));
    send(&mut stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (_, body) = read_message(&mut stream).expect("no request is lost");
    let seen = backend.requests().pop().expect("the backend has answered");
    (body, seen.to_ascii_lowercase().contains("x-forwarded-for"))
}

/// The real program with a listener of protocol `http` before one backend.
fn fronted(backend: &Named) -> (Place, Daemon, SocketAddr) {
    let place = Place::new(&format!(
        "listeners.front = {{ bind = \"127.0.0.1:0\", protocol = \"http\", group = \"app\" }}
        groups.app.backends.b0 = {{ address = \"{}\" }}",
        backend.address
    ));
    let daemon = place.start();
    let front = daemon.status().listeners[0].bind.ip().expect("an address and port");
    (place, daemon, front)
}

#[test]
fn s_10_the_protocol_of_a_listener_changes_live_and_back() {
    let backend = Named::new("one");
    let (_place, daemon, front) = fronted(&backend);
    let switch = |protocol: &str| drop(daemon.ask(set("listeners.front.protocol", protocol)).expect("valid"));

    assert_eq!(asked(front, &backend), ("one".to_owned(), true));
    // A connection of the old protocol may end its request, and its next one is the last.
    let mut kept = patient(TcpStream::connect(front).expect("it accepts"));
    send(&mut kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    read_message(&mut kept).expect("an answer");
    switch("tcp");
    assert_eq!(asked(front, &backend), ("one".to_owned(), false));
    send(&mut kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, _) = read_message(&mut kept).expect("it is still served");
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
    assert_eq!(read_to_end(&mut kept).expect("an orderly end"), b"");
    switch("http");
    assert_eq!(asked(front, &backend), ("one".to_owned(), true));
    assert_eq!(daemon.status().listeners[0].bind.ip(), Some(front), "the address stays");
}

#[test]
fn s_10_no_connection_is_refused_while_the_protocol_changes() {
    let backend = Named::new("one");
    let (_place, daemon, front) = fronted(&backend);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = [0; 2].map(|_| {
            scope.spawn(|| {
                let mut served = 0;
                while !over.load(Ordering::SeqCst) {
                    assert_eq!(asked(front, &backend).0, "one");
                    served += 1;
                }
                served
            })
        });
        for at in 0..20 {
            let protocol = if at % 2 == 0 { "tcp" } else { "http" };
            daemon.ask(set("listeners.front.protocol", protocol)).expect("valid");
        }
        over.store(true, Ordering::SeqCst);
        let served: Vec<usize> = clients.map(|client| client.join().expect("no failure")).into();
        assert!(served.iter().all(|&served| served > 0), "{served:?}");
    });
}
