//! Backends that fail, lie, stall and go: what clients notice of it, and what they must not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Listener, Protocol};

use super::{GET, ask, http, status};
use crate::backends::{Deaf, PATIENCE, Refusing, Scripted, read_to_end, reset, until};
use crate::rig::{Rig, front, name};
use crate::script::{Ended, Named, field, ok, read_head, read_message, send};

const POST: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

fn with_timeouts(backends: &[std::net::SocketAddr], edit: impl FnOnce(&mut Listener)) -> Rig {
    let mut config = front(Protocol::Http, backends);
    edit(config.listeners.get_mut(&name("front")).expect("the listener"));
    Rig::new(config)
}

fn cause_of(head: &str) -> Option<&str> {
    field(head, "x-poise-cause")
}

#[test]
fn a_backend_that_refuses_costs_no_request() {
    let (dead, alive) = (Refusing::new(), Named::new("a"));
    let rig = http(&[dead.address, alive.address]);
    let mut client = rig.connect();
    for request in [GET, POST].into_iter().cycle().take(20) {
        assert_eq!(ask(&mut client, request).1, "a");
    }
    assert_eq!(rig.counters_of("b1").picks_total, 20);
    assert_eq!(rig.counters_of("b0").picks_total, 0);
    assert!(rig.counters_of("b0").connect_failures_total >= 10);
}

