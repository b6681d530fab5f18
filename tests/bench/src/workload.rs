//! The workloads: what clients and backends do, who is measured, and in which unit.
//!
//! A workload is one case or more; a case is measured in lanes, each lane being a proxy in one
//! configuration. Tables only; carried out by `round`.

use crate::backend;
use crate::load::{self, Pace};
use crate::options::Options;
use crate::proxy::{Programs, Proxy};

/// Names and meanings, in the order of the report.
pub(crate) const NAMES: [(&str, &str); 23] = [
    ("tcp-bulk", "4 connections take bytes as fast as they come"),
    ("tcp-connections", "32 clients: connect, exchange 128 bytes, close"),
    ("tcp-small", "64 connections exchange 128 bytes, one exchange in flight each"),
    ("tcp-idle", "memory of 4,000 idle pairs, after one exchange over each"),
    ("udp-single", "64 clients, one datagram of 64 bytes in flight each"),
    ("udp-batched", "16 clients, 32 datagrams of 64 bytes in flight each"),
    ("udp-large", "8 clients: datagrams of 1,200 bytes, 16 in flight each; of 8 KiB, one in flight each"),
    ("backends-1000", "tcp-connections with 1,000 backends over 4, under wrr and wlc; poised only"),
    ("http-keepalive", "64 connections, one request in flight each"),
    ("http-512", "512 connections, one request in flight each"),
    ("http-connections", "32 clients: connect, one request that says close, until the end"),
    ("http-128k", "16 connections, bodies of 128 KiB"),
    ("http-1000", "http-keepalive over 1,000 backends"),
    ("http-cookie", "http-keepalive with cookies, persistence off and on"),
    ("http-idle", "memory of 4,000 idle client connections, after one request over each"),
    ("latency-2000", "2,000 requests a second over 16 connections: latency added to that of the backends alone"),
    ("latency-10000", "10,000 requests a second over 32 connections, likewise"),
    ("https-keepalive", "http-keepalive over TLS 1.3"),
    ("https-full", "16 clients: connect, full handshake, one request, until the end"),
    ("https-resumed", "https-full, but each handshake takes up the client's last session"),
    ("https-128k", "http-128k over TLS 1.3"),
    ("https-idle", "http-idle over TLS 1.3"),
    ("h2", "8 connections of TLS 1.3, 32 streams in flight each; HTTP/1 to the backends"),
];

/// Idle pairs of `tcp-idle` and its kin.
pub(crate) const IDLE_PAIRS: usize = 4_000;
/// Open files that idle pairs need: two per pair, and what else a proxy has open.
pub(crate) const IDLE_FILES: u64 = IDLE_PAIRS as u64 * 5 / 2 + 1_000;
/// Backends of most cases.
const BACKENDS_FEW: usize = 4;
/// Backends of the cases with many.
const BACKENDS_MANY: usize = 1_000;

/// What a proxy listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Connections.
    Tcp,
    /// Requests.
    Http,
    /// Requests over TLS, HTTP/2 where the client offers it.
    Https,
    /// Datagrams.
    Udp,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quantity {
    /// CPU time of the proxy in microseconds, per so many of what the load counts.
    CpuPer(f64),
    /// Memory of the proxy in bytes, per idle pair.
    MemoryPerPair,
    /// Latency in microseconds over that of the lane without a proxy, at the percentile of this
    /// index in a tally.
    LatencyAdded(usize),
}

/// One thing to measure.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name in the report.
    pub(crate) title: String,
    /// What is measured.
    pub(crate) quantity: Quantity,
    /// What one unit is called.
    pub(crate) unit: &'static str,
    /// What proxies listen for.
    pub(crate) service: Service,
    /// What backends do.
    pub(crate) backend: backend::Kind,
    /// What clients do.
    pub(crate) load: load::Kind,
    /// How many clients.
    pub(crate) clients: usize,
    /// How many backends, where the lanes do not say otherwise.
    pub(crate) backends: usize,
    /// Whether clients take up sessions of TLS.
    pub(crate) resume: bool,
    /// Who is measured.
    pub(crate) lanes: Vec<Lane>,
}

