//! What the daemon says about its running state: listeners, groups, backends, health, counters,
//! and the rows of the health log.
//!
//! Totals only ever grow while an object lives; rates and shares are differences that the reader
//! makes. Times are milliseconds since the Unix epoch, spans are milliseconds or microseconds as
//! the name says.

mod tls;
mod verdict;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::advice::Finding;
use crate::cause::Cause;
use crate::model::{
    Address, AdminState, Backend, Bind, CheckProtocol, FailOpen, HealthCheck, Listener, Persistence, Protocol,
    Scheduler,
};
use crate::name::Name;
use crate::persistence::PersistenceCounters;

pub use tls::{CertificateFacts, CertificateStatus, TlsCounters, TlsFailure};

pub use self::verdict::{Phase, Reason, Verdict};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When this was taken, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The process.
    pub daemon: DaemonStatus,
    /// Number of the last commit.
    pub revision: u64,
    /// Number of the plan in force.
    pub generation: u64,
    /// Listeners by name.
    pub listeners: Vec<ListenerStatus>,
    /// Groups by name.
    pub groups: Vec<GroupStatus>,
    /// Advice on the running configuration.
    pub findings: Vec<Finding>,
    /// Certificates by name.
    pub certificates: Vec<CertificateStatus>,
}

/// The process that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Version of poised.
    pub version: String,
    /// Host name of the machine.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: u64,
    /// Worker threads of the data plane.
    pub workers: u16,
    /// The operator's file, if one is in use.
    pub config_file: Option<String>,
    /// Whether the operator's file has changed since it was last taken.
    pub drift: bool,
    /// Records of failed work that a full ring dropped.
    pub records_lost_total: u64,
}

/// A listener and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name.
    pub name: Name,
    /// Where it accepts: the real port when the configured one is 0.
    pub bind: Bind,
    /// What it speaks.
    pub protocol: Protocol,
    /// The group that receives the traffic, or what no route takes.
    pub group: Option<Name>,
    /// Its persistence.
    pub persistence: Persistence,
    /// What it has counted.
    pub counters: ListenerCounters,
    /// Its access list with what each entry has decided, in the order of the configuration.
    pub access: Vec<RuleHits>,
    /// `source` persistence: its table; absent with other persistence.
    pub remembered: Option<SourceCounters>,
    /// `http`, `https`: its routes by name, and last, without a name, what none of them takes; empty
    /// for a listener without routes.
    pub routes: Vec<RouteStatus>,
    /// Connections that were let in without counting for their address, because the table for the
    /// limits per address was full of others that are busy.
    pub untracked_total: u64,
    /// `http`: time to the first byte of responses.
    pub latency: LatencyWindows,
}

impl ListenerStatus {
    /// What the settings say, before anything was counted.
    pub fn of(name: Name, settings: &Listener) -> Self {
        Self {
            name,
            bind: settings.bind.clone(),
            protocol: settings.protocol,
            group: settings.group.clone(),
            persistence: settings.persistence.clone(),
            counters: ListenerCounters::default(),
            access: Vec::new(),
            remembered: None,
            routes: Vec::new(),
            untracked_total: 0,
            latency: LatencyWindows::default(),
        }
    }

    /// The word for its group on screens.
    pub fn group_word(&self) -> &str {
        self.group.as_ref().map_or("-", Name::as_str)
    }
}

/// A route and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// Its name; none for what stands for the listener itself.
    pub name: Option<Name>,
    /// The groups that its requests go to; none for a redirect.
    pub groups: Vec<Name>,
    /// Whether it sends clients elsewhere.
    pub redirects: bool,
    /// What it has counted.
    pub counters: RouteCounters,
}

/// Counters of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounters {
    /// Requests that it took.
    pub requests_total: u64,
    /// Bytes from clients.
    pub bytes_in_total: u64,
    /// Bytes to clients.
    pub bytes_out_total: u64,
    /// Responses of backends passed on, by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// Requests that ended badly, by cause; causes that never occurred are absent.
    pub causes: Vec<(Cause, u64)>,
}

/// An entry of an access list with what it has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHits {
    /// The network and its comment, as configured.
    pub rule: String,
    /// Whether it lets in.
    pub allow: bool,
    /// Clients that it let in or kept out.
    pub hits_total: u64,
}

