//! Clients that take every descriptor: the real program under a limit of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;

use crate::backends::{PATIENCE, Scripted, patient, until};
use crate::process::{Daemon, Place};

/// More clients than any limit of these tests allows.
const CLIENTS: usize = 300;

/// A daemon in front of an echo, with at most so many descriptors.
struct Limited {
    _place: Place,
    _backend: Scripted,
    daemon: Daemon,
    address: SocketAddr,
}

fn limited(descriptors: u32) -> Limited {
    let backend = Scripted::echo();
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"app\"\n\
         [groups.app]\nhealth_check = \"off\"\n[groups.app.backends]\nb0 = {{ address = \"{}\" }}\n",
        backend.address
    ));
    let daemon = place.start_by(&mut place.command_limited(descriptors));
    let address = daemon.status().listeners[0].bind.ip().expect("an address and port");
    Limited { _place: place, _backend: backend, daemon, address }
}

/// Whether the echo answers within a while.
fn is_served(client: &mut TcpStream) -> bool {
    client.write_all(b"hello").and_then(|()| client.read_exact(&mut [0; 5])).is_ok()
}

/// As many clients as the kernel lets connect; the excess waits in its queue.
fn flood(address: SocketAddr) -> Vec<TcpStream> {
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok();
    (0..CLIENTS).filter_map(connect).collect()
}

/// Processor time of a process, in hundredths of a second.
fn processor_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    [11, 12].iter().map(|&at| fields[at].parse::<u64>().expect("a number")).sum()
}

#[test]
fn clients_beyond_the_budget_are_refused_and_the_operator_still_gets_in() {
    let limited = limited(256);
    let mut first = patient(TcpStream::connect(limited.address).expect("it listens"));
    assert!(is_served(&mut first));
    let flood = flood(limited.address);
    assert_eq!(flood.len(), CLIENTS, "each is accepted, if only to be refused");
    until("the excess is counted", || {
        let causes = &limited.daemon.status().listeners[0].counters.causes;
        causes.iter().any(|(cause, n)| *cause == Cause::ConnectionLimit && *n > 0)
    });
    assert!(is_served(&mut first), "who was there stays");
    drop(flood);
    until("new clients are served again", || {
        TcpStream::connect(limited.address).is_ok_and(|client| is_served(&mut patient(client)))
    });
}

#[test]
fn without_descriptors_nothing_spins_and_serving_goes_on_when_they_are_back() {
    let limited = limited(40);
    let pid = limited.daemon.status().daemon.pid;
    let mut first = patient(TcpStream::connect(limited.address).expect("it listens"));
    assert!(is_served(&mut first));
    let flood = flood(limited.address);
    let (before, began) = (processor_time(pid), Instant::now());
    while began.elapsed() < Duration::from_secs(2) {
        assert!(is_served(&mut first), "who was there stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    let spent = processor_time(pid) - before;
    assert!(spent < 50, "{spent} hundredths of a second in two seconds of nothing to do");
    drop(flood);
    until("new clients are served again", || {
        let client = TcpStream::connect_timeout(&limited.address, PATIENCE);
        client.is_ok_and(|client| is_served(&mut patient(client)))
    });
}
