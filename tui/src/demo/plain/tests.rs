//! Lines of the balance.

use std::net::SocketAddr;

use poise_ipc::Name;
use poise_ipc::model::{AdminState, Backend, FailOpen, HealthCheck, Scheduler};
use poise_ipc::status::{
    BackendCounters, BackendStatus, DaemonStatus, GroupStatus, Health, HealthStatus, RecorderStatus, Status,
};

use super::{Balance, WINDOW_LOOKS};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn backend(id: u64, text: &str, weight: u16, picks_total: u64) -> BackendStatus {
    let settings = Backend { weight, ..Backend::new(SocketAddr::from(([127, 0, 0, 1], 80))) };
    BackendStatus {
        id,
        effective_weight: u32::from(weight),
        health: HealthStatus { health: Health::Up, ..HealthStatus::default() },
        counters: BackendCounters { picks_total, ..BackendCounters::default() },
        ..BackendStatus::of(name("app"), name(text), &settings)
    }
}

fn status(at_ms: u64, backends: Vec<BackendStatus>) -> Status {
    let group = GroupStatus {
        name: name("app"),
        scheduler: Scheduler::Wrr,
        health_check: HealthCheck::default(),
        fail_open: FailOpen::default(),
        failing_open: false,
        queued: 0,
        queue_wait_ms: 0,
        latency: poise_ipc::status::LatencyWindows::default(),
        counters: poise_ipc::status::GroupCounters::default(),
        backends,
        on_backups: false,
    };
    let daemon = DaemonStatus {
        version: "0".to_owned(),
        host: "here".to_owned(),
        pid: 1,
        started_ms: 1_000,
        workers: 1,
        config_file: None,
        drift: false,
        records_lost_total: 0,
        read_only: false,
        predecessors: Vec::new(),
    };
    Status {
        at_ms,
        daemon,
        revision: 1,
        generation: 1,
        listeners: vec![],
        groups: vec![group],
        findings: vec![],
        certificates: vec![],
        recorder: RecorderStatus::default(),
        hook: None,
        window: None,
        layers: Vec::new(),
        layers_ended: Vec::new(),
    }
}

#[test]
fn shares_are_those_of_the_time_since_the_first_look() {
    let mut balance = Balance::default();
    let first = balance.block(&status(2_000, vec![backend(1, "a", 300, 900), backend(2, "b", 100, 50)]));
    assert!(first.lines().skip(1).all(|line| line.contains(" - ")), "{first}");
    let mut down = backend(3, "c", 100, 0);
    down.effective_weight = 0;
    down.state = AdminState::Draining;
    let second = status(4_000, vec![backend(1, "a", 300, 1_060), backend(2, "b", 100, 90), down]);
    assert_eq!(
        balance.block(&second),
        "   3s  app              weight  want %   got %     dev  health   wrr, 100 picks/s
       a                   300    75.0    80.0    +5.0  up
       b                   100    25.0    20.0    -5.0  up
       c                   100     0.0       -       -  up       draining
"
    );
}

#[test]
fn old_looks_are_let_go() {
    let mut balance = Balance::default();
    for look in 0..2 * WINDOW_LOOKS as u64 {
        balance.block(&status(2_000 + look * 1_000, vec![backend(1, "a", 1, look * look)]));
    }
    assert_eq!(balance.looks.len(), WINDOW_LOOKS);
    let last = 2 * WINDOW_LOOKS as u64;
    let block = balance.block(&status(2_000 + last * 1_000, vec![backend(1, "a", 1, last * last)]));
    // From look 10 to look 20: 400 - 100 picks in ten seconds.
    assert!(block.contains("wrr, 30 picks/s"), "{block}");
}

#[test]
fn a_deviation_of_nothing_has_no_minus() {
    let mut balance = Balance::default();
    let look = |at_ms, a, b| status(at_ms, vec![backend(1, "a", 1, a), backend(2, "b", 1, b)]);
    balance.block(&look(2_000, 0, 0));
    let block = balance.block(&look(3_000, 10_000, 10_001));
    assert_eq!(block.matches("+0.0").count(), 2, "{block}");
}

#[test]
fn a_group_that_gets_nothing_has_no_shares() {
    let mut balance = Balance::default();
    let look = |at_ms| status(at_ms, vec![backend(1, "a", 0, 0)]);
    balance.block(&look(2_000));
    assert!(balance.block(&look(3_000)).contains("a                     0       -       -       -  up"));
}
