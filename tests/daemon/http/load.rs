//! Many requests at once while backends close, die and change: none may be lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poise_ipc::model::{AdminState, Protocol};

use super::{GET, ask, status};
use crate::backends::{Scripted, reset};
use crate::rig::{Rig, front};
use crate::script::{Named, field, ok, read_message, send};

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

/// A backend whose connections each end at another moment: right after a response, a moment later,
/// while the next request is on its way, or when that has been read. It says what it does by `act`.
fn restless(act: impl Fn(&str) + Send + Sync + 'static) -> Scripted {
    let served = AtomicUsize::new(0);
    Scripted::new(move |mut stream| {
        let number = served.fetch_add(1, Ordering::SeqCst);
        for _ in 0..=number % 7 {
            let Ok((head, body)) = read_message(&mut stream) else { return };
            act(&(head + &body));
            send(&mut stream, &ok("a"));
        }
        match number % 4 {
            0 => {}
            1 => std::thread::sleep(Duration::from_micros(100 * (number as u64 % 13))),
            2 => reset(stream),
            _ => {
                if let Ok((head, body)) = read_message(&mut stream) {
                    act(&(head + &body));
                }
                reset(stream);
            }
        }
    })
}

#[test]
fn no_get_is_lost_when_a_backend_closes_idle_connections_under_requests() {
    let backend = restless(|_| {});
    let rig = Rig::with_workers(front(Protocol::Http, &[backend.address]), 2);
    ask_all(&rig, 2_500);
    assert_eq!(rig.counters().requests_total, 10_000);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn no_post_is_sent_twice_when_a_backend_closes_idle_connections_under_requests() {
    let acted = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let log = Arc::clone(&acted);
    let backend = restless(move |request| {
        let number = request.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
        *log.lock().expect("no panic while held").entry(number).or_default() += 1;
    });
    let rig = Rig::with_workers(front(Protocol::Http, &[backend.address]), 2);
    let answered: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut stream = rig.connect();
                scope.spawn(move || {
                    let mut answered = Vec::new();
                    for n in 0..500 {
                        let body = format!("{client}-{n}");
                        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
                        let (head, _) = ask(&mut stream, &(head + &body));
                        match status(&head) {
                            "200" => answered.push(body),
                            code => assert_eq!((code, field(&head, "x-poise-cause")), ("502", Some("backend-closed"))),
                        }
                    }
                    answered
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("no client failed")).collect()
    });
    let acted = acted.lock().expect("no panic while held");
    let twice: Vec<_> = acted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");
    assert!(answered.iter().all(|body| acted.get(body) == Some(&1)), "what is answered was acted on");
    assert!(answered.len() > 1_000, "only {} of 2,000 were answered", answered.len());
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