/// What the table of source persistence holds and has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounters {
    /// Clients that it remembers, those included whose time is over and that nobody missed yet.
    pub entries: u64,
    /// Clients that were remembered when they came.
    pub hits_total: u64,
    /// Clients that were not.
    pub misses_total: u64,
    /// Entries that ended because nobody used them for the timeout.
    pub expired_total: u64,
    /// Entries given up before their time because the table was full.
    pub evicted_total: u64,
    /// Clients that were moved because their backend could not be used.
    pub redispatched_total: u64,
    /// Clients that were refused because their backend could not be used.
    pub refused_total: u64,
}

/// Counters of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerCounters {
    /// Connections accepted.
    pub connections_total: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// `http`: requests read.
    pub requests_total: u64,
    /// Bytes from clients.
    pub bytes_in_total: u64,
    /// Bytes to clients.
    pub bytes_out_total: u64,
    /// Connections or requests that ended badly, by cause; causes that never occurred are absent.
    pub causes: Vec<(Cause, u64)>,
    /// `http`: responses of backends passed on, by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// `udp`: datagrams from clients.
    pub datagrams_in_total: u64,
    /// `udp`: datagrams to clients.
    pub datagrams_out_total: u64,
    /// `udp`: datagrams that went nowhere: no backend, no room, no bandwidth, or refused by the kernel.
    pub datagrams_dropped_total: u64,
    /// `udp`: times that a flow left a backend which could not be used for another.
    pub flows_moved_total: u64,
    /// `http`: lines of the access log that were lost, because they came faster than they could be
    /// written or could not be written at all.
    pub access_log_dropped_total: u64,
    /// `http`, `https`: what cookie persistence has counted.
    pub persistence: PersistenceCounters,
    /// `https`: handshakes.
    pub tls: TlsCounters,
}

impl ListenerCounters {
    /// Connections and requests that failed by the backend's or poised's doing: 5xx causes, and 5xx
    /// responses that a backend gave itself.
    pub fn errors_total(&self) -> u64 {
        let failed = self.causes.iter().filter(|(cause, _)| cause.status().is_some_and(|s| s >= 500));
        failed.map(|&(_, n)| n).sum::<u64>() + self.responses_total[4]
    }
}

/// A group and its backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub name: Name,
    /// How a backend is chosen.
    pub scheduler: Scheduler,
    /// How backends are probed.
    pub health_check: HealthCheck,
    /// What happens when no backend is up.
    pub fail_open: FailOpen,
    /// Whether backends are used although all are down.
    pub failing_open: bool,
    /// Backends by name.
    pub backends: Vec<BackendStatus>,
    /// Whether the backups serve, because nobody else can.
    pub on_backups: bool,
    /// Connections and requests that wait because every backend that may be used is full, those
    /// that wait for one backend alone included.
    pub queued: u64,
    /// How long the first of them has waited, in milliseconds.
    pub queue_wait_ms: u64,
    /// `http`: time to the first byte of responses, over all its backends.
    pub latency: LatencyWindows,
}

/// A backend: what is configured, what is known, what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendStatus {
    /// The group that holds it.
    pub group: Name,
    /// Its name.
    pub name: Name,
    /// Internal id: given when added, kept by every edit.
    pub id: u64,
    /// Where it listens.
    pub address: Address,
    /// Configured weight.
    pub weight: u16,
    /// Weight after health and admin state: what the scheduler uses.
    pub effective_weight: u32,
    /// What the operator wants of it.
    pub state: AdminState,
    /// What the probes say.
    pub health: HealthStatus,
    /// What it has counted.
    pub counters: BackendCounters,
    /// Where its name leads: the last answer.
    pub resolved: Option<SocketAddr>,
    /// The address that poised speaks to it from, once known (S-08).
    pub source: Option<IpAddr>,
    /// Whether it serves only while no other backend can.
    pub backup: bool,
    /// Connections or requests that wait for it.
    pub queued: u64,
    /// Clients that source persistence binds to it.
    pub pinned_entries: u64,
    /// How far its drain has come.
    pub drain: Option<DrainStatus>,
    /// How much of its weight slow start gives it, in thousandths; absent when it has all.
    pub ramp_permille: Option<u16>,
    /// `http`: time to the first byte of responses.
    pub latency: LatencyWindows,
}

