//! When probes are made: shared by those that ask alike, faster in question, slower when down.

use std::collections::BTreeMap;

use poise_ipc::model::{Backend, CheckProtocol, Group, HealthCheck};
use poise_ipc::status::Health;

use super::{Checks, check};
use crate::backends::{Refusing, Scripted, until};
use crate::rig::name;

#[test]
fn groups_that_ask_the_same_of_an_address_share_its_probes() {
    let backend = Scripted::new(|mut stream| {
        super::head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
    });
    let shared = HealthCheck { interval_ms: 200, ..check(CheckProtocol::Http) };
    let mut checks = Checks::new(shared.clone(), &[backend.address]);
    checks.plans.edit(|config| {
        for group in ["two", "three"] {
            let mut made = Group { health_check: HealthCheck { rise: 9, ..shared.clone() }, ..Group::default() };
            made.backends.insert(name("b0"), Backend::new(backend.address));
            config.groups.insert(name(group), made);
        }
    });
    // The group alone may have been asked before the others came.
    let alone = backend.connections();
    let mut reports: BTreeMap<u64, u32> = BTreeMap::new();
    while reports.len() < 3 || reports.values().any(|&count| count < 4) {
        *reports.entry(checks.next().backend.0).or_default() += 1;
    }
    let (probes, told) = (backend.connections() - alone, reports.values().sum::<u32>() as usize);
    assert!(probes * 3 <= told + 3, "{probes} connections for {told} reports: {reports:?}");
    checks.plans.edit(|config| config.groups.get_mut(&name("two")).expect("made").health_check.path = "/two".into());
    let before = backend.connections();
    let mut of_two = 0;
    let two = checks.plans.id_of("two", "b0").0;
    while of_two < 3 {
        of_two += usize::from(checks.next().backend.0 == two);
    }
    until("it is asked on its own", || backend.connections() >= before + 4);
}

/// The time between the starts of probes, in milliseconds, once they have settled.
fn pause(checks: &mut Checks) -> u64 {
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let report = checks.next();
            report.at_ms - report.latency_us / 1_000
        })
        .collect();
    (starts[3] - starts[1]) / 2
}

#[test]
fn probes_are_faster_in_question_and_slower_when_down() {
    let backend = Refusing::new();
    let check = HealthCheck {
        interval_ms: 600,
        fast_interval_ms: Some(100),
        down_interval_ms: Some(1_500),
        ..check(CheckProtocol::Tcp)
    };
    let mut checks = Checks::new(check, &[backend.address]);
    checks.plans.set_health("b0", Health::Up);
    let fast = pause(&mut checks);
    assert!((90..400).contains(&fast), "it fails although it is up: {fast}");
    checks.plans.set_health("b0", Health::Down);
    let slow = pause(&mut checks);
    assert!((1_400..5_000).contains(&slow), "it is down: {slow}");
    let next_ms = checks.plans.next_probe_ms("b0").expect("it is announced");
    assert!(next_ms > checks.next().at_ms - 1_600, "{next_ms}");
}
