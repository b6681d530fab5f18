//! T-02, T-05 to T-07, S-08, S-20: backends on another machine, behind a network that swallows or
//! refuses what is sent: a timeout is told from a refusal, and from a way that does not exist.

use std::net::{SocketAddr, TcpListener};

use poise_ipc::health::ProbeAnswer;
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use super::{Clinic, ask, backend, fail, front, group, health, probe};
use crate::backends::{Scripted, until};
use crate::netns::{Row, inside, ip};
use crate::process::{Daemon, Place};

/// The name of a test of this module, as the test program knows it.
macro_rules! this {
    ($test:ident) => {
        concat!("scenarios::health::networks::", stringify!($test))
    };
}

const CHECK: &str = "{ interval = \"100ms\", timeout = \"300ms\", rise = 2, fall = 3 }";

/// A backend on the other machine, where the kernel answers for it.
fn remote(row: &Row, at: &'static str) -> Scripted {
    let listener = row.backend.run(move || TcpListener::bind((at, 0)).expect("an address of the machine"));
    Scripted::on(listener, |mut stream| {
        if super::read_message(&mut stream).is_ok() {
            super::send(&mut stream, &super::ok("ill"));
        }
    })
}

fn asked(daemon: &Daemon) -> ProbeAnswer {
    probe(daemon, "app", "ill").expect("it is checked")
}

#[test]
fn s_20_t_06_a_backend_that_is_blackholed_is_told_by_the_timeout_of_connecting_and_returns() {
    if !inside(this!(s_20_t_06_a_backend_that_is_blackholed_is_told_by_the_timeout_of_connecting_and_returns)) {
        return;
    }
    let row = Row::new();
    let (ill, well) = (remote(&row, "10.2.0.2"), Clinic::new("well"));
    let place = Place::new(&group("app", CHECK, &[("ill", ill.address), ("well", well.address)]));
    let daemon = place.start();
    until("both are up", || ["ill", "well"].iter().all(|of| health(&daemon, "app", of) == Health::Up));
    let source = backend(&daemon, "app", "ill").source.expect("there is a way");
    assert_eq!(source.to_string(), "10.2.0.1", "T-07: whom the backend has to let in");
    let mut events = daemon.subscribe();
    // What it answers finds no way back, as behind a firewall that drops.
    row.backend.run(|| ip("route add blackhole 10.2.0.1/32"));
    let silent = fail(Phase::Connect, Reason::Timeout);
    let down = events.transition();
    assert_eq!((down.backend.as_str(), down.to, &down.verdict, down.streak), ("ill", Health::Down, &silent, 3));
    let answer = asked(&daemon);
    assert_eq!((answer.verdict, answer.phases.connect_us), (silent, None));
    assert!(answer.latency_us >= 300_000, "{}", answer.latency_us);
    assert_eq!(answer.way, Some(source), "T-07");
    until("it has no weight", || backend(&daemon, "app", "ill").effective_weight == 0);
    let front = front(&daemon, "app");
    assert!((0..6).all(|_| ask(front) == (200, "well".to_owned())));
    row.backend.run(|| ip("route del blackhole 10.2.0.1/32"));
    let up = events.transition();
    assert_eq!((up.backend.as_str(), up.to, up.streak), ("ill", Health::Up, 2));
    until("it serves again", || ask(front) == (200, "ill".to_owned()));
}

#[test]
fn t_02_t_05_t_06_refused_filtered_and_unreachable_are_three_verdicts() {
    if !inside(this!(t_02_t_05_t_06_refused_filtered_and_unreachable_are_three_verdicts)) {
        return;
    }
    let row = Row::new();
    let (ill, at) = (remote(&row, "10.2.0.2"), |address: &str, port: u16| -> SocketAddr {
        SocketAddr::new(address.parse().expect("an address"), port)
    });
    let place = Place::new(&group("app", &CHECK.replace("300ms", "2s"), &[("ill", ill.address)]));
    let daemon = place.start();
    let found = |address: SocketAddr| {
        super::change(&daemon, "groups.app.backends.ill.address", &format!("\"{address}\""));
        asked(&daemon).verdict
    };
    let failed = |reason| fail(Phase::Connect, reason);
    assert_eq!(found(ill.address), Verdict::Pass { code: None });
    // Another address of the machine, at which nothing listens.
    row.backend.run(|| ip("addr add 10.2.0.3/24 dev b1"));
    assert_eq!(found(at("10.2.0.3", ill.address.port())), failed(Reason::Refused), "T-05");
    // A firewall that rejects, one that drops, and no way at all.
    ip("route add 10.3.0.0/16 via 10.2.0.2");
    row.backend.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("root may set what holds in the namespace");
        ip("route add prohibit 10.3.1.0/24");
        ip("route add blackhole 10.3.2.0/24");
    });
    assert_eq!(found(at("10.3.1.1", 80)), failed(Reason::Unreachable), "T-06: rejected");
    assert_eq!(found(at("10.3.2.1", 80)), failed(Reason::Timeout), "T-06: dropped");
    assert_eq!(found(at("10.9.9.9", 80)), failed(Reason::Unreachable), "no route");
}
