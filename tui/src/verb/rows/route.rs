//! Routes as rows: those of every listener that has some, and what none of them takes.

use std::collections::BTreeMap;

use poise_ipc::name::Name;
use poise_ipc::persistence::PersistenceCounters;
use poise_ipc::status::{ListenerStatus, RouteStatus};
use serde::Serialize;

use super::super::format::Column;
use super::super::text::size;

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

type Cell = Column<Routed>;

/// Columns of routes.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("ROUTE", name),
    Cell::text("TO", to),
    Cell::number("REQUESTS", |r| r.route.counters.requests_total.to_string()),
    Cell::number("2XX", |r| r.route.counters.responses_total[1].to_string()),
    Cell::number("3XX", |r| r.route.counters.responses_total[2].to_string()),
    Cell::number("4XX", |r| r.route.counters.responses_total[3].to_string()),
    Cell::number("5XX", |r| r.route.counters.responses_total[4].to_string()),
    Cell::text("CAUSES", causes),
    Cell::number("KEPT", |r| r.route.counters.persistence.kept_total.to_string()).wide(),
    Cell::number("MOVED", |r| r.route.counters.persistence.redispatched_total.to_string()).wide(),
    Cell::number("RECEIVED", |r| size(r.route.counters.bytes_in_total))
        .raw(|r| r.route.counters.bytes_in_total.to_string())
        .wide(),
    Cell::number("SENT", |r| size(r.route.counters.bytes_out_total))
        .raw(|r| r.route.counters.bytes_out_total.to_string())
        .wide(),
];

fn to(routed: &Routed) -> String {
    let groups: Vec<_> = routed.route.groups.iter().map(Name::as_str).collect();
    match (routed.route.redirects, groups.is_empty()) {
        (true, _) => "redirect".to_owned(),
        (false, true) => "-".to_owned(),
        (false, false) => groups.join(","),
    }
}

fn causes(routed: &Routed) -> String {
    let causes = routed.route.counters.causes.iter().map(|(cause, number)| format!("{cause}={number}"));
    let causes: Vec<_> = causes.collect();
    if causes.is_empty() { "-".to_owned() } else { causes.join(",") }
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
    responses_total: [u64; 5],
    bytes_in_total: u64,
    bytes_out_total: u64,
    causes: BTreeMap<&'static str, u64>,
    /// What persistence by cookie has counted, where the route goes by one.
    cookies: Option<&'a PersistenceCounters>,
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
        responses_total: counters.responses_total,
        bytes_in_total: counters.bytes_in_total,
        bytes_out_total: counters.bytes_out_total,
        causes: counters.causes.iter().map(|&(cause, number)| (cause.word(), number)).collect(),
        cookies: Some(&counters.persistence).filter(|counted| !counted.is_empty()),
    }
}
