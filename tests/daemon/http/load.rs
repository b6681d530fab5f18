//! Many requests at once while backends close, die and change: none may be lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

#[test]
fn no_get_is_lost_when_a_backend_closes_idle_connections_under_requests() {
    let served = AtomicUsize::new(0);
    let backend = Scripted::new(move |mut stream| {
        // Each connection ends at another moment: right after a response, while the next request
        // is on its way, or when that has been read.
        let lives = 1 + served.fetch_add(1, Ordering::SeqCst) % 7;
        for _ in 0..lives {
            if read_message(&mut stream).is_err() {
                return;
            }
            send(&mut stream, &ok("a"));
        }
        if lives.is_multiple_of(2) {
            let _ = read_message(&mut stream);
            reset(stream);
        }
    });
    let rig = Rig::with_workers(front(Protocol::Http, &[backend.address]), 2);
    ask_all(&rig, 500);
    assert_eq!(rig.counters().requests_total, 2_000);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn no_request_is_lost_when_one_of_two_backends_dies() {
    let dies = std::sync::Arc::new(AtomicBool::new(false));
    let dead = std::sync::Arc::clone(&dies);
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
