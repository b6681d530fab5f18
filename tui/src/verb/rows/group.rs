//! Groups as rows.
//!
//! A row counts its backends; the backends themselves are rows of their own.

use std::collections::BTreeMap;

use poise_ipc::model::{Amount, FailOpenUse, FailOpenWhen, HealthCheck, Scheduler};
use poise_ipc::name::Name;
use poise_ipc::status::{GroupCounters, GroupStatus, Health, LatencyWindows};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::{latency, size, span};
use super::figures::{by_word, causes};

type Cell = Column<GroupStatus>;

/// Columns of groups.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("GROUP", |g| g.name.to_string()),
    Cell::text("SCHEDULER", |g| g.scheduler.to_string()),
    Cell::text("CHECK", |g| g.health_check.protocol.to_string()),
    Cell::number("BACKENDS", |g| g.backends.len().to_string()),
    Cell::number("UP", |g| count(g, Health::Up).to_string()),
    Cell::number("DOWN", |g| count(g, Health::Down).to_string()),
    Cell::text("FAIL-OPEN", |g| if g.failing_open { "active".to_owned() } else { g.fail_open.when.to_string() }),
    Cell::number("INTERVAL", |g| span(g.health_check.interval_ms.into()))
        .raw(|g| g.health_check.interval_ms.to_string())
        .wide(),
    Cell::number("TIMEOUT", |g| span(g.health_check.timeout_ms.into()))
        .raw(|g| g.health_check.timeout_ms.to_string())
        .wide(),
    Cell::text("ON BACKUPS", |g| if g.on_backups { "yes" } else { "no" }.to_owned()).wide(),
    Cell::number("QUEUED", |g| g.queued.to_string()).wide(),
    Cell::number("WAIT", |g| span(g.queue_wait_ms)).raw(|g| g.queue_wait_ms.to_string()).wide(),
    Cell::number("RISE", |g| g.health_check.rise.to_string()).wide(),
    Cell::number("FALL", |g| g.health_check.fall.to_string()).wide(),
    Cell::number("REQUESTS", |g| g.counters.requests_total.to_string()),
    Cell::number("P99", |g| latency(g.latency.seconds_10.p99_us)).raw(|g| g.latency.seconds_10.p99_us.to_string()),
    Cell::number("SENT", |g| size(g.counters.bytes_out_total)).raw(|g| g.counters.bytes_out_total.to_string()).wide(),
    Cell::number("RECEIVED", |g| size(g.counters.bytes_in_total)).raw(|g| g.counters.bytes_in_total.to_string()).wide(),
    Cell::text("CAUSES", |g| causes(&g.counters.causes)).wide(),
];

fn count(group: &GroupStatus, health: Health) -> usize {
    group.backends.iter().filter(|backend| backend.health.health == health).count()
}

/// A group in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct GroupRow<'a> {
    name: &'a Name,
    scheduler: Scheduler,
    health_check: &'a HealthCheck,
    fail_open: FailOpenWhen,
    fail_open_below: Amount,
    fail_open_use: FailOpenUse,
    failing_open: bool,
    on_backups: bool,
    backends: usize,
    backends_up: usize,
    backends_down: usize,
    queued: u64,
    queue_wait_ms: u64,
    counters: GroupNumbers,
    latency: LatencyWindows,
}

/// Counters of a group in JSON: the causes as an object.
#[derive(Serialize)]
struct GroupNumbers {
    requests_total: u64,
    connections_total: u64,
    connections_open: u64,
    inflight: u64,
    responses_total: [u64; 5],
    bytes_out_total: u64,
    bytes_in_total: u64,
    causes: BTreeMap<&'static str, u64>,
}

impl From<&GroupCounters> for GroupNumbers {
    fn from(counters: &GroupCounters) -> Self {
        Self {
            requests_total: counters.requests_total,
            connections_total: counters.connections_total,
            connections_open: counters.connections_open,
            inflight: counters.inflight,
            responses_total: counters.responses_total,
            bytes_out_total: counters.bytes_out_total,
            bytes_in_total: counters.bytes_in_total,
            causes: by_word(&counters.causes),
        }
    }
}

/// The JSON row of a group.
pub(in crate::verb) fn row(group: &GroupStatus) -> GroupRow<'_> {
    GroupRow {
        name: &group.name,
        scheduler: group.scheduler,
        health_check: &group.health_check,
        fail_open: group.fail_open.when,
        fail_open_below: group.fail_open.below,
        fail_open_use: group.fail_open.using,
        failing_open: group.failing_open,
        on_backups: group.on_backups,
        backends: group.backends.len(),
        backends_up: count(group, Health::Up),
        backends_down: count(group, Health::Down),
        queued: group.queued,
        queue_wait_ms: group.queue_wait_ms,
        counters: (&group.counters).into(),
        latency: group.latency,
    }
}
