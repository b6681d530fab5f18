//! What the tests of verbs render: a daemon with two listeners and two groups, one backend down.
//!
//! Made from configuration text, so that tests and operators read the same thing.

use clap::{Args as ClapArgs, Command, FromArgMatches};
use poise_ipc::Config;
use poise_ipc::advice::{Finding, Severity};
use poise_ipc::cause::Cause;
use poise_ipc::model::CheckProtocol;
use poise_ipc::status::{
    BackendCounters, BackendStatus, CheckRow, DaemonStatus, GroupStatus, Health, HealthStatus, LastVerdict,
    ListenerCounters, ListenerStatus, Phase, Phases, Reason, RecorderStatus, Status, Verdict,
};
use poise_ipc::text::parse;

/// A moment: 2026-11-22T14:02:08.122Z.
pub(super) const AT_MS: u64 = 1_795_356_128_122;

/// The configuration that the daemon runs.
pub(super) const TEXT: &str = r#"
[listeners.web]
bind = "127.0.0.1:8080"
protocol = "http"
group = "app"

[listeners.db]
bind = "127.0.0.1:5432"
protocol = "tcp"
group = "data"

[groups.app]
scheduler = "wrr"

[groups.app.backends]
app-1 = { address = "10.0.0.1:8080", weight = 100 }
app-2 = { address = "10.0.0.2:8080", weight = 50, state = "draining" }

[groups.data.backends]
data-1 = { address = "10.0.1.1:5432", weight = 0 }
"#;

/// The same, read.
pub(super) fn config() -> Config {
    parse(TEXT).expect("the fixture is valid")
}

/// Arguments of a verb, parsed as after its name.
pub(super) fn args<A: ClapArgs + FromArgMatches>(words: &[&str]) -> Result<A, clap::Error> {
    let command = A::augment_args(Command::new("verb").no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// The running state: app-2 drains and is down, data-1 has no weight.
pub(super) fn status() -> Status {
    let config = config();
    let groups = config.groups.iter().map(|(name, group)| GroupStatus {
        name: name.clone(),
        scheduler: group.scheduler,
        health_check: group.health_check.clone(),
        fail_open: group.fail_open,
        failing_open: false,
        queued: 0,
        queue_wait_ms: 0,
        latency: poise_ipc::status::LatencyWindows::default(),
        counters: poise_ipc::status::GroupCounters::default(),
        backends: group.backends.iter().map(|(backend, found)| backend_status(name, backend, found)).collect(),
        on_backups: false,
    });
    let listeners = config.listeners.iter().map(|(name, listener)| ListenerStatus {
        counters: ListenerCounters {
            connections_total: 20,
            connections_open: 3,
            requests_total: 1_200,
            bytes_in_total: 4_096,
            bytes_out_total: 1_536,
            causes: vec![(Cause::ConnectFailed, 2), (Cause::ClientClosed, 5)],
            responses_total: [0, 1_190, 0, 8, 0],
            ..ListenerCounters::default()
        },
        ..ListenerStatus::of(name.clone(), listener)
    });
    Status {
        at_ms: AT_MS,
        daemon: daemon(),
        revision: 412,
        generation: 500,
        listeners: listeners.collect(),
        groups: groups.collect(),
        findings: vec![finding()],
        certificates: Vec::new(),
        recorder: RecorderStatus::default(),
        hook: None,
        window: None,
        layers: Vec::new(),
        layers_ended: Vec::new(),
    }
}

fn daemon() -> DaemonStatus {
    DaemonStatus {
        version: "0.1.0".to_owned(),
        host: "lb01".to_owned(),
        pid: 4_711,
        started_ms: AT_MS - 93_600_000,
        workers: 2,
        config_file: Some("/etc/poise/poise.toml".to_owned()),
        drift: false,
        records_lost_total: 0,
        read_only: false,
        predecessors: Vec::new(),
    }
}

fn finding() -> Finding {
    Finding {
        code: "group-without-weight".to_owned(),
        severity: Severity::Severe,
        subject: "groups.data".to_owned(),
        message: "every weight is 0, so connections are refused".to_owned(),
        remedy: "give a backend weight".to_owned(),
    }
}

fn backend_status(group: &poise_ipc::Name, name: &poise_ipc::Name, found: &poise_ipc::model::Backend) -> BackendStatus {
    let down = name.as_str() == "app-2";
    let verdict = if down { refused() } else { Verdict::Pass { code: None } };
    BackendStatus {
        id: u64::from(found.weight),
        effective_weight: if down { 0 } else { found.weight.into() },
        health: HealthStatus {
            health: if down { Health::Down } else { Health::Up },
            since_ms: AT_MS - 60_000,
            streak: 30,
            transitions_10min: 1,
            last: Some(LastVerdict { at_ms: AT_MS - 500, verdict, latency_us: 1_300, phases: Phases::default() }),
            threshold: 3,
            ..HealthStatus::default()
        },
        counters: BackendCounters {
            picks_total: 800,
            inflight: if down { 2 } else { 0 },
            responses_total: [0, 790, 0, 0, 10],
            latency_p50_us: 900,
            latency_p99_us: 4_200,
            bytes_in_total: 2_048,
            ..BackendCounters::default()
        },
        ..BackendStatus::of(group.clone(), name.clone(), found)
    }
}

/// A verdict that fails.
pub(super) fn refused() -> Verdict {
    Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None }
}

/// A row of the health log, the one that turned app-2 down.
pub(super) fn check_row(seq: u64, count: u32) -> CheckRow {
    CheckRow {
        seq,
        group: "app".parse().expect("a name"),
        backend: "app-2".parse().expect("a name"),
        address: "10.0.0.2:8080".parse().expect("an address"),
        protocol: CheckProtocol::Tcp,
        verdict: refused(),
        count,
        first_ms: AT_MS - 4_000,
        last_ms: AT_MS,
        latency_us_min: 200,
        latency_us_mean: 250,
        latency_us_max: 1_300,
        streak: 3,
        threshold: 3,
        transition: Some(Health::Down),
        health: Health::Down,
    }
}
