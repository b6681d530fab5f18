//! S-20, S-36 to S-38: every way to be ill turns a backend down after exactly `fall` checks, is named by
//! phase and reason wherever an operator looks, takes the traffic away, and gives it back after `rise`.

use std::collections::BTreeMap;

use poise_ipc::health::{WhyAnswer, WhyQuery};
use poise_ipc::message::{Reply, Transition, Verb};
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use super::{Clinic, Manner, ask, backend, fail, fail_code, front, group, health, hear_out, logs, probe, send, well};
use crate::backends::{Held, Scripted, reset, until};
use crate::process::{Daemon, Events, Place};
use crate::rig::name;
use crate::script::ok;

/// Checks that turn a backend up and down.
const RISE: u32 = 2;
const FALL: u32 = 3;

/// A way to be ill.
struct Ill {
    name: &'static str,
    /// How long a check waits. Those that are to be answered wait as long as it takes.
    timeout: &'static str,
    manner: Manner,
    verdict: Verdict,
    /// What the first bytes are that it says.
    says: &'static str,
}

const fn ill(name: &'static str, manner: Manner, verdict: Verdict, says: &'static str) -> Ill {
    Ill { name, timeout: "15s", manner, verdict, says }
}

const ILLS: [Ill; 9] = [
    Ill { timeout: "500ms", ..ill("hangs", |mut s, _| hear_out(&mut s), fail(Phase::Response, Reason::Timeout), "") },
    Ill { timeout: "500ms", ..ill("late", late, fail(Phase::Response, Reason::Timeout), "") },
    Ill { timeout: "500ms", ..ill("slow", slow, fail(Phase::Response, Reason::Timeout), "HTTP/1.1 20") },
    ill("code", |s, _| says(s, "HTTP/1.1 503 Busy\r\n\r\n"), fail_code(503), "HTTP/1.1 503"),
    ill("path", |s, head| site(s, head, ("/new", "app.example")), fail_code(404), "HTTP/1.1 404"),
    ill("host", |s, head| site(s, head, ("/up", "new.example")), fail_code(404), "HTTP/1.1 404"),
    ill("garbage", |s, _| says(s, "SSH-2.0-OpenSSH_9.2\r\n"), fail(Phase::Response, Reason::Garbage), "SSH-2.0"),
    ill("resets", resets, fail(Phase::Response, Reason::Reset), ""),
    ill("closes", |s, _| drop(s), fail(Phase::Response, Reason::Reset), ""),
];

fn says(mut stream: std::net::TcpStream, words: &str) {
    send(&mut stream, words);
    hear_out(&mut stream);
}

/// Answers when nobody waits for it any more.
fn late(mut stream: std::net::TcpStream, _: &str) {
    hear_out(&mut stream);
    send(&mut stream, &ok(""));
}

/// Begins to answer and does not come to an end.
fn slow(stream: std::net::TcpStream, _: &str) {
    says(stream, "HTTP/1.1 20");
}

/// Resets the connection in the middle of the head.
fn resets(mut stream: std::net::TcpStream, _: &str) {
    send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Le");
    reset(stream);
}

/// Serves one page of one site.
fn site(mut stream: std::net::TcpStream, head: &str, (path, host): (&str, &str)) {
    let is_known = head.starts_with(&format!("HEAD {path} ")) && super::field(head, "host") == Some(host);
    send(&mut stream, if is_known { "HTTP/1.1 200 OK\r\n\r\n" } else { "HTTP/1.1 404 Not Found\r\n\r\n" });
}

fn check(timeout: &str) -> String {
    format!(
        "{{ protocol = \"http\", path = \"/up\", host = \"app.example\", interval = \"100ms\", \
         timeout = \"{timeout}\", rise = {RISE}, fall = {FALL} }}"
    )
}

/// The next transition of the backend `ill` of each group.
fn transitions(events: &mut Events, groups: &[&str]) -> BTreeMap<String, Transition> {
    let mut found = BTreeMap::new();
    while found.len() < groups.len() {
        let transition = events.transition();
        if transition.backend.as_str() == "ill" {
            found.insert(transition.group.to_string(), transition);
        }
    }
    found
}

/// What `poise health why` asks for.
fn why(daemon: &Daemon, group: &str) -> WhyAnswer {
    match daemon.ask(Verb::Why(WhyQuery { group: name(group), backend: name("ill"), at_ms: None })) {
        Ok(Reply::Why(answer)) => *answer,
        other => panic!("no answer: {other:?}"),
    }
}

/// The probe that turned it down is there, byte by byte.
fn assert_bytes_kept(daemon: &Daemon, ill: &Ill) {
    until("they are on disk", || why(daemon, ill.name).exchange.is_some());
    let exchange = why(daemon, ill.name).exchange.expect("it was there");
    assert!(exchange.sent.starts_with(b"HEAD /up HTTP/1.1\r\n"), "{}: {exchange:?}", ill.name);
    assert!(exchange.received.starts_with(ill.says.as_bytes()), "{}: {exchange:?}", ill.name);
}

