//! Many requests at once while backends close, die and change: none may be lost.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poise_ipc::model::{AdminState, Protocol};

use super::{GET, ask, status};
use crate::backends::{Scripted, reset};
use crate::rig::{Rig, front};
use crate::script::{Named, ok, read_message, send};

/// Clients at once.
const CLIENTS: usize = 4;

/// Has clients ask so often each, and fails unless every answer is 200.
fn ask_all(rig: &Rig, times: usize) {
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let mut client = rig.connect();
            scope.spawn(move || {
                for n in 0..times {
                    let (head, body) = ask(&mut client, GET);
                    assert_eq!((status(&head), body.as_str()), ("200", "a"), "request {n}: {head}");
                }
            });
        }
    });
}

/// A backend that closes its connections at moments of its own: right after a response, some time
/// into the rest, while the next request is on its way, or when that has been read. It keeps what
/// it has read of each target.
pub fn moody() -> (Scripted, Arc<Mutex<HashMap<String, usize>>>) {
    let seen = Arc::new(Mutex::new(HashMap::new()));
    let (log, served) = (Arc::clone(&seen), AtomicUsize::new(0));
    let backend = Scripted::new(move |mut stream| {
        let number = served.fetch_add(1, Ordering::SeqCst);
        let read = |stream: &mut TcpStream| {
            let (head, _) = read_message(stream).ok()?;
            let target = head.split(' ').nth(1)?.to_owned();
            *log.lock().expect("no panic while held").entry(target).or_default() += 1;
            Some(())
        };
        for _ in 0..=number * 7 % 11 {
            if read(&mut stream).is_none() {
                return;
            }
            send(&mut stream, &ok("a"));
        }
        match number % 4 {
            0 => reset(stream),
            1 => drop(read(&mut stream)),
            2 => std::thread::sleep(Duration::from_micros(number as u64 * 37 % 1_500)),
            _ => {}
        }
    });
    (backend, seen)
}

#[test]
fn no_get_of_ten_thousand_is_lost_when_backends_close_idle_connections() {
    let backends = [moody().0, moody().0];
    let rig = Rig::with_workers(front(Protocol::Http, &backends.each_ref().map(|backend| backend.address)), 2);
    ask_all(&rig, 10_000 / CLIENTS);
    assert_eq!(rig.counters().requests_total, 10_000);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn no_post_is_sent_twice_when_backends_close_idle_connections() {
    let (backends, seen): (Vec<_>, Vec<_>) = [moody(), moody()].into_iter().unzip();
    let rig = Rig::with_workers(front(Protocol::Http, &[backends[0].address, backends[1].address]), 2);
    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client_number in 0..CLIENTS {
            let (mut client, served) = (rig.connect(), &served);
            scope.spawn(move || {
                for n in 0..500 {
                    let post = format!("POST /{client_number}-{n} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
                    let (head, _) = ask(&mut client, &post);
                    match status(&head) {
                        "200" => drop(served.fetch_add(1, Ordering::SeqCst)),
                        // Sent, and perhaps processed: only the client may decide to send it again.
                        other => assert_eq!(other, "502", "{head}"),
                    }
                }
            });
        }
    });
    let mut targets = 0;
    for (target, count) in seen.iter().flat_map(|seen| seen.lock().expect("no panic while held").clone()) {
        targets += 1;
        assert_eq!(count, 1, "{target}");
    }
    assert!(targets >= served.load(Ordering::SeqCst), "{targets}");
}

#[test]
fn no_request_is_lost_when_one_of_two_backends_dies() {
    let dies = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&dies);
    let mortal = Scripted::new(move |mut stream| {
        while !dead.load(Ordering::SeqCst) && read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("a"));
        }
        reset(stream);
    });
    let survivor = Named::new("a");
    let rig = Rig::with_workers(front(Protocol::Http, &[mortal.address, survivor.address]), 2);
    ask_all(&rig, 50);
    dies.store(true, Ordering::SeqCst);
    ask_all(&rig, 50);
    drop(mortal);
    ask_all(&rig, 50);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn no_request_is_lost_while_backends_are_edited() {
    let backends = [Named::new("a"), Named::new("a"), Named::new("a")];
    let mut rig = Rig::with_workers(front(Protocol::Http, &backends.each_ref().map(|backend| backend.address)), 2);
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let mut client = rig.connect();
            let (stop, served) = (&stop, &served);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    assert_eq!(status(&ask(&mut client, GET).0), "200");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let states = [AdminState::Disabled, AdminState::Enabled, AdminState::Draining, AdminState::Enabled];
        for (round, state) in states.into_iter().cycle().take(200).enumerate() {
            rig.edit_backend("b1", |backend| backend.state = state);
            rig.edit_backend("b2", |backend| backend.weight = 1 + u16::try_from(round).expect("a small number"));
            // Every edit meets requests.
            let before = served.load(Ordering::SeqCst);
            crate::backends::until("a request is served", || served.load(Ordering::SeqCst) > before);
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(rig.counters().causes, []);
}
