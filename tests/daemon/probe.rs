//! Probes against backends of every kind: what is asked, what is found, and of whom.

mod asked;
mod cadence;
mod kinds;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use poise_ipc::model::{AdminState, CheckMethod, CheckProtocol, CheckProxy, CodeRange, HealthCheck, Protocol};
use poise_ipc::status::{Phase, Reason, Verdict};
use poised::report::ProbeReport;
use tokio::sync::mpsc;

use crate::backends::{ANY_PORT, Deaf, PATIENCE, Refusing, Scripted, read_to_end, reset};
use crate::datagrams::Echo;
use crate::rig::{Plans, front, name};

/// Probes that run, and what they report.
struct Checks {
    plans: Plans,
    reports: mpsc::Receiver<ProbeReport>,
    runtime: tokio::runtime::Runtime,
}

/// A check that asks often and waits as long as it takes.
fn check(protocol: CheckProtocol) -> HealthCheck {
    HealthCheck { protocol, interval_ms: 100, timeout_ms: 15_000, ..HealthCheck::default() }
}

/// A check that asks often and waits briefly.
fn brief(protocol: CheckProtocol) -> HealthCheck {
    HealthCheck { timeout_ms: 300, ..check(protocol) }
}

impl Checks {
    fn new(check: HealthCheck, backends: &[SocketAddr]) -> Self {
        Self::with_room(check, backends, 64)
    }

