//! Verdicts and rows of the health log.
//!
//! A verdict is flat in JSON: whether it passed, how far the probe came, what went wrong, the code.

use poise_ipc::model::{Address, CheckProtocol};
use poise_ipc::name::Name;
use poise_ipc::status::{CheckRow, Health, LastVerdict, Phase, Reason, Verdict};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::{latency, moment};

type Cell = Column<CheckRow>;

/// Columns of the health log.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("LAST", |r| moment(r.last_ms)),
    Cell::text("BACKEND", |r| format!("{}/{}", r.group, r.backend)),
    Cell::text("CHECK", |r| format!("{} {}", r.protocol, r.address)),
    Cell::text("VERDICT", |r| r.verdict.to_string()),
    Cell::number("TIME", |r| latency(r.latency_us_mean)).raw(|r| r.latency_us_mean.to_string()),
    Cell::number("COUNT", |r| r.count.to_string()),
    Cell::number("STREAK", |r| format!("{}/{}", r.streak, r.threshold)).raw(|r| r.streak.to_string()),
    Cell::text("HEALTH", |r| r.transition.map_or_else(String::new, |to| format!("-> {to}")))
        .raw(|r| r.transition.map_or_else(String::new, |to| to.to_string())),
    Cell::text("FIRST", |r| moment(r.first_ms)).wide(),
    Cell::number("FASTEST", |r| latency(r.latency_us_min)).raw(|r| r.latency_us_min.to_string()).wide(),
    Cell::number("SLOWEST", |r| latency(r.latency_us_max)).raw(|r| r.latency_us_max.to_string()).wide(),
    Cell::number("ROW", |r| r.seq.to_string()).wide(),
];

/// A verdict in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct VerdictRow {
    passed: bool,
    verdict: String,
    phase: Option<Phase>,
    reason: Option<Reason>,
    code: Option<u16>,
}

impl From<&Verdict> for VerdictRow {
    fn from(verdict: &Verdict) -> Self {
        let (phase, reason) = match verdict {
            Verdict::Pass { .. } | Verdict::Silent => (None, None),
            Verdict::Fail { phase, reason, .. } => (Some(*phase), Some(*reason)),
        };
        Self { passed: verdict.passed(), verdict: verdict.to_string(), phase, reason, code: verdict.code() }
    }
}

/// The newest verdict on a backend in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct LastCheck {
    at_ms: u64,
    #[serde(flatten)]
    verdict: VerdictRow,
    latency_us: u64,
}

/// The JSON form of the newest verdict.
pub(in crate::verb) fn last_check(last: &LastVerdict) -> LastCheck {
    LastCheck { at_ms: last.at_ms, verdict: (&last.verdict).into(), latency_us: last.latency_us }
}

/// A row of the health log in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct LogRow<'a> {
    seq: u64,
    at: String,
    group: &'a Name,
    backend: &'a Name,
    address: &'a Address,
    protocol: CheckProtocol,
    #[serde(flatten)]
    verdict: VerdictRow,
    count: u32,
    first_ms: u64,
    last_ms: u64,
    latency_us_min: u64,
    latency_us_mean: u64,
    latency_us_max: u64,
    streak: u32,
    threshold: u16,
    transition: Option<Health>,
    health: Health,
}

/// The JSON row of a row of the health log.
pub(in crate::verb) fn row(row: &CheckRow) -> LogRow<'_> {
    LogRow {
        seq: row.seq,
        at: moment(row.last_ms),
        group: &row.group,
        backend: &row.backend,
        address: &row.address,
        protocol: row.protocol,
        verdict: (&row.verdict).into(),
        count: row.count,
        first_ms: row.first_ms,
        last_ms: row.last_ms,
        latency_us_min: row.latency_us_min,
        latency_us_mean: row.latency_us_mean,
        latency_us_max: row.latency_us_max,
        streak: row.streak,
        threshold: row.threshold,
        transition: row.transition,
        health: row.health,
    }
}
