//! Listeners that are added, renamed, moved and removed under traffic, and workers that stop.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::model::Protocol;

use crate::backends::{PATIENCE, Scripted, patient, read_to_end, until};
use crate::rig::{Rig, front, name};

fn speak(client: &mut TcpStream) {
    client.write_all(b"hello").expect("the relay takes it");
    client.read_exact(&mut [0; 5]).expect("the backend answers");
}

/// A listener at an address of its own, so that nobody else takes its port when it is free again.
fn alone(host: u8, backend: &Scripted) -> Rig {
    let mut config = front(Protocol::Tcp, &[backend.address]);
    config.listeners.get_mut(&name("front")).expect("it was made").bind =
        SocketAddr::from(([127, 0, 0, host], 0)).into();
    Rig::with_workers(config, 2)
}

#[test]
fn a_removed_listener_refuses_new_clients_and_keeps_those_it_has() {
    let backend = Scripted::echo();
    let mut rig = alone(2, &backend);
    let (address, mut client) = (rig.address_of("front"), rig.connect());
    speak(&mut client);
    rig.edit(|config| config.listeners.clear());
    let refused = TcpStream::connect(address).expect_err("nobody listens any more");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    speak(&mut client);
}

#[test]
fn no_connection_is_refused_or_lost_while_an_address_changes_hands() {
    let backend = Scripted::echo();
    let mut rig = Rig::with_workers(front(Protocol::Tcp, &[backend.address]), 2);
    let address = rig.address_of("front");
    let (served, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    speak(&mut patient(TcpStream::connect(address).expect("never refused")));
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..50 {
            let before = served.load(Ordering::SeqCst);
            rig.edit(|config| {
                let (_, mut listener) = config.listeners.pop_first().expect("one listener");
                listener.bind = address.into();
                config.listeners.insert(name(&format!("front-{round}")), listener);
            });
            until("somebody is served under the new name", || served.load(Ordering::SeqCst) > before);
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn workers_end_as_soon_as_the_last_connection_has_ended() {
    let backend = Scripted::echo();
    let mut rig = alone(3, &backend);
    let (address, mut client) = (rig.address_of("front"), rig.connect());
    speak(&mut client);
    let stopping = rig.stop_aside(PATIENCE);
    until("nobody listens any more", || TcpStream::connect(address).is_err());
    speak(&mut client);
    assert!(!stopping.is_finished(), "the connection is still open");
    drop(client);
    until("the workers have ended", || stopping.is_finished());
}

#[test]
fn what_is_open_after_the_drain_time_is_cut_by_a_reset() {
    let backend = Scripted::echo();
    let mut rig = Rig::new(front(Protocol::Tcp, &[backend.address]));
    let mut client = rig.connect();
    speak(&mut client);
    let (began, stopping) = (Instant::now(), rig.stop_aside(Duration::from_millis(300)));
    let cut = read_to_end(&mut client).expect_err("a cut is no orderly end");
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    stopping.join().expect("the workers end");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < PATIENCE / 2, "{took:?}");
    assert_eq!(rig.count_of(Cause::Shutdown), 1);
    assert_eq!(rig.records(1).iter().map(|r| r.cause).collect::<Vec<_>>(), [Cause::Shutdown]);
}
