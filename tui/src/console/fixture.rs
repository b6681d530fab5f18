//! A daemon's words for tests: two groups, twelve backends in every condition, two listeners, some
//! traffic and a health log. Always the same.

mod changes;
mod health;
mod traffic;

use std::net::SocketAddr;

use poise_ipc::advice::{Finding, Severity};
use poise_ipc::cause::Cause;
use poise_ipc::errors::ErrorPage;
use poise_ipc::message::{
    Applied, BackendMoved, Counters, Event, EventBody, GroupMoved, ListenerMoved, Reply, Role, RouteMoved,
    ServerMessage, Welcome,
};
use poise_ipc::model::{AdminState, Backend, CheckProtocol, FailOpen, HealthCheck, Listener, Protocol, Scheduler};
use poise_ipc::name::Name;
use poise_ipc::status::{
    BackendCounters, BackendStatus, CertificateFacts, CertificateStatus, CheckRow, DaemonStatus, DrainStatus,
    GroupCounters, GroupStatus, Health, HealthStatus, LastVerdict, LatencyWindows, ListenerCounters, ListenerStatus,
    Phase, Phases, Reason, RecorderStatus, Status, Verdict,
};

pub(super) use self::changes::{aftermath, balance, commits, forecast, layer, window};
pub(super) use self::health::{probed, was};
pub(super) use self::traffic::error_rows;
use self::traffic::{routes, windows};
use super::key::Key;
use super::msg::{Effect, Msg};
use super::state::State;
use super::update::update;

/// 2026-11-22 14:02:00 UTC.
pub(super) const NOW_MS: u64 = 1_795_356_120_000;

/// Name, weight, admin state, health, changes within ten minutes, requests per second.
type Spec = (&'static str, u16, AdminState, Health, u32, u64);

const APP: [Spec; 7] = [
    ("app-1", 100, AdminState::Enabled, Health::Up, 0, 30),
    ("app-2", 100, AdminState::Enabled, Health::Up, 0, 29),
    ("app-3", 100, AdminState::Draining, Health::Up, 0, 1),
    ("app-4", 50, AdminState::Enabled, Health::Up, 6, 10),
    ("app-5", 100, AdminState::Disabled, Health::Unknown, 0, 0),
    ("app-6", 50, AdminState::Enabled, Health::Down, 1, 0),
    ("app-7", 1, AdminState::Enabled, Health::Unknown, 0, 0),
];
const STATIC: [Spec; 5] = [
    ("static-1", 100, AdminState::Enabled, Health::Up, 0, 50),
    ("static-2", 100, AdminState::Enabled, Health::Up, 0, 51),
    ("static-3", 0, AdminState::Enabled, Health::Up, 0, 0),
    ("static-4", 300, AdminState::Enabled, Health::Up, 0, 149),
    ("static-5", 100, AdminState::Enabled, Health::Up, 0, 50),
];

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a fixed name is valid")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a fixed address is valid")
}

fn backend(group: &str, number: u8, spec: Spec, seconds: u64) -> BackendStatus {
    let (backend, weight, state, health, changes, rps) = spec;
    let fit = state == AdminState::Enabled && health != Health::Down;
    let verdict = match health {
        Health::Down => Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None },
        _ => Verdict::Pass { code: Some(200) },
    };
    let last = LastVerdict { at_ms: NOW_MS - 800, verdict, latency_us: 38_000, phases: Phases::default() };
    let base = if group == "app" { 0 } else { 100 };
    let settings = Backend { weight, state, ..Backend::new(address(&format!("10.0.{}.{number}:8080", base / 100))) };
    BackendStatus {
        id: base + u64::from(number),
        effective_weight: if fit { u32::from(weight) } else { 0 },
        health: HealthStatus {
            health,
            since_ms: if health == Health::Unknown { 0 } else { NOW_MS - 1_320_000 },
            streak: 41,
            transitions_10min: changes,
            last: (health != Health::Unknown).then_some(last),
            threshold: 3,
            ..HealthStatus::default()
        },
        counters: BackendCounters {
            picks_total: rps * seconds,
            pinned_total: rps * seconds / 3,
            connections_open: rps / 10,
            inflight: rps / 20,
            responses_total: [0, rps * seconds, 0, seconds / 7, 0],
            connect_failures_total: if health == Health::Down { 12 } else { 0 },
            latency_p99_us: if rps == 0 { 0 } else { 40_000 + rps * 100 },
            ..BackendCounters::default()
        },
        latency: windows(rps * seconds),
        drain: state.is_draining().then_some(DrainStatus {
            since_ms: NOW_MS - 50_000,
            deadline_ms: NOW_MS + 250_000,
            open: 12,
            queued: 0,
            pinned: 40,
            estimated_end_ms: Some(NOW_MS + 130_000),
        }),
        ..BackendStatus::of(name(group), name(backend), &settings)
    }
}

