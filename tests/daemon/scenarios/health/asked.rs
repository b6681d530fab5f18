//! S-23, S-26, S-36, S-39, T-02 to T-04, L-12: what a check sends, and what `poise health check` shows of
//! it, byte by byte, with a line for a shell that does the same.

use std::process::Command;

use poise_ipc::message::ErrorCode;
use poise_ipc::model::{Address, CodeRange};
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use super::{Clinic, change, fail, fail_code, field, group, health, probe, send};
use crate::backends::{Refusing, until};
use crate::process::{Daemon, Place, set};

const CHECK: &str = "groups.app.health_check";
const ON_DEMAND: &str = "{ protocol = \"http\", interval = \"50s\", fast_interval = \"2s\", timeout = \"15s\" }";

fn one(clinic: &Clinic) -> (Place, Daemon) {
    let place = Place::new(&group("app", ON_DEMAND, &[("one", clinic.address)]));
    let daemon = place.start();
    (place, daemon)
}

fn asked(daemon: &Daemon, clinic: &Clinic) -> String {
    assert_eq!(probe(daemon, "app", "one").expect("it is checked").verdict, Verdict::Pass { code: Some(200) });
    clinic.asked().pop().expect("it was asked")
}

#[test]
fn s_26_the_host_is_the_address_of_the_backend_until_one_is_set() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic);
    assert_eq!(field(&asked(&daemon, &clinic), "host"), Some(clinic.address.to_string().as_str()));
    change(&daemon, "groups.app.backends.one.address", &format!("\"localhost:{}\"", clinic.address.port()));
    let named = format!("localhost:{}", clinic.address.port());
    assert_eq!(field(&asked(&daemon, &clinic), "host"), Some(named.as_str()));
    for host in ["www.app-1.example", "10.0.0.1", "a"] {
        change(&daemon, &format!("{CHECK}.host"), &format!("{host:?}"));
        assert_eq!(field(&asked(&daemon, &clinic), "host"), Some(host));
    }
    for wrong in ["a_b", "a b", "a/b", "a:80", "", "\u{e9}.example", &"a".repeat(254)] {
        let refused = daemon.ask(set(&format!("{CHECK}.host"), &format!("{wrong:?}"))).expect_err("no host");
        assert_eq!(refused.faults[0].path, format!("{CHECK}.host"), "{wrong}");
    }
}

#[test]
fn s_23_s_36_l_01_every_method_and_version_is_asked_as_it_is_set() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic);
    for method in ["HEAD", "GET", "POST", "OPTIONS"] {
        for version in ["1.0", "1.1"] {
            change(&daemon, &format!("{CHECK}.method"), &format!("{method:?}"));
            change(&daemon, &format!("{CHECK}.version"), &format!("{version:?}"));
            let asked = asked(&daemon, &clinic);
            assert!(asked.starts_with(&format!("{method} / HTTP/{version}\r\n")), "{asked}");
            assert!(
                field(&asked, "user-agent").is_some_and(|agent| agent.starts_with("poise-check/")),
                "L-12: {asked}"
            );
            assert_eq!(field(&asked, "x-poise-check"), Some("app/one"), "L-12");
        }
    }
}

#[test]
fn s_39_t_03_a_check_that_is_asked_for_shows_the_status_beside_what_was_expected_and_changes_nothing() {
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic);
    until("it is up", || health(&daemon, "app", "one") == Health::Up);
    clinic.be(|mut stream, _| send(&mut stream, "HTTP/1.1 503 Busy\r\nRetry-After: 9\r\n\r\n"));
    for _ in 0..5 {
        let answer = probe(&daemon, "app", "one").expect("it is checked");
        assert_eq!(answer.verdict, fail_code(503));
        assert_eq!(answer.expect, [CodeRange { low: 200, high: 399 }]);
        assert!(answer.exchange.received.starts_with(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\n"));
        assert!(answer.phases.connect_us.is_some() && answer.phases.first_byte_us.is_some(), "{:?}", answer.phases);
    }
    let health = super::backend(&daemon, "app", "one").health;
    assert_eq!(
        (health.health, health.last.expect("one of its own").verdict),
        (Health::Up, Verdict::Pass { code: Some(200) })
    );
}

/// What a shell command sends, a field a line, in whatever order.
fn sent_by(command: &str, clinic: &Clinic) -> (i32, Vec<String>) {
    let before = clinic.asked().len();
    let ended = Command::new("sh").arg("-c").arg(command).env("no_proxy", "*").output().expect("a shell");
    let heads = clinic.asked();
    assert_eq!(heads.len(), before + 1, "{command}");
    (ended.status.code().expect("it ends"), lines(&heads[before]))
}

/// What a client says of its connection is its own business.
fn lines(head: &str) -> Vec<String> {
    let mut lines: Vec<_> = head.lines().filter(|line| !line.starts_with("Connection: ")).map(str::to_owned).collect();
    lines[1..].sort();
    lines
}

#[test]
fn t_04_the_line_for_a_shell_sends_what_the_check_sends() {
    if Command::new("curl").arg("-V").output().is_err() {
        return;
    }
    let clinic = Clinic::new("one");
    let (_place, daemon) = one(&clinic);
    for check in [
        "path = \"/test.html\", host = \"www.example\", version = \"1.0\"",
        "path = \"/up?deep=1&it='s'\", method = \"GET\", headers = [\"X-One: a b\", \"User-Agent: mine\"]",
        "path = \"/a/../b\", method = \"OPTIONS\"",
    ] {
        change(&daemon, CHECK, &ON_DEMAND.replacen('{', &format!("{{ {check},"), 1));
        let answer = probe(&daemon, "app", "one").expect("it is checked");
        let sent = clinic.asked().pop().expect("it was asked");
        assert!(sent.as_bytes() == answer.exchange.sent, "what is shown is what was sent: {sent}");
        let (code, by_shell) = sent_by(&answer.replay, &clinic);
        assert_eq!((code, by_shell), (0, lines(&sent)), "{}", answer.replay);
    }
}

#[test]
fn t_02_a_check_that_is_asked_for_says_where_it_goes_from_where_and_how_far_it_came() {
    let (clinic, refusing) = (Clinic::new("one"), Refusing::new());
    let (_place, daemon) = one(&clinic);
    change(&daemon, &format!("{CHECK}.protocol"), "\"tcp\"");
    let answer = probe(&daemon, "app", "one").expect("it is checked");
    assert_eq!((answer.verdict, answer.peer), (Verdict::Pass { code: None }, Some(Address::Ip(clinic.address))));
    let source = answer.source.and_then(|source| source.ip()).expect("an address");
    assert!(source.ip() == clinic.address.ip() && source.port() != 0, "{source}");
    assert!(answer.phases.connect_us.is_some_and(|us| us <= answer.latency_us), "{:?}", answer.phases);
    change(&daemon, "groups.app.backends.one.address", &format!("\"{}\"", refusing.address));
    let answer = probe(&daemon, "app", "one").expect("it is checked");
    let refused = fail(Phase::Connect, Reason::Refused);
    assert_eq!((answer.verdict, answer.peer), (refused, Some(Address::Ip(refusing.address))));
    assert_eq!((answer.source, answer.way), (None, Some(source.ip())), "nothing was connected");
    let unknown = probe(&daemon, "app", "two").expect_err("there is none");
    assert_eq!(unknown.code, ErrorCode::NotFound);
}
