//! Probes that somebody asks for: all of it is told, so many at once, and no health changes by them.

use poise_ipc::BackendPath;
use poise_ipc::health::{BackendQuery, ProbeAnswer};
use poise_ipc::message::{ErrorCode, Reply, Verb};
use poise_ipc::model::Address;
use poise_ipc::status::{Health, Phase, Reason, Verdict};
use poised::probe::Sources;
use poised::report::{ASKED_MAX, ProbeAsked, Unasked};

use super::{answering, fail};
use crate::backends::{PATIENCE, Refusing, Scripted, read_to_end};
use crate::process::{Daemon, Place, set};
use crate::rig::{Plans, front, name};

fn asked(daemon: &Daemon) -> ProbeAnswer {
    let query = BackendQuery { group: name("app"), backend: name("one") };
    match daemon.ask(Verb::Probe(query)) {
        Ok(Reply::Probed(answer)) => *answer,
        other => panic!("no probe: {other:?}"),
    }
}

fn config(address: std::net::SocketAddr, check: &str) -> String {
    format!("[groups.app]\nhealth_check = {check}\n[groups.app.backends]\none = {{ address = \"{address}\" }}\n")
}

#[test]
fn t_02_t_03_t_04_t_07_a_probe_tells_its_source_its_phases_its_bytes_and_how_to_repeat_it() {
    let backend = answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate");
    let check = "{ protocol = \"http\", method = \"GET\", interval = \"1h\", fall = 1 }";
    let place = Place::new(&config(backend.address, check));
    let daemon = place.start();
    let answer = asked(&daemon);
    let down = Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) };
    assert_eq!((answer.verdict, answer.peer), (down, Some(Address::Ip(backend.address))));
    let source = answer.source.and_then(|source| source.ip()).expect("an address");
    assert!(source.ip().is_loopback() && source.port() != 0);
    assert!(answer.phases.connect_us.is_some() && answer.phases.first_byte_us.is_some(), "{:?}", answer.phases);
    assert!(answer.exchange.sent.starts_with(b"GET / HTTP/1.1\r\n"));
    assert!(answer.exchange.received.ends_with(b"late") && answer.exchange.received_bytes == 44);
    assert!(answer.replay.starts_with("curl -v ") && answer.replay.contains(&backend.address.to_string()));
    let health = || daemon.status().groups[0].backends[0].health.clone();
    assert!(health().health == Health::Unknown || health().last.is_some(), "it counts for nothing");
    assert!(health().next_ms.is_some(), "the cadence has one of its own");
    daemon.ask(set("groups.app.health_check", "\"off\"")).expect("valid");
    let refused = daemon.ask(Verb::Probe(BackendQuery { group: name("app"), backend: name("one") }));
    assert_eq!(refused.expect_err("there is no check").code, ErrorCode::NotFound);
    assert_eq!(health().next_ms, None);
}

#[test]
fn a_probe_of_a_backend_in_maintenance_is_made_when_asked_for() {
    let place = Place::new(&config(Refusing::new().address, "{ protocol = \"tcp\" }"));
    let daemon = place.start();
    daemon.ask(set("groups.app.backends.one.state", "disabled")).expect("valid");
    assert_eq!(asked(&daemon).verdict, fail(Phase::Connect, Reason::Refused));
}

#[test]
fn no_more_than_so_many_probes_are_made_at_once() {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let mut plans = Plans::new(1);
    plans.edit(|config| {
        *config = front(poise_ipc::model::Protocol::Tcp, &[silent.address]);
        let check = &mut config.groups.get_mut(&name("app")).expect("made").health_check;
        (check.protocol, check.interval_ms) = (poise_ipc::model::CheckProtocol::Http, 3_600_000);
        check.timeout_ms = 1_000;
    });
    let (asking, asked) = tokio::sync::mpsc::channel(ASKED_MAX);
    let (reports, mut taken) = tokio::sync::mpsc::channel(64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.spawn(poised::probe::run(Sources { asked, ..plans.probed() }, reports, 7));
    runtime.spawn(async move { while taken.recv().await.is_some() {} });
    let (tell, mut told) = tokio::sync::mpsc::channel(ASKED_MAX + 1);
    let ask = |backend: &str| {
        let (tell, backend) = (tell.clone(), BackendPath::new(name("app"), name(backend)));
        let answer = Box::new(move |answer: Result<ProbeAnswer, Unasked>| {
            let _ = tell.try_send(answer.map(|answer| answer.verdict));
        });
        runtime.block_on(asking.send(ProbeAsked { backend, answer })).expect("it runs");
    };
    let mut answered = || {
        let next = async { tokio::time::timeout(PATIENCE, told.recv()).await };
        runtime.block_on(next).expect("an answer in time").expect("it runs")
    };
    (0..=ASKED_MAX).for_each(|_| ask("b0"));
    assert_eq!(answered(), Err(Unasked::Busy), "the others are still under way");
    for _ in 0..ASKED_MAX {
        assert_eq!(answered(), Ok(fail(Phase::Response, Reason::Timeout)));
    }
    ask("b9");
    assert_eq!(answered(), Err(Unasked::Unknown));
}
