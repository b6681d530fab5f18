//! Plans as words.

use std::time::Duration;

use super::{Kind, Pace, Plan, Tls};

#[test]
fn a_plan_survives_the_command_line() {
    let kinds = [
        Kind::Exchanges(Pace::Repeat),
        Kind::Exchanges(Pace::Rest),
        Kind::Http { pace: Pace::Reconnect, body_bytes: 128, cookies: false },
        Kind::Http { pace: Pace::Rate { per_s: 10_000 }, body_bytes: 9, cookies: true },
        Kind::Streams { window: 32 },
        Kind::Bulk,
        Kind::Datagrams { window: 32, size_bytes: 1_200 },
    ];
    let tls = [None, Some(Tls { certificate: "/a/cert.pem".into(), resume: true })];
    for (kind, tls) in kinds.into_iter().zip(tls.into_iter().cycle()) {
        let target = "127.0.0.1:7000".parse().expect("an address");
        let plan = Plan { kind, target, clients: 64, length: Duration::from_millis(1_500), tls };
        assert_eq!(Plan::parse(&plan.words()[1..]), Some(plan));
    }
}

#[test]
fn words_that_make_no_plan_are_refused() {
    assert_eq!(Plan::parse(&[]), None);
    let words = ["nowhere", "1", "1", "-", "false", "exchanges", "repeat"].map(String::from);
    assert_eq!(Plan::parse(&words), None);
}
