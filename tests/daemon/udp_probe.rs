//! Health of UDP backends: what replies, refusals and silence prove.

use std::net::{SocketAddr, UdpSocket};

use poise_ipc::model::{CheckProtocol, HealthCheck, Protocol};
use poise_ipc::status::{Health, Phase, Reason, Verdict};
use tokio::sync::mpsc;

use crate::backends::{ANY_PORT, PATIENCE, Refusing, Scripted, until};
use crate::datagrams::{Echo, asking, who};
use crate::process::Place;
use crate::rig::{Plans, front, name};

/// What the first probe of a backend finds. An echo puts a zero in front of what it was sent.
fn found(backend: SocketAddr, edit: impl FnOnce(&mut HealthCheck)) -> Verdict {
    let mut plans = Plans::new(1);
    plans.edit(|config| {
        *config = front(Protocol::Udp, &[backend]);
        let check = &mut config.groups.get_mut(&name("app")).expect("it was made").health_check;
        (check.protocol, check.interval_ms, check.timeout_ms) = (CheckProtocol::Udp, 100, 300);
        edit(check);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (sender, mut reports) = mpsc::channel(8);
    runtime.spawn(poised::probe::run(plans.probed(), sender, 7));
    let next = async { tokio::time::timeout(PATIENCE, reports.recv()).await };
    runtime.block_on(next).expect("a report in time").expect("the probes run").verdict
}

const fn fail(phase: Phase, reason: Reason) -> Verdict {
    Verdict::Fail { phase, reason, code: None }
}

/// A socket that takes everything and says nothing.
fn mute() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANY_PORT).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

#[test]
fn l_19_a_reply_that_begins_as_expected_passes_and_another_does_not() {
    let backend = Echo::new(0);
    let ask = |receive: Option<&str>| {
        found(backend.address, |check| {
            (check.send, check.receive) = (Some("hex:0102".to_owned()), receive.map(str::to_owned));
        })
    };
    let pass = Verdict::Pass { code: None };
    assert_eq!((ask(None), ask(Some("hex:0001")), ask(Some("hex:000102"))), (pass.clone(), pass.clone(), pass));
    assert_eq!(ask(Some("hex:0101")), fail(Phase::Response, Reason::Content));
    assert_eq!(ask(Some("hex:00010203")), fail(Phase::Response, Reason::Content));
}

#[test]
fn l_19_silence_fails_where_a_reply_is_due_and_proves_nothing_elsewhere() {
    let (_mute, address) = mute();
    let due = found(address, |check| check.send = Some("ping".to_owned()));
    assert_eq!(due, fail(Phase::Response, Reason::Timeout));
    assert_eq!(found(address, |_| {}), Verdict::Silent);
}

#[test]
fn l_19_a_refusal_fails_whatever_is_expected() {
    let (mute, address) = mute();
    drop(mute);
    assert_eq!(found(address, |_| {}), fail(Phase::Response, Reason::Refused));
    let due = found(address, |check| check.send = Some("ping".to_owned()));
    assert_eq!(due, fail(Phase::Response, Reason::Refused));
}

#[test]
fn l_19_a_companion_port_of_tcp_decides_about_a_backend_of_datagrams() {
    let (backend, companion) = (Echo::new(0), Scripted::echo());
    let tcp =
        |port: u16| found(backend.address, |check| (check.protocol, check.port) = (CheckProtocol::Tcp, Some(port)));
    assert_eq!(tcp(companion.address.port()), Verdict::Pass { code: None });
    // Held, so that no other test can listen there.
    let closed = Refusing::new();
    assert_eq!(tcp(closed.address.port()), fail(Phase::Connect, Reason::Refused), "nothing accepts there");
}

#[test]
fn l_19_a_backend_of_which_nothing_is_known_is_shown_as_unknown_and_used() {
    let backend = Echo::new(5);
    let (mute, quiet) = mute();
    let place = Place::new(&format!(
        "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"udp\"\ngroup = \"app\"\n\
         [groups.app]\nhealth_check = {{ protocol = \"udp\", interval = \"1s\", timeout = \"1s\", fall = 1 }}\n\
         [groups.app.backends]\nechoes = {{ address = \"{}\" }}\nmute = {{ address = \"{quiet}\" }}\n",
        backend.address
    ));
    let daemon = place.start();
    let health = |at: usize| daemon.status().groups[0].backends[at].health.clone();
    until("the silent one was asked", || health(1).last.is_some());
    assert_eq!((health(1).health, health(1).last.map(|last| last.verdict)), (Health::Unknown, Some(Verdict::Silent)));
    until("an answer proves that one lives", || health(0).health == Health::Up);
    let front = daemon.status().listeners[0].bind.ip().expect("an address and port");
    assert_eq!(who(&asking(front)), 5);
    drop(mute);
    until("a refusal proves that nobody listens", || health(1).health == Health::Down);
    assert!((0..4).all(|_| who(&asking(front)) == 5));
}