/// The log has the failures that it took, and not one more or less.
fn assert_fell(daemon: &Daemon, group: &str, verdict: &Verdict) {
    let rows = logs(daemon, group, "ill");
    let fell = rows.iter().position(|row| row.transition == Some(Health::Down)).expect("the row of the transition");
    let before = rows[..fell].iter().rposition(|row| row.verdict.passed()).expect("it was well");
    let failures: u32 = rows[before + 1..=fell].iter().map(|row| row.count).sum();
    assert_eq!((failures, rows[fell].streak, &rows[fell].verdict), (FALL, FALL, verdict), "{group}");
}

/// Nothing goes to the backend that is ill.
fn assert_left_alone(daemon: &Daemon, group: &str, ill: &Clinic) {
    until("it has no weight", || backend(daemon, group, "ill").effective_weight == 0);
    let (before, front) = (ill.served(), front(daemon, group));
    for _ in 0..6 {
        assert_eq!(ask(front), (200, "well".to_owned()), "{group}");
    }
    assert_eq!(ill.served(), before, "{group}");
}

#[test]
fn s_20_s_36_s_37_s_38_every_ill_is_named_costs_the_traffic_after_fall_checks_and_heals_after_rise() {
    let steady = Clinic::new("well");
    let backends: Vec<_> = ILLS.iter().map(|ill| (ill, Clinic::new("ill"))).collect();
    let text = backends.iter().map(|(ill, clinic)| {
        group(ill.name, &check(ill.timeout), &[("ill", clinic.address), ("well", steady.address)])
    });
    let place = Place::new(&text.collect::<String>());
    let daemon = place.start();
    let names = ILLS.each_ref().map(|ill| ill.name);
    until("all are up", || names.iter().all(|group| health(&daemon, group, "ill") == Health::Up));
    let mut events = daemon.subscribe();
    for (ill, clinic) in &backends {
        clinic.be(ill.manner);
    }
    let down = transitions(&mut events, &names);
    for (ill, clinic) in &backends {
        let told = &down[ill.name];
        assert_eq!((told.from, told.to, told.streak), (Health::Up, Health::Down, FALL), "{}", ill.name);
        assert_eq!(told.verdict, ill.verdict, "{}", ill.name);
        assert_fell(&daemon, ill.name, &ill.verdict);
        assert_left_alone(&daemon, ill.name, clinic);
        assert_eq!(probe(&daemon, ill.name, "ill").expect("it is checked").verdict, ill.verdict, "{}", ill.name);
        assert_bytes_kept(&daemon, ill);
    }
    for (_, clinic) in &backends {
        clinic.be(well);
    }
    let up = transitions(&mut events, &names);
    for (ill, clinic) in &backends {
        let told = &up[ill.name];
        assert_eq!((told.from, told.to, told.streak), (Health::Down, Health::Up, RISE), "{}", ill.name);
        let (before, front) = (clinic.served(), front(&daemon, ill.name));
        until("it serves again", || ask(front).0 == 200 && clinic.served() > before);
    }
}

#[test]
fn s_20_t_02_a_backend_that_refuses_goes_down_and_comes_back_by_itself() {
    let (held, steady) = (Held::new(), Clinic::new("well"));
    let listening = || {
        Scripted::on(held.listen(), |mut stream| {
            if super::read_message(&mut stream).is_ok() {
                send(&mut stream, &ok("ill"));
            }
        })
    };
    let alive = listening();
    let checks = format!("{{ interval = \"100ms\", timeout = \"15s\", rise = {RISE}, fall = {FALL} }}");
    let place = Place::new(&group("app", &checks, &[("ill", held.address), ("well", steady.address)]));
    let daemon = place.start();
    until("both are up", || ["ill", "well"].iter().all(|of| health(&daemon, "app", of) == Health::Up));
    let mut events = daemon.subscribe();
    drop(alive);
    let refused = fail(Phase::Connect, Reason::Refused);
    let down = transitions(&mut events, &["app"]).remove("app").expect("it was told");
    assert_eq!((down.to, down.verdict, down.streak), (Health::Down, refused.clone(), FALL));
    assert_fell(&daemon, "app", &refused);
    let asked = probe(&daemon, "app", "ill").expect("it is checked");
    assert_eq!((asked.verdict, asked.phases.connect_us), (refused, None));
    assert_eq!(asked.replay, format!("nc -zv -w15 {} {}", held.address.ip(), held.address.port()));
    until("it has no weight", || backend(&daemon, "app", "ill").effective_weight == 0);
    let front = front(&daemon, "app");
    assert!((0..6).all(|_| ask(front) == (200, "well".to_owned())));
    let _alive = listening();
    let up = transitions(&mut events, &["app"]).remove("app").expect("it was told");
    assert_eq!((up.to, up.verdict, up.streak), (Health::Up, Verdict::Pass { code: None }, RISE));
    until("it serves again", || ask(front) == (200, "ill".to_owned()));
}
