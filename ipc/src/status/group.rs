//! Groups and their backends: what they are set to, what is known of them and what they have
//! counted.
//!
//! Counters are sums over the workers of the daemon; rates and shares are the reader's to make.
//! Part of [`Status`](super::Status).

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{HealthStatus, LatencyWindows};
use crate::cause::Cause;
use crate::model::{Address, AdminState, Backend, FailOpen, HealthCheck, Scheduler};
use crate::name::Name;

/// A group and its backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub name: Name,
    /// How a backend is chosen.
    pub scheduler: Scheduler,
    /// How backends are probed.
    pub health_check: HealthCheck,
    /// What happens when too few backends are usable.
    pub fail_open: FailOpen,
    /// Whether that is so.
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
    /// What it has counted.
    pub counters: GroupCounters,
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
    /// Weight before health and slow start: the configured one, or that of a lease or ramp.
    pub weight: u16,
    /// Weight after health and admin state: what the scheduler uses.
    pub effective_weight: u32,
    /// What the operator wants of it now: as configured, or as a lease has it.
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
    /// What is configured, where a lease or ramp has another weight or state in force.
    #[serde(default)]
    pub configured: Option<Configured>,
}

/// What is configured of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// Its weight.
    pub weight: u16,
    /// Its admin state.
    pub state: AdminState,
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
            configured: None,
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
    /// Connections or requests given to it that ended badly, by cause; causes that never occurred
    /// are absent.
    pub causes: Vec<(Cause, u64)>,
}

/// Counters of a group: sums over its backends, those included that have been removed, and what
/// never reached one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCounters {
    /// `tcp`: connections, `udp`: flows, `http`: requests that came for it, whatever became of them.
    pub requests_total: u64,
    /// Connections that poised opened to its backends.
    pub connections_total: u64,
    /// Those of them that are open now, idle ones of the pools included.
    pub connections_open: u64,
    /// `tcp`: connections, `http`: requests that its backends are working on.
    pub inflight: u64,
    /// `http`: responses by class, 1xx to 5xx.
    pub responses_total: [u64; 5],
    /// Bytes sent to its backends.
    pub bytes_out_total: u64,
    /// Bytes received from them.
    pub bytes_in_total: u64,
    /// What ended badly, by cause, at a backend or before one was chosen; causes that never occurred
    /// are absent.
    pub causes: Vec<(Cause, u64)>,
}

impl GroupCounters {
    /// Adds what was counted of the same group elsewhere. What is open is not added.
    pub fn join(&mut self, other: &Self) {
        self.requests_total += other.requests_total;
        self.connections_total += other.connections_total;
        for (sum, count) in self.responses_total.iter_mut().zip(other.responses_total) {
            *sum += count;
        }
        self.bytes_out_total += other.bytes_out_total;
        self.bytes_in_total += other.bytes_in_total;
        for &(cause, count) in &other.causes {
            self.ended(cause, count);
        }
    }

    /// Adds what a backend counted. What came is counted by the group alone: a request may be given
    /// to more than one backend.
    pub fn add(&mut self, backend: &BackendCounters) {
        self.connections_total += backend.connections_total;
        self.connections_open += backend.connections_open;
        self.inflight += backend.inflight;
        for (sum, count) in self.responses_total.iter_mut().zip(backend.responses_total) {
            *sum += count;
        }
        self.bytes_out_total += backend.bytes_out_total;
        self.bytes_in_total += backend.bytes_in_total;
        backend.causes.iter().for_each(|&(cause, count)| self.ended(cause, count));
    }

    /// Adds ends by a cause.
    pub fn ended(&mut self, cause: Cause, count: u64) {
        match self.causes.binary_search_by_key(&(cause as usize), |(known, _)| *known as usize) {
            Ok(at) => self.causes[at].1 += count,
            Err(at) => self.causes.insert(at, (cause, count)),
        }
    }
}
