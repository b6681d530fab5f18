//! When checks are called blind, and when no longer.

use super::*;
use crate::planned;

const ONE: &str = "[groups.app]\nhealth_check.initial = \"up\"\n[groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n";

/// Lets the backend answer so many requests well, and so many not.
fn answer(plan: &Plan, (well, ill): (u64, u64)) {
    let cells = plan.groups[0].backends[0].live.worker(0);
    (0..well).for_each(|_| cells.responses[1].add(1));
    (0..ill).for_each(|_| cells.responses[4].add(1));
}

fn up(toml: &str) -> Plan {
    let mut plan = planned::first(toml);
    let group = &mut plan.groups[0];
    let group = std::sync::Arc::get_mut(group).expect("nobody else has it");
    std::sync::Arc::get_mut(&mut group.backends[0]).expect("nobody else has it").standing = Health::Up.into();
    plan
}

#[test]
fn a_check_is_blind_while_half_of_ten_responses_fail() {
    let (plan, mut blindness) = (up(ONE), Blindness::default());
    let id = plan.groups[0].backends[0].id;
    for (answers, is_other, is_blind) in [
        ((0, 9), false, false),
        ((0, 1), true, true),
        ((9, 0), false, true),
        ((1, 0), true, false),
        ((6, 5), false, false),
        ((5, 5), true, true),
        ((0, 0), false, true),
    ] {
        answer(&plan, answers);
        assert_eq!((blindness.turn(&plan), blindness.holds(id)), (is_other, is_blind), "{answers:?}");
    }
    assert!(blindness.turn(&Plan::default()), "it is gone");
    assert!(!blindness.holds(id));
}

#[test]
fn a_check_that_asks_and_a_backend_that_is_not_up_are_no_matter() {
    let asks = ONE.replace("initial = \"up\"", "protocol = \"http\"");
    let says = ONE.replace("initial = \"up\"", "send = \"ping\"");
    let counts = ONE.replace("health_check.initial = \"up\"", "passive.mode = \"on\"");
    for plan in [up(&asks), up(&says), up(&counts), planned::first(ONE)] {
        answer(&plan, (0, 50));
        assert!(!Blindness::default().turn(&plan));
    }
}
