//! Backends that take no more than they may, and clients that wait for them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Count, Protocol};

use crate::backends::{Scripted, patient, read_to_end, until};
use crate::rig::{Rig, front, name};

/// Two workers before backends that take `max` connections each.
fn rig(protocol: Protocol, backends: &[&Scripted], max: u32, (queue_max, queue_timeout_ms): (u32, u32)) -> Rig {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let mut config = front(protocol, &addresses);
    let group = config.groups.get_mut(&name("app")).expect("it was made");
    (group.queue_max, group.queue_timeout_ms) = (Count(queue_max), queue_timeout_ms);
    group.backends.values_mut().for_each(|backend| backend.max_connections = Some(Count(max)));
    Rig::with_workers(config, 2)
}

/// Says hello, then holds the connection until the client ends it.
fn greeting() -> Scripted {
    Scripted::new(|mut stream| {
        let _ = stream.write_all(b"hello");
        let _ = read_to_end(&mut stream);
    })
}

fn is_greeted(stream: &mut TcpStream) -> bool {
    stream.read_exact(&mut [0; 5]).is_ok()
}

/// A client that waits, in its place.
fn wait_in(rig: &Rig, place: u32) -> TcpStream {
    let client = rig.connect();
    until("it waits", || rig.queued() == place);
    client
}

fn wait_at_most_a_second(rig: &mut Rig) {
    rig.edit(|config| config.groups.get_mut(&name("app")).expect("it was made").queue_timeout_ms = 1_000);
}

#[test]
fn connections_wait_in_order_until_a_backend_has_room() {
    let backends = [greeting(), greeting()];
    let rig = rig(Protocol::Tcp, &backends.each_ref(), 1, (10, 60_000));
    let mut served: Vec<_> = (0..2).map(|_| rig.connect()).collect();
    assert!(served.iter_mut().all(is_greeted));
    let mut waiting: Vec<_> = (1..=4).map(|place| wait_in(&rig, place)).collect();
    while !waiting.is_empty() {
        drop(served.remove(0));
        let mut first = waiting.remove(0);
        assert!(is_greeted(&mut first), "the first in line is served, whatever worker it is on");
        served.push(first);
        assert_eq!(rig.queued() as usize, waiting.len());
    }
    assert_eq!(backends.iter().map(Scripted::connections).sum::<usize>(), 6);
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn a_full_backend_is_passed_over_and_nobody_waits_while_another_has_room() {
    let backends = [greeting(), greeting()];
    let mut rig = rig(Protocol::Tcp, &backends.each_ref(), 2, (10, 60_000));
    rig.edit_backend("b1", |backend| backend.max_connections = None);
    let mut served: Vec<_> = (0..20).map(|_| rig.connect()).collect();
    assert!(served.iter_mut().all(is_greeted));
    assert_eq!((backends[0].connections(), backends[1].connections(), rig.queued()), (2, 18, 0));
}

#[test]
fn who_waits_too_long_or_finds_the_queue_full_is_reset_with_its_cause() {
    let backend = greeting();
    let mut rig = rig(Protocol::Tcp, &[&backend], 1, (1, 60_000));
    let mut served = rig.connect();
    assert!(is_greeted(&mut served));
    let waiting = wait_in(&rig, 1);
    let is_reset = |stream: &mut TcpStream| matches!(read_to_end(stream), Err(error) if error.kind() == ErrorKind::ConnectionReset);
    assert!(is_reset(&mut rig.connect()));
    assert_eq!((rig.count_of(Cause::QueueFull), rig.queued()), (1, 1));
    drop(waiting);
    until("its place is free", || rig.queued() == 0);
    wait_at_most_a_second(&mut rig);
    let began = Instant::now();
    assert!(is_reset(&mut rig.connect()));
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    assert_eq!((rig.count_of(Cause::QueueTimeout), rig.queued()), (1, 0));
    assert_eq!(backend.connections(), 1, "the backend never hears of them");
}

#[test]
fn who_leaves_the_queue_makes_place_and_takes_no_slot() {
    let backend = greeting();
    let rig = rig(Protocol::Tcp, &[&backend], 1, (10, 60_000));
    let mut served = rig.connect();
    assert!(is_greeted(&mut served));
    let (leaving, mut staying) = (wait_in(&rig, 1), wait_in(&rig, 2));
    drop(leaving);
    until("its place is free", || rig.queued() == 1);
    until("the cause is counted", || rig.count_of(Cause::ClientClosed) == 1);
    drop(served);
    assert!(is_greeted(&mut staying));
    assert_eq!(backend.connections(), 2);
}

#[test]
fn edits_let_in_who_waits_and_who_comes_back_has_room_too() {
    let (backend, other) = (greeting(), greeting());
    let mut rig = rig(Protocol::Tcp, &[&backend], 1, (10, 60_000));
    let mut served = rig.connect();
    assert!(is_greeted(&mut served));
    let (mut second, mut third) = (wait_in(&rig, 1), wait_in(&rig, 2));
    rig.edit_backend("b0", |backend| backend.max_connections = Some(Count(2)));
    assert!(is_greeted(&mut second), "the limit was raised");
    assert_eq!(rig.queued(), 1);
    rig.edit(|config| {
        let group = config.groups.get_mut(&name("app")).expect("it was made");
        group.backends.insert(name("b1"), poise_ipc::model::Backend::new(other.address));
    });
    assert!(is_greeted(&mut third), "a backend was added");
    assert_eq!((other.connections(), rig.queued()), (1, 0));
}

#[test]
fn requests_wait_as_connections_do_and_never_too_many_are_under_way() {
    let (busy, busiest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, most) = (Arc::clone(&busy), Arc::clone(&busiest));
    let backend = Scripted::new(move |mut stream| {
        let mut request = [0; 1_024];
        while matches!(stream.read(&mut request), Ok(1..)) {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let rig = rig(Protocol::Http, &[&backend], 2, (100, 60_000));
    let address = rig.address_of("front");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = patient(TcpStream::connect(address).expect("the listener accepts"));
                for _ in 0..20 {
                    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("the relay takes it");
                    let mut head = [0; 12];
                    client.read_exact(&mut head).expect("an answer");
                    assert_eq!(&head, b"HTTP/1.1 200");
                    let mut rest = Vec::new();
                    while !rest.ends_with(b"\r\n\r\nok") {
                        let mut byte = [0];
                        client.read_exact(&mut byte).expect("the rest of it");
                        rest.push(byte[0]);
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    assert_eq!(busiest.load(Ordering::SeqCst), 2);
    assert_eq!((rig.counters().responses_total[1], rig.queued()), (160, 0));
}

#[test]
fn a_request_that_waits_too_long_is_told_503() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_to_end(&mut stream);
    });
    let mut rig = rig(Protocol::Http, &[&backend], 1, (1, 60_000));
    let ask = |rig: &Rig| {
        let mut client = rig.connect();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the relay takes it");
        client
    };
    let _served = ask(&rig);
    until("it is under way", || rig.counters_of("b0").inflight == 1);
    let waiting = ask(&rig);
    until("it waits", || rig.queued() == 1);
    let full = read_to_end(&mut ask(&rig));
    drop(waiting);
    until("its place is free", || rig.queued() == 0);
    wait_at_most_a_second(&mut rig);
    let late = read_to_end(&mut ask(&rig));
    for answer in [full, late] {
        let answer = String::from_utf8(answer.expect("an orderly end")).expect("text");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    assert_eq!((rig.count_of(Cause::QueueFull), rig.count_of(Cause::QueueTimeout)), (1, 1));
}
