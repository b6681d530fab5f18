//! Backends as rows.
//!
//! Weight, effective weight, admin state and health stand apart, as the daemon keeps them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use poise_ipc::model::{Address, AdminState};
use poise_ipc::name::Name;
use poise_ipc::status::{
    BackendCounters, BackendStatus, DampingStatus, DrainStatus, EjectionStatus, Health, HealthStatus, LatencyWindows,
};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::{latency, moment, size};
use super::super::when::now_ms;
use super::check::{LastCheck, last_check};
use super::figures::{by_word, causes};

type Cell = Column<BackendStatus>;

/// Columns of backends.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("BACKEND", |b| format!("{}/{}", b.group, b.name)),
    Cell::text("ADDRESS", place).raw(|b| b.address.to_string()),
    Cell::text("STATE", |b| b.state.to_string()),
    Cell::text("HEALTH", health).raw(|b| b.health.health.to_string()),
    Cell::number("WEIGHT", |b| b.weight.to_string()),
    Cell::number("EFFECTIVE", |b| b.effective_weight.to_string()),
    Cell::number("INFLIGHT", |b| b.counters.inflight.to_string()),
    Cell::number("PICKS", |b| b.counters.picks_total.to_string()),
    Cell::number("FAILURES", |b| b.counters.failures_total.to_string()),
    Cell::number("P99", |b| latency(b.counters.latency_p99_us)).raw(|b| b.counters.latency_p99_us.to_string()),
    Cell::text("SINCE", |b| moment(b.health.since_ms)).wide(),
    Cell::text("LAST CHECK", |b| b.health.last.as_ref().map_or_else(dash, |last| last.verdict.to_string())).wide(),
    Cell::number("CHECK TIME", |b| latency(check_us(b))).raw(|b| check_us(b).to_string()).wide(),
    Cell::number("PINNED", |b| b.counters.pinned_total.to_string()).wide(),
    Cell::number("OPEN", |b| b.counters.connections_open.to_string()).wide(),
    Cell::number("CONNECTIONS", |b| b.counters.connections_total.to_string()).wide(),
    Cell::number("UNREACHED", |b| b.counters.connect_failures_total.to_string()).wide(),
    Cell::number("5XX", |b| b.counters.responses_total[4].to_string()).wide(),
    Cell::number("SENT", |b| size(b.counters.bytes_out_total)).raw(|b| b.counters.bytes_out_total.to_string()).wide(),
    Cell::number("RECEIVED", |b| size(b.counters.bytes_in_total)).raw(|b| b.counters.bytes_in_total.to_string()).wide(),
    Cell::text("RESOLVED", |b| b.resolved.map_or_else(dash, |address| address.to_string())).wide(),
    Cell::number("QUEUED", |b| b.queued.to_string()).wide(),
    Cell::number("ENTRIES", |b| b.pinned_entries.to_string()).wide(),
    Cell::text("BACKUP", |b| if b.backup { "yes" } else { "no" }.to_owned()).wide(),
    Cell::number("RAMP", |b| b.ramp_permille.map_or_else(dash, |permille| format!("{} %", permille / 10)))
        .raw(|b| b.ramp_permille.map_or_else(dash, |permille| permille.to_string()))
        .wide(),
    Cell::text("CAUSES", |b| causes(&b.counters.causes)).wide(),
];

/// Up, down or unknown, and why traffic goes by something else.
fn health(backend: &BackendStatus) -> String {
    let HealthStatus { health, kept, carried, damping, ejection, .. } = &backend.health;
    let damped = damping.is_some_and(|damping| damping.until_ms.is_some());
    let words = [(damped, "damped"), (*kept, "kept"), (*carried, "carried over")];
    let ejected = ejection.filter(|ejection| ejection.active).map(|ejection| {
        let left_ms = ejection.until_ms.saturating_sub(now_ms());
        format!("ejected {} s", left_ms.div_ceil(1_000))
    });
    let words = words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| (*word).to_owned());
    let words: Vec<_> = ejected.into_iter().chain(words).collect();
    if words.is_empty() { health.to_string() } else { format!("{health} ({})", words.join(", ")) }
}

/// The address as configured, and where its name leads.
fn place(backend: &BackendStatus) -> String {
    match backend.resolved {
        Some(address) => format!("{} ({})", backend.address, address.ip()),
        None => backend.address.to_string(),
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn check_us(backend: &BackendStatus) -> u64 {
    backend.health.last.as_ref().map_or(0, |last| last.latency_us)
}

/// A backend in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct BackendRow<'a> {
    group: &'a Name,
    name: &'a Name,
    address: &'a Address,
    weight: u16,
    effective_weight: u32,
    state: AdminState,
    health: Health,
    health_since_ms: u64,
    health_streak: u32,
    health_threshold: u16,
    transitions_10min: u32,
    /// It is usable only because `min_usable` wants so many.
    kept: bool,
    /// Its health is that of before a restart.
    carried: bool,
    damping: Option<DampingStatus>,
    ejection: Option<EjectionStatus>,
    last_check: Option<LastCheck>,
    id: u64,
    backup: bool,
    resolved: Option<SocketAddr>,
    source: Option<IpAddr>,
    queued: u64,
    pinned_entries: u64,
    drain: Option<&'a DrainStatus>,
    ramp_permille: Option<u16>,
    counters: BackendNumbers,
    latency: LatencyWindows,
}

/// Counters of a backend in JSON: the causes as an object.
#[derive(Serialize)]
struct BackendNumbers {
    picks_total: u64,
    pinned_total: u64,
    connections_total: u64,
    connections_open: u64,
    inflight: u64,
    responses_total: [u64; 5],
    connect_failures_total: u64,
    failures_total: u64,
    bytes_out_total: u64,
    bytes_in_total: u64,
    latency_p50_us: u64,
    latency_p99_us: u64,
    causes: BTreeMap<&'static str, u64>,
}

impl From<&BackendCounters> for BackendNumbers {
    fn from(counters: &BackendCounters) -> Self {
        Self {
            picks_total: counters.picks_total,
            pinned_total: counters.pinned_total,
            connections_total: counters.connections_total,
            connections_open: counters.connections_open,
            inflight: counters.inflight,
            responses_total: counters.responses_total,
            connect_failures_total: counters.connect_failures_total,
            failures_total: counters.failures_total,
            bytes_out_total: counters.bytes_out_total,
            bytes_in_total: counters.bytes_in_total,
            latency_p50_us: counters.latency_p50_us,
            latency_p99_us: counters.latency_p99_us,
            causes: by_word(&counters.causes),
        }
    }
}

/// The JSON row of a backend.
pub(in crate::verb) fn row(backend: &BackendStatus) -> BackendRow<'_> {
    BackendRow {
        group: &backend.group,
        name: &backend.name,
        address: &backend.address,
        weight: backend.weight,
        effective_weight: backend.effective_weight,
        state: backend.state,
        health: backend.health.health,
        health_since_ms: backend.health.since_ms,
        health_streak: backend.health.streak,
        health_threshold: backend.health.threshold,
        transitions_10min: backend.health.transitions_10min,
        kept: backend.health.kept,
        carried: backend.health.carried,
        damping: backend.health.damping,
        ejection: backend.health.ejection,
        last_check: backend.health.last.as_ref().map(last_check),
        id: backend.id,
        backup: backend.backup,
        resolved: backend.resolved,
        source: backend.source,
        queued: backend.queued,
        pinned_entries: backend.pinned_entries,
        drain: backend.drain.as_ref(),
        ramp_permille: backend.ramp_permille,
        counters: (&backend.counters).into(),
        latency: backend.latency,
    }
}
