//! The whole way through the real program: traffic, edits, a backend that dies and comes back, a
//! stop under way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use poise_ipc::message::Transition;
use poise_ipc::status::Health;
use rustix::process::Signal;

use crate::backends::{Refusing, Scripted, patient, read_to_end, until};
use crate::process::{Daemon, Events, Place, set};

fn config(backends: &[(&str, SocketAddr)]) -> String {
    let mut text =
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n[groups.app]\n".to_owned();
    text += "health_check = { protocol = \"tcp\", interval = \"100ms\", rise = 1, fall = 1 }\n[groups.app.backends]\n";
    let backends = backends.iter().map(|(name, address)| format!("{name} = {{ address = \"{address}\" }}\n"));
    text + &backends.collect::<String>()
}

fn front(daemon: &Daemon) -> SocketAddr {
    daemon.status().listeners[0].bind.ip().expect("an address and port")
}

/// What a new connection hears.
fn heard(front: SocketAddr) -> String {
    let mut stream = patient(TcpStream::connect(front).expect("it accepts"));
    String::from_utf8(read_to_end(&mut stream).expect("an end")).expect("text")
}

/// The next transition of a backend to a health; those of others may come at any time.
fn transition_of(events: &mut Events, backend: &str, to: Health) -> Transition {
    loop {
        let transition = events.transition();
        if transition.backend.as_str() == backend && transition.to == to {
            return transition;
        }
    }
}

#[test]
fn an_edit_moves_the_next_connection_and_a_dead_backend_gets_none() {
    let (one, two) = (Scripted::saying("one"), Scripted::saying("two"));
    let place = Place::new(&config(&[("one", one.address), ("two", two.address)]));
    let daemon = place.start();
    let mut events = daemon.subscribe();
    let front = front(&daemon);

    daemon.ask(set("groups.app.backends.one.weight", "0")).expect("valid");
    assert_eq!([heard(front), heard(front)], ["two", "two"]);
    daemon.ask(set("groups.app.backends.one.weight", "100")).expect("valid");
    let mut both = [heard(front), heard(front)];
    both.sort();
    assert_eq!(both, ["one", "two"]);

    let refusing = Refusing::new();
    daemon.ask(set("groups.app.backends.two.address", &format!("\"{}\"", refusing.address))).expect("valid");
    let down = transition_of(&mut events, "two", Health::Down);
    assert_eq!(down.streak, 1);
    assert_eq!([heard(front), heard(front)], ["one", "one"]);

    daemon.ask(set("groups.app.backends.two.address", &format!("\"{}\"", two.address))).expect("valid");
    assert_eq!(transition_of(&mut events, "two", Health::Up).from, Health::Unknown);
    let mut both = [heard(front), heard(front)];
    both.sort();
    assert_eq!(both, ["one", "two"]);
}

/// A connection that echoes, through a daemon that was told to stop and drains.
fn draining(place: &Place) -> (Daemon, TcpStream) {
    let daemon = place.start_by(&mut place.command_draining("1m"));
    let front = front(&daemon);
    let mut stream = patient(TcpStream::connect(front).expect("it accepts"));
    echoes(&mut stream);
    daemon.signal(Signal::TERM);
    until("the listener is closed", || TcpStream::connect(front).is_err());
    echoes(&mut stream);
    (daemon, stream)
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").expect("it is open");
    let mut back = [0; 5];
    stream.read_exact(&mut back).expect("it echoes");
    assert_eq!(&back, b"hello");
}

#[test]
fn a_stop_lets_open_connections_end() {
    let echo = Scripted::echo();
    let place = Place::new(&config(&[("one", echo.address)]));
    let (daemon, stream) = draining(&place);
    drop(stream);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let echo = Scripted::echo();
    let place = Place::new(&config(&[("one", echo.address)]));
    let (daemon, mut stream) = draining(&place);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
}