fn group(text: &str, scheduler: Scheduler, specs: &[Spec], seconds: u64) -> GroupStatus {
    GroupStatus {
        name: name(text),
        scheduler,
        health_check: HealthCheck {
            protocol: CheckProtocol::Http,
            path: "/healthz".to_owned(),
            ..HealthCheck::default()
        },
        fail_open: FailOpen::default(),
        failing_open: false,
        queued: 0,
        queue_wait_ms: 0,
        latency: windows(10 * seconds),
        counters: GroupCounters {
            requests_total: 10 * seconds,
            causes: vec![(Cause::AllDown, 2)],
            ..GroupCounters::default()
        },
        backends: (1..).zip(specs).map(|(number, spec)| backend(text, number, *spec, seconds)).collect(),
        on_backups: false,
    }
}

fn listener(text: &str, bind: &str, protocol: Protocol, group: &str, total: u64) -> ListenerStatus {
    let counters = ListenerCounters {
        connections_total: total,
        connections_open: 18,
        requests_total: total,
        bytes_in_total: total * 500,
        bytes_out_total: total * 20_000,
        causes: Vec::new(),
        responses_total: [0, total, 0, 0, 0],
        ..ListenerCounters::default()
    };
    let settings = Listener::new(address(bind), protocol, name(group));
    let latency = if protocol.is_http() { windows(total) } else { LatencyWindows::default() };
    let routes = if protocol.is_http() { routes(total) } else { Vec::new() };
    ListenerStatus { counters, latency, routes, ..ListenerStatus::of(name(text), &settings) }
}

fn certificate(text: &str, days_left: i64, error: Option<&str>) -> CertificateStatus {
    let facts = CertificateFacts {
        subject: format!("{text}.example"),
        names: vec![format!("{text}.example"), format!("*.{text}.example")],
        issuer: "Example CA".to_owned(),
        serial: "01:02".to_owned(),
        not_before_ms: 0,
        not_after_ms: 0,
        key_type: "ECDSA P-256".to_owned(),
    };
    CertificateStatus {
        name: name(text),
        chain: format!("/etc/{text}.pem"),
        facts: Some(facts),
        days_left: Some(days_left),
        loaded_ms: NOW_MS,
        error: error.map(str::to_owned),
        listeners: vec![name("api-80")],
        notes: Vec::new(),
    }
}

/// A configuration with the listener that is first on Overview.
const CONFIG: &str = r#"
[listeners.api-80]
bind = "0.0.0.0:80"
protocol = "http"
group = "app"
limits = { connections_max = 20000, bandwidth_out = "2.5Gbit/s" }
access = { deny = ["203.0.113.0/24 scanners"] }

[groups.app]
health_check = { protocol = "http", path = "/healthz" }
slow_start = "30s"
"#;

/// The state as a whole, `seconds` after traffic began.
pub(super) fn status(revision: u64, seconds: u64) -> Status {
    let finding = Finding {
        code: "interval-beyond-reference".to_owned(),
        severity: Severity::Warning,
        subject: "groups.static.health_check.interval".to_owned(),
        message: "probes every 100 ms load the backends".to_owned(),
        remedy: "1 s to 50 s are usual".to_owned(),
    };
    Status {
        at_ms: NOW_MS + seconds * 1_000,
        daemon: DaemonStatus {
            version: "0.1.0".to_owned(),
            host: "lb01".to_owned(),
            pid: 4711,
            started_ms: NOW_MS - 86_400_000,
            workers: 2,
            config_file: Some("/etc/poise/poise.toml".to_owned()),
            drift: false,
            records_lost_total: 0,
            read_only: false,
            predecessors: Vec::new(),
        },
        revision,
        generation: revision + 3,
        listeners: vec![
            listener("api-80", "0.0.0.0:80", Protocol::Http, "app", 70 * seconds),
            listener("db-5432", "10.0.0.9:5432", Protocol::Tcp, "static", 300 * seconds),
        ],
        groups: vec![group("app", Scheduler::Wrr, &APP, seconds), group("static", Scheduler::Wlc, &STATIC, seconds)],
        findings: vec![finding],
        certificates: vec![
            certificate("site", 12, None),
            certificate("old", 1, Some("read /etc/old.pem: Permission denied")),
        ],
        recorder: RecorderStatus::default(),
        hook: None,
        window: None,
        layers: Vec::new(),
        layers_ended: Vec::new(),
    }
}