    fn with_room(check: HealthCheck, backends: &[SocketAddr], room: usize) -> Self {
        let mut plans = Plans::new(1);
        plans.edit(|config| {
            *config = front(Protocol::Tcp, backends);
            config.groups.get_mut(&name("app")).expect("it was made").health_check = check;
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (sender, reports) = mpsc::channel(room);
        runtime.spawn(poised::probe::run(plans.probed(), sender, 7));
        Self { plans, reports, runtime }
    }

    fn edit_group(&mut self, edit: impl FnOnce(&mut poise_ipc::model::Group)) {
        self.plans.edit(|config| edit(config.groups.get_mut(&name("app")).expect("the group app")));
    }

    fn next(&mut self) -> ProbeReport {
        let next = async { tokio::time::timeout(PATIENCE, self.reports.recv()).await };
        self.runtime.block_on(next).expect("a report in time").expect("the probes run")
    }

    /// Who is reported on while every backend that is probed at all is probed several times.
    fn reported(&mut self) -> BTreeSet<u64> {
        (0..30).map(|_| self.next().backend.0).collect()
    }
}

fn found(check: HealthCheck, backend: SocketAddr) -> Verdict {
    Checks::new(check, &[backend]).next().verdict
}

fn fail(phase: Phase, reason: Reason) -> Verdict {
    Verdict::Fail { phase, reason, code: None }
}

/// Answers every request with these bytes, then ends.
fn answering(answer: &'static [u8]) -> Scripted {
    Scripted::new(move |mut stream| {
        head(&mut stream);
        let _ = stream.write_all(answer);
    })
}

/// The head of a request.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a probe is text")
}

#[test]
fn s_22_a_tcp_check_passes_without_bothering_the_application() {
    let listener = TcpListener::bind(ANY_PORT).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut checks = Checks::new(check(CheckProtocol::Tcp), &[address]);
    for _ in 0..5 {
        let report = checks.next();
        assert_eq!((report.verdict, report.address), (Verdict::Pass { code: None }, address.into()));
    }
    listener.set_nonblocking(true).expect("an open socket");
    assert!(listener.accept().is_err(), "the application saw a probe");
}

#[test]
fn a_backend_that_cannot_be_reached_fails_by_how() {
    for protocol in [CheckProtocol::Tcp, CheckProtocol::Http] {
        let refused = found(check(protocol), Refusing::new().address);
        assert_eq!(refused, fail(Phase::Connect, Reason::Refused));
        assert_eq!(found(brief(protocol), Deaf::new().address), fail(Phase::Connect, Reason::Timeout));
    }
    let nowhere = found(check(CheckProtocol::Tcp), "255.255.255.255:80".parse().expect("an address"));
    assert_eq!(nowhere, fail(Phase::Connect, Reason::Unreachable));
}

#[test]
fn s_27_an_http_check_passes_by_the_status_code() {
    let found_of = |answer| found(check(CheckProtocol::Http), answering(answer).address);
    assert_eq!(found_of(b"HTTP/1.1 204 No Content\r\n\r\n"), Verdict::Pass { code: Some(204) });
    assert_eq!(found_of(b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n"), Verdict::Pass { code: Some(302) });
    let down = Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) };
    assert_eq!(found_of(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), down);
    let expect = vec![CodeRange { low: 503, high: 503 }];
    let wanted = HealthCheck { expect, ..check(CheckProtocol::Http) };
    let backend = answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(found(wanted, backend.address), Verdict::Pass { code: Some(503) });
}

#[test]
fn l_04_a_probe_says_by_header_that_poised_speaks_for_itself() {
    for (proxy, header) in [
        (CheckProxy::Off, &b""[..]),
        (CheckProxy::V1, b"PROXY UNKNOWN\r\n"),
        (CheckProxy::V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
    ] {
        let backend = Scripted::new(move |mut stream| {
            let mut begins = vec![0; header.len() + 6];
            if stream.read_exact(&mut begins).is_ok() && begins == [header, b"HEAD /"].concat() {
                head(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            }
        });
        let http = HealthCheck { proxy, ..check(CheckProtocol::Http) };
        assert_eq!(found(http, backend.address), Verdict::Pass { code: Some(200) }, "{proxy}");
    }
    let (header, socket) = (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0ping", UdpSocket::bind(ANY_PORT).expect("a free port"));
    let backend = Echo::on(socket, move |bytes, _| if bytes == header { b"pong".to_vec() } else { b"what?".to_vec() });
    let (send, receive) = (Some("ping".to_owned()), Some("pong".to_owned()));
    let udp = HealthCheck { proxy: CheckProxy::V2, send, receive, ..check(CheckProtocol::Udp) };
    assert_eq!(found(udp, backend.address), Verdict::Pass { code: None });
}

#[test]
fn what_is_no_http_answer_fails_by_what_it_is() {
    let http = || check(CheckProtocol::Http);
    let cases = [
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Reason::Garbage),
        (answering(b"\x00\x01\x02\r\n\r\n"), Reason::Garbage),
        (answering(b"HTTP/1.1 20"), Reason::Reset),
        (answering(b""), Reason::Reset),
        (
            Scripted::new(|mut stream| {
                head(&mut stream);
                reset(stream);
            }),
            Reason::Reset,
        ),
        (
            Scripted::new(|mut stream| {
                head(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Much: ");
                while stream.write_all(&[b'x'; 1_024]).is_ok() {}
            }),
            Reason::Garbage,
        ),
    ];
    for (at, (backend, reason)) in cases.iter().enumerate() {
        assert_eq!(found(http(), backend.address), fail(Phase::Response, *reason), "case {at}");
    }
}

#[test]
fn a_backend_that_says_nothing_fails_by_the_timeout() {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    assert_eq!(found(brief(CheckProtocol::Http), silent.address), fail(Phase::Response, Reason::Timeout));
}

#[test]
fn a_body_that_never_ends_does_not_change_the_verdict() {
    let backend = Scripted::new(|mut stream| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(b"1\r\nx\r\n").is_ok() {}
    });
    let get = HealthCheck { method: CheckMethod::Get, ..check(CheckProtocol::Http) };
    assert_eq!(found(get, backend.address), Verdict::Pass { code: Some(200) });
}

#[test]
fn s_23_s_25_s_26_l_12_an_http_probe_asks_as_configured_and_says_who_it_is() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        let _ = tell.send(head(&mut stream));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let mut checks = Checks::new(check(CheckProtocol::Http), &[backend.address]);
    checks.next();
    let asked = told.recv_timeout(PATIENCE).expect("a probe").to_lowercase();
    assert!(asked.starts_with("head / http/1.1\r\n"), "{asked}");
    for field in [format!("host: {}", backend.address), "connection: close".into(), "x-poise-check: app/b0".into()] {
        assert!(asked.contains(&format!("\r\n{field}\r\n")), "{field} is missing: {asked}");
    }
    assert!(asked.contains("\r\nuser-agent: poise-check/"), "{asked}");
    checks.edit_group(|group| {
        group.health_check.method = CheckMethod::Get;
        group.health_check.path = "/up?deep=1".into();
        group.health_check.host = Some("app.example".into());
    });
    let asked = std::iter::from_fn(|| {
        checks.next();
        told.try_recv().ok()
    });
    let asked = asked.take(50).find(|asked| asked.starts_with("GET")).expect("the edit is followed").to_lowercase();
    assert!(asked.starts_with("get /up?deep=1 http/1.1\r\n") && asked.contains("\r\nhost: app.example\r\n"), "{asked}");
}

#[test]
fn s_24_the_port_of_the_check_replaces_that_of_the_backend() {
    let (backend, checked) = (Refusing::new(), Scripted::echo());
    let elsewhere = HealthCheck { port: Some(checked.address.port()), ..check(CheckProtocol::Tcp) };
    let report = Checks::new(elsewhere, &[backend.address]).next();
    assert_eq!((report.verdict, report.address), (Verdict::Pass { code: None }, checked.address.into()));
}

#[test]
fn s_40_l_14_draining_and_weightless_backends_are_probed_and_disabled_ones_are_not() {
    let backends = [(); 4].map(|()| Scripted::echo());
    let mut checks = Checks::new(check(CheckProtocol::Tcp), &backends.each_ref().map(|b| b.address));
    checks.edit_group(|group| {
        let mut backend = |n: &str| group.backends.get_mut(&name(n)).expect("it was made").clone();
        let (mut weightless, mut draining, mut disabled) = (backend("b1"), backend("b2"), backend("b3"));
        weightless.weight = 0;
        draining.state = AdminState::Draining;
        disabled.state = AdminState::Disabled;
        group.backends.extend([(name("b1"), weightless), (name("b2"), draining), (name("b3"), disabled)]);
    });
    let ids =
        |checks: &Checks, names: &[&str]| names.iter().map(|n| checks.plans.backend_id(n).0).collect::<BTreeSet<_>>();
    // What was under way before the edit may still arrive.
    checks.reported();
    let probed = checks.reported();
    assert_eq!(probed, ids(&checks, &["b0", "b1", "b2"]));
    let removed = ids(&checks, &["b0"]);
    checks.edit_group(|group| group.backends.retain(|n, _| n.as_str() != "b0"));
    checks.reported();
    assert!(checks.reported().is_disjoint(&removed), "a removed backend is left alone");
}

/// Starts and ends of the first probes, in milliseconds since the epoch.
fn spans(check: HealthCheck, backend: &Scripted, mut between: impl FnMut(&mut Checks)) -> Vec<(u64, u64)> {
    let mut checks = Checks::new(check, &[backend.address]);
    let spans = std::iter::repeat_with(|| {
        let report = checks.next();
        between(&mut checks);
        (report.at_ms - report.latency_us / 1_000, report.at_ms)
    });
    spans.take(5).collect()
}

#[test]
fn a_probe_that_outlasts_its_interval_does_not_overlap_with_itself() {
    let silent = Scripted::new(|mut stream| drop(read_to_end(&mut stream)));
    let spans = spans(brief(CheckProtocol::Http), &silent, |_| {});
    assert!(spans.windows(2).all(|pair| pair[1].0 + 5 >= pair[0].1), "{spans:?}");
}

#[test]
fn probes_keep_their_interval_when_something_else_is_edited() {
    let (slow, backend) = (HealthCheck { interval_ms: 400, ..check(CheckProtocol::Tcp) }, Scripted::echo());
    let mut weights = 1..1_000;
    let spans = spans(slow, &backend, |checks| {
        for weight in weights.by_ref().take(20) {
            checks.edit_group(|group| group.backends.get_mut(&name("b0")).expect("it was made").weight = weight);
        }
    });
    assert!(spans.windows(2).all(|pair| pair[1].0 >= pair[0].0 + 350), "{spans:?}");
}

#[test]
fn probes_wait_for_a_reader_of_reports_that_is_late() {
    let backends = [(); 8].map(|()| Scripted::echo());
    let mut checks = Checks::with_room(check(CheckProtocol::Tcp), &backends.each_ref().map(|b| b.address), 1);
    let first = checks.next();
    assert_eq!(first.verdict, Verdict::Pass { code: None });
    let all = (0..32).map(|_| checks.next().backend.0).collect::<BTreeSet<_>>();
    assert_eq!(all.len(), 8, "everybody has a turn");
}