impl BackendStatus {
    /// What the settings say, before anything is known or counted.
    pub fn of(group: Name, name: Name, settings: &Backend) -> Self {
        Self {
            group,
            name,
            id: 0,
            address: settings.address.clone(),
            weight: settings.weight,
            effective_weight: 0,
            state: settings.state,
            health: HealthStatus::default(),
            counters: BackendCounters::default(),
            resolved: None,
            source: None,
            backup: settings.backup,
            queued: 0,
            pinned_entries: 0,
            drain: None,
            ramp_permille: None,
            latency: LatencyWindows::default(),
        }
    }
}

/// How far a drain has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainStatus {
    /// When it began, in milliseconds since the epoch.
    pub since_ms: u64,
    /// When its time is over, in milliseconds since the epoch.
    pub deadline_ms: u64,
    /// Connections, flows and requests still open.
    pub open: u64,
    /// Connections and requests that wait for it.
    pub queued: u64,
    /// Clients that source persistence still binds to it.
    pub pinned: u64,
    /// When it will be empty at the rate seen so far, in milliseconds since the epoch.
    pub estimated_end_ms: Option<u64>,
}

/// How the time of a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrainOutcome {
    /// Nothing is left at the backend.
    Empty,
    /// Its time was over before that.
    Deadline,
}

/// Whether a backend can serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It passed its checks.
    Up,
    /// It failed its checks.
    Down,
    /// No verdict yet: eligible, and the first verdict decides at once.
    #[default]
    Unknown,
}

impl Health {
    /// The word for logs and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Health of one backend with the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStatus {
    /// Up, down or unknown.
    pub health: Health,
    /// When it last changed, in milliseconds since the epoch; 0 before the first verdict.
    pub since_ms: u64,
    /// Equal verdicts in a row, the last one included.
    pub streak: u32,
    /// Changes of health within the last ten minutes.
    pub transitions_10min: u32,
    /// The last verdict.
    pub last: Option<LastVerdict>,
}

/// The newest verdict on a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it said.
    pub verdict: Verdict,
    /// How long the probe took, in microseconds.
    pub latency_us: u64,
}

/// Counters of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendCounters {
    /// `tcp`: connections, `http`: requests that the scheduler or persistence gave to it.
    pub picks_total: u64,
    /// Those of them that persistence decided.
    pub pinned_total: u64,
    /// Connections that poised opened to it.
    pub connections_total: u64,
    /// Connections to it that are open now, idle ones of the pools included.
    pub connections_open: u64,
    /// `tcp`: connections, `http`: requests it is working on.
    pub inflight: u64,
    /// `http`: responses by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// Dials that failed.
    pub connect_failures_total: u64,
    /// Connections or requests that failed after it was reached.
    pub failures_total: u64,
    /// Bytes sent to it.
    pub bytes_out_total: u64,
    /// Bytes received from it.
    pub bytes_in_total: u64,
    /// Time to the first byte of a response over the last seconds, median, in microseconds; 0 if
    /// there was none.
    pub latency_p50_us: u64,
    /// The same, 99th percentile.
    pub latency_p99_us: u64,
}

/// Time to the first byte of responses, over windows that end now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyWindows {
    /// The last 10 s.
    pub seconds_10: Quantiles,
    /// The last minute.
    pub minute_1: Quantiles,
    /// The last 10 minutes.
    pub minutes_10: Quantiles,
}

/// Quantiles of a window, in microseconds, each up to 6 % high; 0 without requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Responses in the window.
    pub count: u64,
    /// Median.
    pub p50_us: u64,
    /// 90th percentile.
    pub p90_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// Slowest.
    pub max_us: u64,
}

/// A row of the health log: equal verdicts in a row on one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Number of the row; a row that grows keeps it.
    pub seq: u64,
    /// The backend's group.
    pub group: Name,
    /// The backend's name.
    pub backend: Name,
    /// What was probed.
    pub address: Address,
    /// What the probe spoke.
    pub protocol: CheckProtocol,
    /// What it found.
    pub verdict: Verdict,
    /// How many probes in a row found it.
    pub count: u32,
    /// The first of them, in milliseconds since the epoch.
    pub first_ms: u64,
    /// The last of them.
    pub last_ms: u64,
    /// Fastest, in microseconds.
    pub latency_us_min: u64,
    /// Mean.
    pub latency_us_mean: u64,
    /// Slowest.
    pub latency_us_max: u64,
    /// Equal verdicts in a row up to and including this row.
    pub streak: u32,
    /// Verdicts in a row that change the health: rise or fall.
    pub threshold: u16,
    /// The health that this row's last verdict brought about.
    pub transition: Option<Health>,
}