fn routes_moved(listener: &ListenerStatus) -> impl Iterator<Item = RouteMoved> {
    listener.routes.iter().map(|route| RouteMoved {
        listener: listener.name.clone(),
        route: route.name.clone(),
        counters: route.counters.clone(),
        latency: route.latency,
    })
}

/// Counters that moved, `seconds` after traffic began.
pub(super) fn counters(seconds: u64) -> Counters {
    let status = status(0, seconds);
    let moved = |b: BackendStatus| BackendMoved {
        group: b.group,
        name: b.name,
        effective_weight: b.effective_weight,
        health: b.health,
        counters: b.counters,
        drain: b.drain,
        pinned_entries: b.pinned_entries,
        queued: b.queued,
        latency: b.latency,
    };
    let group_moved =
        |g: &GroupStatus| GroupMoved { name: g.name.clone(), counters: g.counters.clone(), latency: g.latency };
    let routes = status.listeners.iter().flat_map(routes_moved).collect();
    Counters {
        listeners: status
            .listeners
            .into_iter()
            .map(|l| ListenerMoved { name: l.name, counters: l.counters, latency: l.latency })
            .collect(),
        groups: status.groups.iter().map(group_moved).collect(),
        routes,
        backends: status.groups.into_iter().flat_map(|g| g.backends).map(moved).collect(),
    }
}

/// A row of the health log.
pub(super) fn check_row(seq: u64, backend: &str, passed: bool, count: u32) -> CheckRow {
    let verdict = if passed {
        Verdict::Pass { code: Some(200) }
    } else {
        Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(503) }
    };
    let first_ms = NOW_MS - 600_000 + seq * 2_000;
    CheckRow {
        seq,
        group: name("app"),
        backend: name(backend),
        address: address("10.0.0.4:8080").into(),
        protocol: CheckProtocol::Http,
        verdict,
        count,
        first_ms,
        last_ms: first_ms + u64::from(count.saturating_sub(1)) * 2_000,
        latency_us_min: 37_000,
        latency_us_mean: 38_000,
        latency_us_max: if passed { 38_000 } else { 305_000 },
        streak: if passed { 41 } else { 2 },
        threshold: 3,
        transition: None,
        health: Health::Up,
    }
}

/// A log with a backend that goes down and comes up again.
pub(super) fn log_rows() -> Vec<CheckRow> {
    let mut rows =
        vec![check_row(1, "app-4", true, 41), check_row(2, "app-1", true, 250), check_row(3, "app-4", false, 1)];
    let mut down = check_row(4, "app-4", false, 3);
    down.transition = Some(Health::Down);
    let mut up = check_row(5, "app-4", true, 3);
    (up.streak, up.transition) = (3, Some(Health::Up));
    rows.extend([down, up, check_row(6, "app-6", false, 12)]);
    rows
}

/// An event of the daemon.
pub(super) fn event(at_ms: u64, body: EventBody) -> Msg {
    Msg::Server(Box::new(ServerMessage::Event(Event { seq: 0, at_ms, body })))
}

/// The greeting of the daemon.
pub(super) fn connected(role: Role) -> Msg {
    Msg::Connected(Box::new(Welcome {
        version: "0.1.0".to_owned(),
        host: "lb01".to_owned(),
        role,
        user: "ops".to_owned(),
        daemon_id: "d1".to_owned(),
        revision: 412,
    }))
}

/// A console under test with the effects that nobody carried out yet.
pub(super) struct Bench {
    pub state: State,
    pub now_ms: u64,
    pub effects: Vec<Effect>,
}