#[test]
fn without_any_backend_the_client_is_told_and_stays() {
    let dead = Refusing::new();
    let mut rig = http(&[dead.address]);
    let mut client = rig.connect();
    let (head, _) = ask(&mut client, GET);
    assert_eq!((status(&head), cause_of(&head), field(&head, "connection")), ("502", Some("connect-failed"), None));
    rig.edit_backend("b0", |backend| backend.weight = 0);
    let (head, _) = ask(&mut client, GET);
    assert_eq!((status(&head), cause_of(&head)), ("503", Some("no-backend")));
    send(&mut client, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(status(&read_head(&mut client).expect("a reply")), "503");
    let (head, _) = ask(&mut client, POST);
    assert_eq!((status(&head), field(&head, "connection")), ("503", None));
    assert_eq!(rig.count_of(Cause::NoBackend), 3);
}

#[test]
fn a_backend_that_does_not_answer_the_dial_is_passed_over() {
    let (deaf, alive) = (Deaf::new(), Named::new("a"));
    let rig = with_timeouts(&[deaf.address, alive.address], |listener| listener.connect_timeout_ms = 100);
    for _ in 0..2 {
        assert_eq!(ask(&mut rig.connect(), GET).1, "a");
    }
    let rig = with_timeouts(&[deaf.address], |listener| listener.connect_timeout_ms = 100);
    let (head, _) = ask(&mut rig.connect(), GET);
    assert_eq!((status(&head), cause_of(&head)), ("504", Some("connect-timeout")));
}

/// A backend that answers the first request of each connection and closes on the second, having
/// read it; counts the requests that it has read.
fn fickle() -> (Scripted, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let backend = Scripted::new(move |mut stream| {
        if read_message(&mut stream).is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
            send(&mut stream, &ok("a"));
            if read_message(&mut stream).is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (backend, read)
}

#[test]
fn a_get_that_meets_a_closing_connection_is_sent_again() {
    let (backend, _) = fickle();
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for _ in 0..50 {
        assert_eq!(ask(&mut client, GET).1, "a");
        assert_eq!(ask(&mut client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").1, "a");
    }
    assert_eq!(rig.counters_of("b0").failures_total, 0);
}

#[test]
fn a_post_is_never_sent_twice() {
    let (backend, read) = fickle();
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    assert_eq!(ask(&mut client, POST).1, "a");
    let (head, _) = ask(&mut client, POST);
    assert_eq!((status(&head), cause_of(&head)), ("502", Some("backend-closed")));
    assert_eq!(read.load(Ordering::SeqCst), 2);
}

#[test]
fn a_post_does_not_meet_a_connection_that_is_already_closed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let backend = Scripted::new(move |mut stream| {
        if read_message(&mut stream).is_ok() {
            send(&mut stream, &ok("a"));
            drop(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for n in 1..=20 {
        assert_eq!(ask(&mut client, POST).1, "a");
        until("the backend has closed", || closed.load(Ordering::SeqCst) == n);
    }
}

#[test]
fn a_get_whose_backend_resets_goes_to_another() {
    let (broken, alive) = (
        Scripted::new(|mut stream| {
            let _ = read_message(&mut stream);
            reset(stream);
        }),
        Named::new("a"),
    );
    let rig = http(&[broken.address, alive.address]);
    let mut client = rig.connect();
    for _ in 0..10 {
        assert_eq!(ask(&mut client, GET).1, "a");
    }
    assert_eq!(rig.counters_of("b0").failures_total, 5);
    let failed = (0..10).filter(|_| status(&ask(&mut client, POST).0) == "502").count();
    assert_eq!(failed, 5, "a POST whose backend may have acted is not tried elsewhere");
}

#[test]
fn a_truncated_response_ends_the_clients_connection_and_is_counted() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart",
    ] {
        let backend = Scripted::new(move |mut stream| {
            let _ = read_message(&mut stream);
            send(&mut stream, answer);
        });
        let rig = http(&[backend.address]);
        let mut client = rig.connect();
        send(&mut client, GET);
        assert_eq!(status(&read_head(&mut client).expect("a head")), "200");
        assert!(read_to_end(&mut client).expect("an end").ends_with(b"part"));
        until("the end is counted", || rig.count_of(Cause::BackendClosed) == 1);
        until("the failure is counted", || rig.counters_of("b0").failures_total == 1);
    }
}

#[test]
fn a_response_until_close_that_is_reset_does_not_look_whole() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_head(&mut stream);
        send(&mut stream, "HTTP/1.1 200 OK\r\n\r\npart");
        let mut left = [0; 1];
        let _ = stream.read(&mut left);
        reset(stream);
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(status(&read_head(&mut client).expect("a head")), "200");
    client.write_all(b"x").expect("the connection is open");
    assert!(read_to_end(&mut client).is_err(), "a reset is passed on as one");
}

#[test]
fn bytes_after_a_response_reach_nobody() {
    let backend = Scripted::new(|mut stream| {
        while read_message(&mut stream).is_ok() {
            send(&mut stream, &format!("{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", ok("good")));
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    for _ in 0..20 {
        assert_eq!(ask(&mut client, GET).1, "good");
    }
}

/// A backend that says something over a connection that rests, after each response that is told so.
fn chatty(word: &'static str) -> Scripted {
    Scripted::new(move |mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            send(&mut stream, &ok("good"));
            if head.starts_with("GET /chat ") {
                std::thread::sleep(Duration::from_millis(2));
                send(&mut stream, &format!("HTTP/1.1 {word}\r\nContent-Length: 4\r\n\r\nevil"));
            }
        }
    })
}

/// Has a backend say something over its resting connection, and waits until that was found.
fn hear(rig: &Rig, client: &mut TcpStream) {
    assert_eq!(ask(client, "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n").1, "good");
    until("the connection is dropped", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn bytes_that_arrive_while_a_connection_rests_reach_nobody_and_no_connection_is_used_twice_then() {
    let backend = chatty("200 OK");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    hear(&rig, &mut client);
    for n in 2..=5 {
        assert_eq!(ask(&mut client, GET).1, "good");
        assert_eq!(rig.counters_of("b0").connections_total, n);
    }
}

#[test]
fn bytes_that_come_with_a_response_end_the_trust_in_all_connections_of_the_backend() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            let more = if head.starts_with("GET /more ") { "evil" } else { "" };
            send(&mut stream, &format!("{}{more}", ok("good")));
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    assert_eq!(ask(&mut client, GET).1, "good");
    assert_eq!(ask(&mut client, "GET /more HTTP/1.1\r\nHost: h\r\n\r\n").1, "good");
    for n in 2..=4 {
        assert_eq!(ask(&mut client, GET).1, "good");
        assert_eq!(rig.counters_of("b0").connections_total, n);
    }
}

#[test]
fn a_backend_that_says_408_at_rest_is_trusted_further() {
    let backend = chatty("408 Request Timeout");
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    hear(&rig, &mut client);
    for _ in 0..5 {
        assert_eq!(ask(&mut client, GET).1, "good");
    }
    assert_eq!(rig.counters_of("b0").connections_total, 2);
}

#[test]
fn what_is_no_response_is_answered_502() {
    for answer in [
        "HTTP/0.9 banner\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\na",
    ] {
        let backend = Scripted::new(move |mut stream| {
            let _ = read_message(&mut stream);
            send(&mut stream, answer);
            let _ = read_to_end(&mut stream);
        });
        let rig = http(&[backend.address]);
        let (head, _) = ask(&mut rig.connect(), GET);
        assert_eq!((status(&head), cause_of(&head)), ("502", Some("bad-response")), "{answer:?}");
        until("the connection is dropped", || rig.counters_of("b0").connections_open == 0);
    }
    let endless = Scripted::new(|mut stream| {
        let _ = read_message(&mut stream);
        send(&mut stream, &format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(40 << 10)));
    });
    let rig = http(&[endless.address]);
    assert_eq!(cause_of(&ask(&mut rig.connect(), GET).0), Some("response-head-too-large"));
}

#[test]
fn a_silent_backend_is_answered_504_and_its_connection_dropped() {
    let backend = Scripted::new(|mut stream| {
        let _ = read_to_end(&mut stream);
    });
    let rig = with_timeouts(&[backend.address], |listener| listener.response_timeout_ms = 100);
    let (head, _) = ask(&mut rig.connect(), GET);
    assert_eq!((status(&head), cause_of(&head)), ("504", Some("response-timeout")));
    until("the connection is dropped", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn a_client_that_is_silent_between_requests_is_let_go_quietly() {
    let backend = Named::new("a");
    let rig = with_timeouts(&[backend.address], |listener| listener.idle_timeout_ms = 200);
    let mut client = rig.connect();
    assert_eq!(ask(&mut client, GET).1, "a");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
    assert_eq!(rig.counters().causes, []);
}

#[test]
fn a_client_that_stops_sending_its_body_is_answered_408() {
    let backend = Named::new("a");
    let rig = with_timeouts(&[backend.address], |listener| listener.idle_timeout_ms = 200);
    let (head, _) = ask(&mut rig.connect(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\npart");
    assert_eq!((status(&head), cause_of(&head)), ("408", Some("request-timeout")));
    until("the connection is dropped", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn idle_connections_to_a_backend_end_when_it_is_disabled_or_moved() {
    let (first, second) = (Named::new("a"), Named::new("b"));
    let mut rig = http(&[first.address]);
    let mut client = rig.connect();
    ask(&mut client, GET);
    rig.edit_backend("b0", |backend| backend.address = second.address.into());
    assert_eq!(ask(&mut client, GET).1, "b");
    rig.edit_backend("b0", |backend| backend.state = AdminState::Disabled);
    until("no connection is open", || rig.counters_of("b0").connections_open == 0);
}

#[test]
fn the_request_after_its_listener_is_gone_is_served_and_is_the_last() {
    let backend = Named::new("a");
    let mut rig = http(&[backend.address]);
    let mut client = rig.connect();
    ask(&mut client, GET);
    rig.edit(|config| config.listeners.clear());
    let (head, body) = ask(&mut client, GET);
    assert_eq!((field(&head, "connection"), body.as_str()), (Some("close"), "a"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
}

#[test]
fn the_request_under_way_when_its_listener_goes_is_the_last() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((_, body)) = read_message(&mut stream) {
            send(&mut stream, &ok(&body));
        }
    });
    let mut rig = http(&[backend.address]);
    let mut client = rig.connect();
    send(&mut client, &POST[..POST.len() - 1]);
    until("the request is under way", || rig.counters().requests_total == 1);
    rig.edit(|config| config.listeners.clear());
    let (head, body) = ask(&mut client, "i");
    assert_eq!((field(&head, "connection"), body.as_str()), (Some("close"), "hi"));
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"");
}

#[test]
fn a_worker_that_stops_finishes_requests_and_leaves_the_idle() {
    let backend = Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            if head.starts_with("GET /slow") {
                read_head(&mut stream).expect_err("nothing more is asked");
            }
            send(&mut stream, &ok("a"));
        }
    });
    let mut rig = http(&[backend.address]);
    let (mut idle, mut busy) = (rig.connect(), rig.connect());
    ask(&mut idle, GET);
    send(&mut busy, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nh");
    until("the request is under way", || rig.counters().requests_total == 2);
    let stopping = rig.stop_aside(PATIENCE);
    assert_eq!(read_to_end(&mut idle).expect("an orderly end"), b"");
    let (head, body) = ask(&mut busy, "i");
    assert_eq!((field(&head, "connection"), body.as_str()), (Some("close"), "a"));
    assert_eq!(read_message(&mut busy), Err(Ended));
    until("the worker has ended", || stopping.is_finished());
}

#[test]
fn a_backend_that_leaves_whenever_it_is_asked_again_gets_no_more_second_tries_than_are_allowed() {
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    let backend = Scripted::new(move |mut stream| {
        for answers in [true, false] {
            if read_message(&mut stream).is_err() {
                return;
            }
            count.fetch_add(1, Ordering::SeqCst);
            if answers {
                send(&mut stream, &ok("a"));
            }
        }
    });
    let rig = http(&[backend.address]);
    let mut client = rig.connect();
    let asked = 2_000;
    for _ in 0..asked {
        assert_eq!(ask(&mut client, GET).1, "a");
    }
    // A thousand at once, and then one for every five requests.
    let twice = came.load(Ordering::SeqCst) - asked;
    assert!((1_000..=1_000 + asked / 5).contains(&twice), "{twice} were sent twice");
}