/// A proxy in one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    /// Its name in the report.
    pub(crate) label: String,
    /// The proxy.
    pub(crate) proxy: Proxy,
    /// How many backends it has.
    pub(crate) backends: usize,
    /// poised's scheduler.
    pub(crate) scheduler: &'static str,
    /// Whether it binds clients by a cookie.
    pub(crate) cookies: bool,
    /// The lane that this one is compared with.
    pub(crate) base: Option<usize>,
}

/// The cases that the options ask for.
pub(crate) fn cases(options: &Options, programs: &Programs) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in &options.workloads {
        cases.extend(of_workload(name));
    }
    for case in &mut cases {
        let peers: Vec<_> = options.peers.iter().copied().filter(|peer| programs.has(*peer)).collect();
        if case.lanes.is_empty() {
            case.lanes = beside(&peers, case);
        } else {
            // Lanes that a case names keep their bases: those are of the same proxy.
            case.lanes.retain(|lane| lane.proxy.is_always_there() || peers.contains(&lane.proxy));
        }
    }
    cases
}

fn of_workload(name: &str) -> Vec<Case> {
    match name.split_once('-') {
        Some(("tcp" | "backends", _)) => of_tcp(name),
        Some(("udp", _)) => of_udp(name),
        Some(("http" | "latency", _)) => of_http(name),
        _ => of_tls(name),
    }
}

fn of_tcp(name: &str) -> Vec<Case> {
    let connections = Case { unit: "connection", ..tcp(name, backend::Kind::Once, exchanges(Pace::Reconnect), 32) };
    let case = match name {
        "tcp-bulk" => Case {
            quantity: Quantity::CpuPer(1e6),
            unit: "MB",
            ..tcp(name, backend::Kind::Source, load::Kind::Bulk, 4)
        },
        "tcp-connections" => connections,
        "tcp-small" => tcp(name, backend::Kind::Echo, exchanges(Pace::Repeat), 64),
        "tcp-idle" => Case {
            quantity: Quantity::MemoryPerPair,
            unit: "pair",
            ..tcp(name, backend::Kind::Echo, exchanges(Pace::Rest), IDLE_PAIRS)
        },
        "backends-1000" => Case { lanes: few_and_many(), ..connections },
        _ => return Vec::new(),
    };
    vec![case]
}

fn of_udp(name: &str) -> Vec<Case> {
    match name {
        "udp-single" => vec![udp(name, 64, 1, 64)],
        "udp-batched" => vec![udp(name, 16, 32, 64)],
        "udp-large" => vec![udp("udp-large 1,200 B", 8, 16, 1_200), udp("udp-large 8 KiB", 8, 1, 8_192)],
        _ => Vec::new(),
    }
}

fn of_http(name: &str) -> Vec<Case> {
    let repeat = |clients| http(name, requests(Pace::Repeat), clients);
    match name {
        "http-keepalive" => vec![repeat(64)],
        "http-512" => vec![repeat(512)],
        "http-connections" => {
            vec![Case { unit: "connection", ..http(name, requests(Pace::Reconnect), 32) }]
        }
        "http-128k" => vec![large(repeat(16))],
        "http-1000" => vec![Case { backends: BACKENDS_MANY, ..repeat(64) }],
        "http-cookie" => {
            let load = load::Kind::Http { pace: Pace::Repeat, body_bytes: backend::BODY.len(), cookies: true };
            vec![Case { load, lanes: off_and_on(), ..repeat(64) }]
        }
        "http-idle" => vec![idle(http(name, requests(Pace::Rest), IDLE_PAIRS))],
        "latency-2000" => latency(name, 2_000, 16),
        "latency-10000" => latency(name, 10_000, 32),
        _ => Vec::new(),
    }
}

fn of_tls(name: &str) -> Vec<Case> {
    let https = |load, clients| Case { service: Service::Https, ..http(name, load, clients) };
    let case = match name {
        "https-keepalive" => https(requests(Pace::Repeat), 64),
        "https-full" => Case { unit: "connection", ..https(requests(Pace::Reconnect), 16) },
        "https-resumed" => Case { unit: "connection", resume: true, ..https(requests(Pace::Reconnect), 16) },
        "https-128k" => large(https(requests(Pace::Repeat), 16)),
        "https-idle" => idle(https(requests(Pace::Rest), IDLE_PAIRS)),
        "h2" => https(load::Kind::Streams { window: 32 }, 8),
        _ => return Vec::new(),
    };
    vec![case]
}