impl Bench {
    /// A console that has just started.
    pub(super) fn new(size: (u16, u16)) -> Self {
        Self { state: State::new(size, false, jiff::tz::TimeZone::UTC), now_ms: 1_000, effects: Vec::new() }
    }

    /// A console with thirty seconds of traffic behind it.
    pub(super) fn live(size: (u16, u16)) -> Self {
        let mut bench = Self::new(size);
        bench.tell(connected(Role::Operate));
        bench.tell(event(NOW_MS, EventBody::Snapshot(Box::new(status(412, 0)))));
        bench.tell(Msg::DraftLoaded(None));
        for seconds in 1..=30 {
            bench.now_ms += 1_000;
            bench.tell(event(NOW_MS + seconds * 1_000, EventBody::Counters(counters(seconds))));
        }
        bench.answer();
        bench.effects.clear();
        bench
    }

    /// Gives the rows of the log, or the configuration, to whoever asked for it.
    pub(super) fn answer(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            let Effect::Send(request) = effect else { continue };
            if let poise_ipc::message::Verb::Errors(query) = &request.verb {
                let rows = error_rows().into_iter().filter(|row| row.seq > query.after_seq).collect();
                self.reply(request.id, Reply::Errors(ErrorPage { rows, skipped_total: 0 }));
            } else if request.verb == poise_ipc::message::Verb::Config {
                let config = poise_ipc::text::parse(CONFIG).expect("the fixture is valid");
                self.reply(request.id, Reply::Config { revision: 412, config });
            } else if let poise_ipc::message::Verb::Plan(query) = &request.verb {
                self.reply(request.id, Reply::Plan(Box::new(forecast(query))));
            } else if let poise_ipc::message::Verb::Balance(query) = &request.verb {
                self.reply(request.id, Reply::Balance(Box::new(balance(query))));
            } else if let poise_ipc::message::Verb::Aftermath { revision } = request.verb {
                self.reply(request.id, Reply::Aftermath(Box::new(aftermath(revision.unwrap_or(412)))));
            } else if let poise_ipc::message::Verb::History { before, .. } = request.verb {
                let commits =
                    commits().into_iter().filter(|commit| before.is_none_or(|at| commit.revision < at)).collect();
                self.reply(request.id, Reply::History { commits });
            } else if let poise_ipc::message::Verb::ConfigAt { revision } = request.verb {
                self.reply(request.id, Reply::ConfigText { revision, text: CONFIG.to_owned() });
            } else if let poise_ipc::message::Verb::Why(_) = request.verb {
                self.reply(request.id, Reply::Why(Box::new(was())));
            } else if let poise_ipc::message::Verb::Probe(_) = request.verb {
                self.reply(request.id, Reply::Probed(Box::new(probed())));
            } else if let poise_ipc::message::Verb::Logs(query) = request.verb {
                let rows = log_rows().into_iter().filter(|row| query.filter.takes(row)).collect();
                self.reply(request.id, Reply::Logs { rows, lost_total: 0, recorder: RecorderStatus::default() });
            }
        }
    }

    pub(super) fn tell(&mut self, msg: Msg) {
        let effects = update(&mut self.state, self.now_ms, msg);
        self.effects.extend(effects);
    }

    pub(super) fn reply(&mut self, id: u64, reply: Reply) {
        self.tell(Msg::Server(Box::new(ServerMessage::Reply { id, reply })));
    }

    /// Presses keys by name, separated by blanks, long enough apart for every dialog.
    pub(super) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.tell(Msg::Painted);
            self.now_ms += 400;
            let key: Key = key.parse().expect("a key's name");
            self.tell(Msg::Key(key));
        }
    }

    /// The commits that were sent, with the ids of their requests.
    pub(super) fn sent_commits(&self) -> Vec<(u64, poise_ipc::message::Apply)> {
        let commit = |effect: &Effect| match effect {
            Effect::Send(request) => match &request.verb {
                poise_ipc::message::Verb::Apply(apply) => Some((request.id, apply.clone())),
                _ => None,
            },
            _ => None,
        };
        self.effects.iter().filter_map(commit).collect()
    }

    /// Says that the last commit was made as `revision`.
    pub(super) fn applied(&mut self, revision: u64) {
        let (id, apply) = self.sent_commits().pop().expect("a commit was sent");
        self.reply(id, Reply::Applied(Applied { revision, changed: true, edits: apply.edits, window: None }));
    }
}
