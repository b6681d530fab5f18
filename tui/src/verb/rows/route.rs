//! Routes as rows: those of every listener that has some, and what none of them takes.

use std::collections::BTreeMap;

use poise_ipc::name::Name;
use poise_ipc::persistence::PersistenceCounters;
use poise_ipc::status::{LatencyWindows, ListenerStatus, RouteStatus};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::{latency, size};
use super::figures::{by_word, causes};

/// A route with its listener.
#[derive(Clone)]
pub(in crate::verb) struct Routed {
    listener: Name,
    route: RouteStatus,
}

/// The routes of listeners, in the order of both names, each with what none of them takes last.
pub(in crate::verb) fn of(listeners: &[ListenerStatus]) -> Vec<Routed> {
    let routed = |listener: &ListenerStatus| {
        let name = listener.name.clone();
        listener.routes.clone().into_iter().map(move |route| Routed { listener: name.clone(), route })
    };
    listeners.iter().flat_map(routed).collect()
}

/// How a route is named: `listener/route`, or `listener/-` for what none takes.
pub(in crate::verb) fn name(routed: &Routed) -> String {
    format!("{}/{}", routed.listener, routed.route.name.as_ref().map_or("-", Name::as_str))
}

/// The path of its settings; of what none takes, the listener's.
pub(in crate::verb) fn path(routed: &Routed) -> String {
    match &routed.route.name {
        Some(name) => format!("listeners.{}.routes.{name}", routed.listener),
        None => format!("listeners.{}", routed.listener),
    }
}

type Cell = Column<Routed>;

/// Columns of routes.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("ROUTE", name),
    Cell::text("TO", |r| r.route.leads()),
    Cell::number("REQUESTS", |r| r.route.counters.requests_total.to_string()),
    Cell::number("OPEN", |r| r.route.counters.inflight.to_string()),
    Cell::number("2XX", |r| r.route.counters.responses_total[1].to_string()),
    Cell::number("3XX", |r| r.route.counters.responses_total[2].to_string()),
    Cell::number("4XX", |r| r.route.counters.responses_total[3].to_string()),
    Cell::number("5XX", |r| r.route.counters.responses_total[4].to_string()),
    Cell::text("CAUSES", |r| {
        if r.route.counters.causes.is_empty() { "-".to_owned() } else { causes(&r.route.counters.causes) }
    }),
    Cell::number("KEPT", |r| r.route.counters.persistence.kept_total.to_string()).wide(),
    Cell::number("MOVED", |r| r.route.counters.persistence.redispatched_total.to_string()).wide(),
    Cell::number("RECEIVED", |r| size(r.route.counters.bytes_in_total))
        .raw(|r| r.route.counters.bytes_in_total.to_string())
        .wide(),
    Cell::number("SENT", |r| size(r.route.counters.bytes_out_total))
        .raw(|r| r.route.counters.bytes_out_total.to_string())
        .wide(),
    Cell::number("P99", |r| latency(p99_us(r))).raw(|r| p99_us(r).to_string()),
    Cell::text("TAKES", |r| r.route.takes()),
];

fn p99_us(routed: &Routed) -> u64 {
    routed.route.latency.seconds_10.p99_us
}

/// A route in JSON; `name` is null for what no route takes.
#[derive(Serialize)]
pub(in crate::verb) struct RouteRow<'a> {
    listener: &'a Name,
    #[serde(flatten)]
    of_listener: RouteOfListener<'a>,
}

/// A route within its listener.
#[derive(Serialize)]
pub(in crate::verb) struct RouteOfListener<'a> {
    name: Option<&'a Name>,
    groups: &'a [Name],
    redirects: bool,
    requests_total: u64,
    inflight: u64,
    responses_total: [u64; 5],
    bytes_in_total: u64,
    bytes_out_total: u64,
    causes: BTreeMap<&'static str, u64>,
    /// What persistence by cookie has counted, where the route goes by one.
    cookies: Option<&'a PersistenceCounters>,
    takes: String,
    leads: String,
    latency: LatencyWindows,
}

/// The JSON row of a route.
pub(in crate::verb) fn row(routed: &Routed) -> RouteRow<'_> {
    RouteRow { listener: &routed.listener, of_listener: within(&routed.route) }
}

/// The JSON of a route within its listener.
pub(in crate::verb) fn within(route: &RouteStatus) -> RouteOfListener<'_> {
    let counters = &route.counters;
    RouteOfListener {
        name: route.name.as_ref(),
        groups: &route.groups,
        redirects: route.redirects,
        requests_total: counters.requests_total,
        inflight: counters.inflight,
        responses_total: counters.responses_total,
        bytes_in_total: counters.bytes_in_total,
        bytes_out_total: counters.bytes_out_total,
        causes: by_word(&counters.causes),
        takes: route.takes(),
        leads: route.leads(),
        latency: route.latency,
        cookies: Some(&counters.persistence).filter(|counted| !counted.is_empty()),
    }
}
