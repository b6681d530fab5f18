//! Each way to fail is read as what it points to.

use poise_ipc::health::Exchange;
use poise_ipc::model::CheckProtocol;
use poise_ipc::status::Phases;

use super::*;

fn of(verdict: Verdict) -> Option<String> {
    reading(&ProbeAnswer {
        address: "10.0.0.1:8080".parse().expect("an address"),
        peer: None,
        source: None,
        protocol: CheckProtocol::Http,
        verdict,
        latency_us: 1,
        phases: Phases::default(),
        exchange: Exchange::default(),
        replay: String::new(),
        way: Some("10.0.0.9".parse().expect("an address")),
        expect: vec![CodeRange { low: 200, high: 299 }, CodeRange { low: 404, high: 404 }],
    })
}

fn read(phase: Phase, reason: Reason, code: Option<u16>) -> String {
    of(Verdict::Fail { phase, reason, code }).unwrap_or_default()
}

#[test]
fn t_02_t_05_t_06_t_07_refused_dropped_and_unreachable_are_told_apart_with_the_address_to_let_in() {
    assert!(read(Phase::Connect, Reason::Refused, None).contains("nothing listens there"));
    assert!(read(Phase::Connect, Reason::Timeout, None).ends_with("a firewall drops what comes from 10.0.0.9"));
    assert!(read(Phase::Connect, Reason::Unreachable, None).starts_with("there is no way"));
    assert!(read(Phase::Resolve, Reason::Unreachable, None).contains("name leads nowhere"));
}

#[test]
fn t_03_a_code_is_told_beside_those_that_pass() {
    assert_eq!(read(Phase::Response, Reason::Code, Some(503)), "it answers 503, and what passes is 200-299, 404");
}

#[test]
fn an_application_that_hangs_is_told_from_one_that_breaks_off_and_a_pass_says_nothing() {
    assert!(read(Phase::Response, Reason::Timeout, None).contains("does not answer in time"));
    assert!(read(Phase::Body, Reason::Reset, Some(200)).contains("before its answer is whole"));
    assert_eq!(read(Phase::Tls, Reason::Expired, None), "", "the verdict says it all");
    assert_eq!(of(Verdict::Pass { code: None }), None);
}
