//! Listeners as rows.

use std::collections::BTreeMap;

use poise_ipc::model::{Bind, PersistenceKind, Protocol};
use poise_ipc::name::Name;
use poise_ipc::persistence::PersistenceCounters;
use poise_ipc::status::{LatencyWindows, ListenerStatus, RuleHits, SourceCounters};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::{latency, size};
use super::figures::{by_word, causes};
use super::route::{self, RouteOfListener};

type Cell = Column<ListenerStatus>;

/// Columns of listeners.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("LISTENER", |l| l.name.to_string()),
    Cell::text("BIND", |l| l.bind.to_string()),
    Cell::text("PROTOCOL", |l| l.protocol.to_string()),
    Cell::text("GROUP", |l| l.group_word().to_owned()),
    Cell::number("OPEN", |l| l.counters.connections_open.to_string()),
    Cell::number("CONNECTIONS", |l| l.counters.connections_total.to_string()),
    Cell::number("REQUESTS", |l| l.counters.requests_total.to_string()),
    Cell::number("ERRORS", |l| l.counters.errors_total().to_string()),
    Cell::text("PERSISTENCE", |l| l.persistence.kind.to_string()).wide(),
    Cell::number("REMEMBERED", |l| l.remembered.map_or_else(|| "-".to_owned(), |r| r.entries.to_string())).wide(),
    Cell::number("MOVED", |l| l.counters.persistence.redispatched_total.to_string()).wide(),
    Cell::number("RECEIVED", |l| size(l.counters.bytes_in_total)).raw(|l| l.counters.bytes_in_total.to_string()).wide(),
    Cell::number("SENT", |l| size(l.counters.bytes_out_total)).raw(|l| l.counters.bytes_out_total.to_string()).wide(),
    Cell::text("CAUSES", |l| causes(&l.counters.causes)).wide(),
    Cell::number("HANDSHAKES", |l| l.counters.tls.handshakes_total.to_string()).wide(),
    Cell::number("RESUMED", |l| l.counters.tls.resumed_total.to_string()).wide(),
    Cell::text("TLS FAILURES", failures).wide(),
    Cell::number("DATAGRAMS IN", |l| l.counters.datagrams_in_total.to_string()).wide(),
    Cell::number("DATAGRAMS OUT", |l| l.counters.datagrams_out_total.to_string()).wide(),
    Cell::number("DROPPED", |l| l.counters.datagrams_dropped_total.to_string()).wide(),
    Cell::number("P99", |l| latency(l.latency.seconds_10.p99_us)).raw(|l| l.latency.seconds_10.p99_us.to_string()),
];

fn failures(listener: &ListenerStatus) -> String {
    let failures = listener.counters.tls.failures_total.iter().map(|(reason, number)| format!("{reason}={number}"));
    failures.collect::<Vec<_>>().join(",")
}

/// A listener in JSON.
#[derive(Serialize)]
pub(in crate::verb) struct ListenerRow<'a> {
    name: &'a Name,
    bind: &'a Bind,
    protocol: Protocol,
    group: Option<&'a Name>,
    persistence: PersistenceKind,
    counters: ListenerNumbers,
    access: &'a [RuleHits],
    remembered: Option<SourceCounters>,
    /// What persistence by cookie has counted, where the listener or a route goes by one.
    cookies: Option<&'a PersistenceCounters>,
    untracked_total: u64,
    routes: Vec<RouteOfListener<'a>>,
    latency: LatencyWindows,
}

/// Counters of a listener in JSON: the causes as an object, the sum of those that count as errors.
#[derive(Serialize)]
struct ListenerNumbers {
    connections_total: u64,
    connections_open: u64,
    requests_total: u64,
    bytes_in_total: u64,
    bytes_out_total: u64,
    errors_total: u64,
    responses_total: [u64; 5],
    datagrams_in_total: u64,
    datagrams_out_total: u64,
    datagrams_dropped_total: u64,
    flows_moved_total: u64,
    causes: BTreeMap<&'static str, u64>,
    tls: TlsNumbers,
}

/// Handshakes of a listener in JSON: the reasons of those that failed as an object.
#[derive(Serialize)]
struct TlsNumbers {
    handshakes_total: u64,
    resumed_total: u64,
    failures_total: BTreeMap<&'static str, u64>,
    handshakes_open: u64,
}

/// The JSON row of a listener.
pub(in crate::verb) fn row(listener: &ListenerStatus) -> ListenerRow<'_> {
    let counters = &listener.counters;
    ListenerRow {
        name: &listener.name,
        bind: &listener.bind,
        protocol: listener.protocol,
        group: listener.group.as_ref(),
        persistence: listener.persistence.kind,
        counters: ListenerNumbers {
            connections_total: counters.connections_total,
            connections_open: counters.connections_open,
            requests_total: counters.requests_total,
            bytes_in_total: counters.bytes_in_total,
            bytes_out_total: counters.bytes_out_total,
            errors_total: counters.errors_total(),
            responses_total: counters.responses_total,
            datagrams_in_total: counters.datagrams_in_total,
            datagrams_out_total: counters.datagrams_out_total,
            datagrams_dropped_total: counters.datagrams_dropped_total,
            flows_moved_total: counters.flows_moved_total,
            causes: by_word(&counters.causes),
            tls: TlsNumbers {
                handshakes_total: counters.tls.handshakes_total,
                resumed_total: counters.tls.resumed_total,
                failures_total: counters.tls.failures_total.iter().map(|&(why, number)| (why.word(), number)).collect(),
                handshakes_open: counters.tls.handshakes_open,
            },
        },
        access: &listener.access,
        remembered: listener.remembered,
        cookies: Some(&listener.counters.persistence).filter(|counted| !counted.is_empty()),
        untracked_total: listener.untracked_total,
        routes: listener.routes.iter().map(route::within).collect(),
        latency: listener.latency,
    }
}
