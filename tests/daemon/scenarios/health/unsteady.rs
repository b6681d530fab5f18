//! T-13, T-17: backends that come and go, and such that are slow: what their checks say about it.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use poise_ipc::status::{Health, Phase, Reason};

use super::{Clinic, backend, change, fail, findings, group, health, logs, probe, send};
use crate::backends::{Scripted, until};
use crate::process::Place;
use crate::script::{field, ok, read_head};

const FAST: &str = "{ protocol = \"http\", interval = \"100ms\", timeout = \"15s\", rise = 1, fall = 1 }";

/// Answers like a site under change: every other check fails, by two different codes.
fn unsteady(mut stream: TcpStream, _: &str) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let code = [200, 503, 204, 404][COUNT.fetch_add(1, Ordering::SeqCst) % 4];
    send(&mut stream, &format!("HTTP/1.1 {code} -\r\n\r\n"));
}

#[test]
fn t_13_checks_that_come_and_go_show_how_often_and_by_which_codes() {
    let clinic = Clinic::new("one");
    let place = Place::new(&group("app", FAST, &[("one", clinic.address)]));
    let daemon = place.start();
    until("it is up", || health(&daemon, "app", "one") == Health::Up);
    assert_eq!(backend(&daemon, "app", "one").health.transitions_10min, 1, "from unknown");
    clinic.be(unsteady);
    until("it has come and gone", || backend(&daemon, "app", "one").health.transitions_10min >= 8);
    let mut codes = BTreeMap::new();
    for row in logs(&daemon, "app", "one") {
        *codes.entry((row.verdict.code(), row.verdict.passed())).or_insert(0) += row.count;
    }
    // Each beside whether it is among those that are expected.
    for (code, passed) in [(200, true), (204, true), (503, false), (404, false)] {
        assert!(codes.get(&(Some(code), passed)).is_some_and(|&count| count >= 1), "{code}: {codes:?}");
    }
    assert_eq!(codes.len(), 4, "{codes:?}");
    change(&daemon, "groups.app.health_check.expect", "[\"2xx\", \"4xx\", \"5xx\"]");
    until("it is steady", || backend(&daemon, "app", "one").health.streak > 8);
    assert_eq!(health(&daemon, "app", "one"), Health::Up);
    assert!(findings(&daemon, "groups.app").iter().any(|finding| finding.code == "expects-errors"));
}

/// A backend that answers one request at a time, each when it is told to.
fn loaded() -> (Sender<()>, Scripted) {
    let (tell, told): (Sender<()>, Receiver<()>) = channel();
    let told = Mutex::new(told);
    let backend = Scripted::new(move |mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            let is_check = field(&head, "x-poise-check").is_some();
            if is_check && told.lock().expect("no panic while held").recv().is_err() {
                return;
            }
            send(&mut stream, &ok(""));
        }
    });
    (tell, backend)
}

#[test]
fn t_17_a_backend_under_load_shows_in_the_time_to_its_first_byte_and_then_by_the_timeout() {
    let (tell, backend) = loaded();
    let place = Place::new(&group("app", FAST, &[("one", backend.address)]));
    let daemon = place.start();
    let of = || super::backend(&daemon, "app", "one").health;
    until("it is asked", || backend.connections() >= 1);
    // How long it is busy.
    std::thread::sleep(Duration::from_millis(200));
    tell.send(()).expect("the backend waits");
    until("it has answered", || of().last.is_some());
    let last = of().last.expect("it was there");
    let first_byte_us = last.phases.first_byte_us.expect("it has answered");
    assert!(first_byte_us >= 100_000 && last.phases.connect_us.is_some_and(|us| us < first_byte_us), "{last:?}");
    let row = logs(&daemon, "app", "one").remove(0);
    assert!(row.latency_us_min >= first_byte_us && row.latency_us_max >= row.latency_us_mean, "{row:?}");
    change(&daemon, "groups.app.health_check.timeout", "\"200ms\"");
    let timeout = fail(Phase::Response, Reason::Timeout);
    until("it takes too long", || of().health == Health::Down);
    assert_eq!(of().last.map(|last| last.verdict), Some(timeout.clone()));
    assert_eq!(probe(&daemon, "app", "one").expect("it is checked").verdict, timeout);
}
