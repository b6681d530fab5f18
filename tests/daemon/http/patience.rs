//! Who waits for whom, and for how long: clients that leave, backends that let them wait, and what
//! neither may take.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use poise_core::live::Leaving;
use poise_ipc::cause::Cause;
use poise_ipc::model::{Protocol, Route};

use super::{GET, ask, http, status};
use crate::backends::{Scripted, read_to_end, reset, until};
use crate::rig::{Rig, front, name};
use crate::script::{Named, field, ok, read_head, read_message, send};

/// A backend that reads requests and never answers; keeps the targets of those that were given up.
fn silent() -> (Scripted, Arc<Mutex<Vec<String>>>) {
    let given_up = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&given_up);
    let backend = Scripted::new(move |mut stream| {
        let head = read_message(&mut stream).map_or(String::new(), |(head, _)| head);
        let _ = read_to_end(&mut stream);
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        log.lock().expect("no panic while held").push(target);
    });
    (backend, given_up)
}

#[test]
fn the_request_of_a_client_that_reset_its_connection_is_given_up_and_of_one_that_left_after_a_while() {
    let (backend, given_up) = silent();
    let rig = http(&[backend.address]);
    let (mut leaving, mut resetting) = (rig.connect(), rig.connect());
    send(&mut leaving, "GET /left HTTP/1.1\r\nHost: h\r\n\r\n");
    send(&mut resetting, "GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
    until("the requests are under way", || rig.counters_of("b0").inflight == 2);
    drop(leaving);
    reset(resetting);
    until("the backend is let go", || given_up.lock().expect("no panic while held").len() == 2);
    assert_eq!(*given_up.lock().expect("no panic while held"), ["/reset", "/left"]);
    until("both are counted", || rig.count_of(Cause::ClientClosed) == 2);
    until("nothing is in flight", || rig.counters_of("b0").inflight == 0);
}

#[test]
fn a_client_that_has_ended_its_side_may_wait_for_its_response() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        std::thread::sleep(Duration::from_millis(1_500));
        send(&mut stream, &ok("late"));
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, GET);
    client.shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(read_message(&mut client).expect("a response").1, "late");
}

#[test]
fn a_client_that_asks_ahead_is_not_taken_for_one_that_left() {
    let backend = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
            send(&mut stream, &ok("a"));
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, GET);
    until("the request is under way", || rig.counters_of("b0").inflight == 1);
    send(&mut client, GET);
    client.shutdown(Shutdown::Write).expect("an open socket");
    for _ in 0..2 {
        assert_eq!(read_message(&mut client).expect("a response").1, "a");
    }
}

fn with_response_timeout(backend: &Scripted, timeout_ms: u32) -> Rig {
    let mut config = front(Protocol::Http, &[backend.address]);
    config.listeners.get_mut(&name("front")).expect("the listener").response_timeout_ms = timeout_ms;
    Rig::new(config)
}

#[test]
fn a_client_that_waits_for_100_is_told_that_the_backend_is_silent() {
    let (backend, _) = silent();
    let rig = with_response_timeout(&backend, 300);
    let expecting = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let (head, _) = ask(&mut rig.connect(), expecting);
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("504", Some("response-timeout")));
}

#[test]
fn the_routes_response_timeout_holds_for_a_client_that_ended_its_side() {
    let (backend, _) = silent();
    let mut config = front(Protocol::Http, &[backend.address]);
    let route = Route { group: Some(name("app")), response_timeout_ms: Some(300), ..Route::default() };
    config.listeners.get_mut(&name("front")).expect("the listener").routes.insert(name("quick"), route);
    let rig = Rig::new(config);
    let mut client = rig.connect();
    send(&mut client, GET);
    client.shutdown(Shutdown::Write).expect("an open socket");
    let (head, _) = read_message(&mut client).expect("a reply");
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("504", Some("response-timeout")));
}

#[test]
fn a_head_that_drips_from_a_backend_is_not_waited_for_longer_than_a_silent_one() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        for byte in "HTTP/1.1 200 OK\r\nA: ".bytes().chain(std::iter::repeat(b'x')) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let rig = with_response_timeout(&backend, 500);
    let (head, _) = ask(&mut rig.connect(), GET);
    assert_eq!((status(&head), field(&head, "x-poise-cause")), ("504", Some("response-timeout")));
}

#[test]
fn a_tunnel_counts_as_work_and_goes_when_its_backend_is_drained() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_head(&mut stream);
        send(&mut stream, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
        let _ = read_to_end(&mut stream);
    });
    let other = Named::new("b");
    let mut config = front(Protocol::Http, &[backend.address, other.address]);
    config.groups.get_mut(&name("app")).expect("the group").backends.get_mut(&name("b1")).expect("it").weight = 0;
    let rig = Rig::new(config);
    let mut client = rig.connect();
    send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(status(&read_head(&mut client).expect("a response")), "101");
    let mut hi = [0; 2];
    client.read_exact(&mut hi).expect("the backend spoke");
    assert_eq!(rig.counters_of("b0").inflight, 1);
    rig.leave("b0", Leaving::Close);
    let _ = read_to_end(&mut client);
    until("nothing is in flight", || rig.counters_of("b0").inflight == 0);
    until("the cause is counted", || rig.count_of(Cause::Drained) == 1);
}

#[test]
fn a_backend_that_does_not_read_holds_the_client_back() {
    let release = Arc::new(std::sync::Barrier::new(2));
    let gate = Arc::clone(&release);
    let backend = Scripted::new(move |mut stream| {
        let _ = read_head(&mut stream);
        gate.wait();
        let came = read_to_end(&mut stream).map_or(0, |bytes| bytes.len());
        assert!(came > 0);
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
    client.set_nonblocking(true).expect("an open socket");
    let piece = vec![b'x'; 1 << 16];
    let (mut taken, mut refused_since) = (0_usize, None::<Instant>);
    // The sockets on the way take some MiB; then nothing more.
    while refused_since.is_none_or(|since| since.elapsed() < Duration::from_millis(500)) {
        if let Ok(count) = client.write(&piece) {
            (taken, refused_since) = (taken + count, None);
        } else {
            refused_since.get_or_insert_with(Instant::now);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(taken < 64 << 20, "it all went somewhere");
    }
    let counted = rig.counters().bytes_in_total;
    assert!(counted <= taken as u64 + 200, "{counted} of {taken}");
    release.wait();
}