const fn exchanges(pace: Pace) -> load::Kind {
    load::Kind::Exchanges(pace)
}

const fn requests(pace: Pace) -> load::Kind {
    load::Kind::Http { pace, body_bytes: backend::BODY.len(), cookies: false }
}

fn tcp(title: &str, backend: backend::Kind, load: load::Kind, clients: usize) -> Case {
    Case {
        title: title.into(),
        quantity: Quantity::CpuPer(1.0),
        unit: "exchange",
        service: Service::Tcp,
        backend,
        load,
        clients,
        backends: BACKENDS_FEW,
        resume: false,
        lanes: Vec::new(),
    }
}

fn udp(title: &str, clients: usize, window: usize, size_bytes: usize) -> Case {
    let load = load::Kind::Datagrams { window, size_bytes };
    Case { unit: "round trip", service: Service::Udp, ..tcp(title, backend::Kind::Datagrams, load, clients) }
}

fn http(title: &str, load: load::Kind, clients: usize) -> Case {
    Case { unit: "request", service: Service::Http, ..tcp(title, backend::Kind::Http, load, clients) }
}

/// The same with large bodies.
fn large(case: Case) -> Case {
    let load = load::Kind::Http { pace: Pace::Repeat, body_bytes: backend::BODY_LARGE_BYTES, cookies: false };
    Case { backend: backend::Kind::HttpLarge, load, ..case }
}

fn idle(case: Case) -> Case {
    Case { quantity: Quantity::MemoryPerPair, unit: "connection", ..case }
}

/// The same load twice: once for the median, once for the 99th percentile.
fn latency(name: &str, per_s: u32, clients: usize) -> Vec<Case> {
    let of = |(at, percentile): (usize, &str)| {
        let title = format!("{name} {percentile}");
        let case = http(&title, requests(Pace::Rate { per_s }), clients);
        Case { quantity: Quantity::LatencyAdded(at), ..case }
    };
    ["p50", "p99"].into_iter().enumerate().map(of).collect()
}

/// poised, and each peer compared with it; before them no proxy at all, where latency is measured.
fn beside(peers: &[Proxy], case: &Case) -> Vec<Lane> {
    let direct = matches!(case.quantity, Quantity::LatencyAdded(_)).then_some(Proxy::Direct);
    let ours = usize::from(direct.is_some());
    let peers = peers.iter().copied().filter(|peer| peer.takes(case.service));
    let proxies = direct.into_iter().chain([Proxy::Poised]).chain(peers).enumerate();
    proxies
        .map(|(at, proxy)| Lane {
            base: (at > ours).then_some(ours),
            ..lane(proxy.name().into(), proxy, case.backends)
        })
        .collect()
}

fn lane(label: String, proxy: Proxy, backends: usize) -> Lane {
    Lane { label, proxy, backends, scheduler: "rr", cookies: false, base: None }
}

/// poised with few and with many backends, the many compared with the few.
fn few_and_many() -> Vec<Lane> {
    let lane = |scheduler, backends, base| Lane {
        scheduler,
        base,
        ..lane(format!("{scheduler} {backends}"), Proxy::Poised, backends)
    };
    vec![
        lane("wrr", BACKENDS_FEW, None),
        lane("wrr", BACKENDS_MANY, Some(0)),
        lane("wlc", BACKENDS_FEW, None),
        lane("wlc", BACKENDS_MANY, Some(2)),
    ]
}

/// poised and `HAProxy` without and with persistence, each compared with itself; nginx has none.
fn off_and_on() -> Vec<Lane> {
    let lane = |proxy: Proxy, cookies: bool, base| {
        let label = format!("{} {}", proxy.name(), if cookies { "on" } else { "off" });
        Lane { cookies, base, ..lane(label, proxy, BACKENDS_FEW) }
    };
    vec![
        lane(Proxy::Poised, false, None),
        lane(Proxy::Poised, true, Some(0)),
        lane(Proxy::Haproxy, false, None),
        lane(Proxy::Haproxy, true, Some(2)),
    ]
}

#[cfg(test)]
mod tests;
