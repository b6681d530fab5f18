//! The workloads: what clients and backends do, who is measured, and in which unit.
//!
//! A workload is one case or more; a case is measured in lanes, each lane being a proxy in one
//! configuration. Tables only; carried out by `round`.

use crate::backend;
use crate::load;
use crate::options::Options;
use crate::proxy::{Programs, Proxy};

/// Names and meanings, in the order of the report.
pub(crate) const NAMES: [(&str, &str); 9] = [
    ("tcp-bulk", "4 connections take bytes as fast as they come"),
    ("tcp-connections", "32 clients: connect, exchange 128 bytes, close"),
    ("tcp-small", "64 connections exchange 128 bytes, one exchange in flight each"),
    ("tcp-idle", "memory of 4,000 idle pairs, after one exchange over each"),
    ("udp-single", "64 clients, one datagram of 64 bytes in flight each"),
    ("udp-batched", "16 clients, 32 datagrams of 64 bytes in flight each"),
    ("udp-large", "8 clients: datagrams of 1,200 bytes, 16 in flight each; of 8 KiB, one in flight each"),
    ("backends-1000", "tcp-connections with 1,000 backends over 4, under wrr and wlc; poised only"),
    ("http-keepalive", "64 connections, one request in flight each"),
];

/// Idle pairs of `tcp-idle`.
pub(crate) const IDLE_PAIRS: usize = 4_000;
/// Open files that `tcp-idle` needs: two per pair, and what else a proxy has open.
pub(crate) const IDLE_FILES: u64 = IDLE_PAIRS as u64 * 5 / 2 + 1_000;
/// Backends of most cases.
const BACKENDS_FEW: usize = 4;
/// Backends of the case with many.
const BACKENDS_MANY: usize = 1_000;

/// What a proxy listens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Connections.
    Tcp,
    /// Requests.
    Http,
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
        if case.lanes.is_empty() {
            let peers = options.peers.iter().copied().filter(|peer| programs.has(*peer));
            case.lanes = beside(peers, case.service);
        }
    }
    cases
}

fn of_workload(name: &str) -> Vec<Case> {
    match name {
        "tcp-bulk" => vec![Case {
            quantity: Quantity::CpuPer(1e6),
            unit: "MB",
            ..tcp(name, backend::Kind::Source, load::Kind::Bulk, 4)
        }],
        "tcp-connections" => {
            vec![Case { unit: "connection", ..tcp(name, backend::Kind::Once, load::Kind::Connections, 32) }]
        }
        "tcp-small" => vec![tcp(name, backend::Kind::Echo, load::Kind::Exchanges, 64)],
        "tcp-idle" => vec![Case {
            quantity: Quantity::MemoryPerPair,
            unit: "pair",
            ..tcp(name, backend::Kind::Echo, load::Kind::Idle, IDLE_PAIRS)
        }],
        "udp-single" => vec![udp(name, 64, 1, 64)],
        "udp-batched" => vec![udp(name, 16, 32, 64)],
        "udp-large" => vec![udp("udp-large 1,200 B", 8, 16, 1_200), udp("udp-large 8 KiB", 8, 1, 8_192)],
        "backends-1000" => vec![Case {
            unit: "connection",
            lanes: few_and_many(),
            ..tcp(name, backend::Kind::Once, load::Kind::Connections, 32)
        }],
        "http-keepalive" => vec![Case {
            unit: "request",
            service: Service::Http,
            ..tcp(name, backend::Kind::Http, load::Kind::Requests, 64)
        }],
        _ => Vec::new(),
    }
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
        lanes: Vec::new(),
    }
}

fn udp(title: &str, clients: usize, window: usize, size_bytes: usize) -> Case {
    let load = load::Kind::Datagrams { window, size_bytes };
    Case { unit: "round trip", service: Service::Udp, ..tcp(title, backend::Kind::Datagrams, load, clients) }
}

/// poised, and each peer compared with it.
fn beside(peers: impl Iterator<Item = Proxy>, service: Service) -> Vec<Lane> {
    let lane =
        |proxy: Proxy, base| Lane { label: proxy.name().into(), proxy, backends: BACKENDS_FEW, scheduler: "rr", base };
    let peers = peers.filter(|peer| peer.takes(service)).map(|peer| lane(peer, Some(0)));
    [lane(Proxy::Poised, None)].into_iter().chain(peers).collect()
}

/// poised with few and with many backends, the many compared with the few.
fn few_and_many() -> Vec<Lane> {
    let lane = |scheduler, backends, base| Lane {
        label: format!("{scheduler} {backends}"),
        proxy: Proxy::Poised,
        backends,
        scheduler,
        base,
    };
    vec![
        lane("wrr", BACKENDS_FEW, None),
        lane("wrr", BACKENDS_MANY, Some(0)),
        lane("wlc", BACKENDS_FEW, None),
        lane("wlc", BACKENDS_MANY, Some(2)),
    ]
}

#[cfg(test)]
mod tests;
