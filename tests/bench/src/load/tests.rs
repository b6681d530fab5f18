//! Plans as words.

use std::time::Duration;

use super::{Kind, Plan};

#[test]
fn a_plan_survives_the_command_line() {
    let kinds = [
        Kind::Exchanges,
        Kind::Connections,
        Kind::Requests,
        Kind::Bulk,
        Kind::Datagrams { window: 32, size_bytes: 1_200 },
        Kind::Idle,
    ];
    for kind in kinds {
        let target = "127.0.0.1:7000".parse().expect("an address");
        let plan = Plan { kind, target, clients: 64, length: Duration::from_millis(1_500) };
        assert_eq!(Plan::parse(&plan.words()[1..]), Some(plan));
    }
}

#[test]
fn words_that_make_no_plan_are_refused() {
    assert_eq!(Plan::parse(&[]), None);
    let words = ["exchanges", "nowhere", "1", "1", "0", "0"].map(String::from);
    assert_eq!(Plan::parse(&words), None);
}
