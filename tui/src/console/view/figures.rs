//! The dialog with the figures of one object, brought up to date while it is open: latency by window,
//! what came, what it moved, and what ended badly.
//!
//! The same table of latency stands on the card of wide terminals. It counts nothing: the daemon does.

use poise_ipc::cause::Cause;
use poise_ipc::name::Name;
use poise_ipc::persistence::PersistenceCounters;
use poise_ipc::status::{BackendStatus, GroupStatus, LatencyWindows, ListenerStatus, Quantiles, RouteStatus};

use super::number::{count, latency};
use super::theme::Role;
use crate::console::state::model::Model;
use crate::console::state::overlay::Object;

/// A line with its look.
type Line = (String, Role);

/// The lines about an object; a sentence when it is gone.
pub(super) fn lines(object: &Object, model: &Model) -> Vec<Line> {
    let listener = |name: &Name| model.status().listeners.iter().find(|listener| listener.name == *name);
    let found = match object {
        Object::Listener(name) => listener(name).map(of_listener),
        Object::Route(name, route) => {
            let found = listener(name).and_then(|listener| listener.routes.iter().find(|r| r.name == *route));
            found.map(of_route)
        }
        Object::Backend(id) => model.backend(*id).map(|(group, backend)| {
            let mut lines = of_backend(backend);
            lines.push((String::new(), Role::Plain));
            lines.push((format!("group {}", group.name), Role::Accent));
            lines.extend(of_group(group));
            lines
        }),
    };
    found.unwrap_or_else(|| vec![("it is no longer configured".to_owned(), Role::Warn)])
}

/// What the dialog is about.
pub(super) fn title(object: &Object, model: Option<&Model>) -> String {
    match object {
        Object::Listener(name) => format!("figures of listener {name}"),
        Object::Route(listener, Some(route)) => format!("figures of route {listener}/{route}"),
        Object::Route(listener, None) => format!("figures of {listener}: no route took it"),
        Object::Backend(id) => match model.and_then(|model| model.backend(*id)) {
            Some((group, backend)) => format!("figures of backend {}/{}", group.name, backend.name),
            None => "figures of a backend".to_owned(),
        },
    }
}

/// The table of latency: a head and a line for each window.
pub(super) fn latency_lines(windows: &LatencyWindows) -> [Line; 4] {
    let row = |name: &str, window: &Quantiles| {
        let Quantiles { count, p50_us, p90_us, p99_us, max_us } = *window;
        let cells = [p50_us, p90_us, p99_us, max_us].map(latency).map(|text| format!("{text:>7}")).concat();
        let line = format!("  {name:<8}{cells} {:>9}", self::count(count));
        (line, if count == 0 { Role::Muted } else { Role::Plain })
    };
    [
        ("latency ms    p50    p90    p99    max responses".to_owned(), Role::Muted),
        row("10 s", &windows.seconds_10),
        row("1 min", &windows.minute_1),
        row("10 min", &windows.minutes_10),
    ]
}

fn of_listener(listener: &ListenerStatus) -> Vec<Line> {
    let counters = &listener.counters;
    let mut lines = latency_lines(&listener.latency).to_vec();
    let connections = format!("{} open, {} accepted", counters.connections_open, counters.connections_total);
    lines.push(value("connections", &connections));
    if listener.protocol.is_http() {
        lines.push(value("requests", &counters.requests_total.to_string()));
        lines.push(responses(counters.responses_total));
    }
    lines.push(moved("from clients", counters.bytes_in_total, "to clients", counters.bytes_out_total));
    lines.extend(cookies(&counters.persistence));
    lines.extend(causes(&counters.causes));
    lines
}

fn of_route(route: &RouteStatus) -> Vec<Line> {
    let counters = &route.counters;
    let mut lines =
        vec![value("takes", &crate::safe::line(&route.takes())), value("leads to", &crate::safe::line(&route.leads()))];
    lines.extend(latency_lines(&route.latency));
    lines.push(value("requests", &format!("{} came, {} open", counters.requests_total, counters.inflight)));
    lines.push(responses(counters.responses_total));
    lines.push(moved("from clients", counters.bytes_in_total, "to clients", counters.bytes_out_total));
    lines.extend(cookies(&counters.persistence));
    lines.extend(causes(&counters.causes));
    lines
}

fn of_group(group: &GroupStatus) -> Vec<Line> {
    let counters = &group.counters;
    let mut lines = latency_lines(&group.latency).to_vec();
    let came = format!("{} came, {} in flight, {} queued", counters.requests_total, counters.inflight, group.queued);
    lines.push(value("requests", &came));
    let connections = format!("{} open, {} opened", counters.connections_open, counters.connections_total);
    lines.push(value("connections", &connections));
    lines.push(responses(counters.responses_total));
    lines.push(moved("to backends", counters.bytes_out_total, "from backends", counters.bytes_in_total));
    lines.extend(causes(&counters.causes));
    lines
}

fn of_backend(backend: &BackendStatus) -> Vec<Line> {
    let counters = &backend.counters;
    let mut lines = latency_lines(&backend.latency).to_vec();
    let given = format!("{} given, {} in flight, {} queued", counters.picks_total, counters.inflight, backend.queued);
    lines.push(value("requests", &given));
    let connections = format!(
        "{} open, {} opened, {} failed dials",
        counters.connections_open, counters.connections_total, counters.connect_failures_total
    );
    lines.push(value("connections", &connections));
    lines.push(responses(counters.responses_total));
    lines.push(moved("to it", counters.bytes_out_total, "from it", counters.bytes_in_total));
    lines.extend(causes(&counters.causes));
    lines
}

fn value(name: &str, text: &str) -> Line {
    (format!("{name:<14}{text}"), Role::Plain)
}

fn responses(classes: [u64; 5]) -> Line {
    let [_, two, three, four, five] = classes.map(count);
    value("responses", &format!("2xx {two}  3xx {three}  4xx {four}  5xx {five}"))
}

fn moved(first: &str, first_bytes: u64, second: &str, second_bytes: u64) -> Line {
    value("bytes", &format!("{} {first}, {} {second}", count(first_bytes), count(second_bytes)))
}

/// What persistence by cookie has done, where anything goes by one.
fn cookies(counted: &PersistenceCounters) -> Option<Line> {
    let PersistenceCounters { new_total, kept_total, redispatched_total, refused_total, .. } = *counted;
    let text = format!("{new_total} new, {kept_total} kept, {redispatched_total} moved, {refused_total} refused");
    (!counted.is_empty()).then(|| value("cookies", &text))
}

/// What ended badly, the most frequent first.
fn causes(causes: &[(Cause, u64)]) -> Vec<Line> {
    if causes.is_empty() {
        return vec![value("ended badly", "nothing")];
    }
    let mut causes = causes.to_vec();
    causes.sort_by_key(|&(cause, count)| (std::cmp::Reverse(count), cause.word()));
    let head = (0..).zip(causes).map(|(at, (cause, count))| {
        let name = if at == 0 { "ended badly" } else { "" };
        let status = cause.status().map_or_else(String::new, |status| format!(" ({status})"));
        (format!("{name:<14}{count:>8}  {}{status}", cause.word()), Role::Warn)
    });
    head.collect()
}
