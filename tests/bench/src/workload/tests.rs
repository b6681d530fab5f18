//! The tables are whole: every name has cases, every lane a base that exists.

use super::{Lane, NAMES, beside, of_workload};
use crate::proxy::Proxy;

fn lanes_of(name: &str) -> Vec<Lane> {
    beside(&Proxy::PEERS, &of_workload(name)[0])
}

#[test]
fn every_name_has_a_case() {
    for (name, _) in NAMES {
        let cases = of_workload(name);
        assert!(!cases.is_empty() && cases.iter().all(|case| case.title.starts_with(name)), "{name}");
    }
    assert!(of_workload("nothing").is_empty());
}

#[test]
fn a_base_stands_before_what_is_compared_with_it() {
    let named = ["backends-1000", "http-cookie"].map(|name| of_workload(name)[0].lanes.clone());
    for lanes in named.into_iter().chain(["tcp-small", "latency-2000"].map(lanes_of)) {
        assert_eq!(lanes.len(), 4);
        assert!(lanes.iter().enumerate().all(|(at, lane)| lane.base.is_none_or(|base| base < at)));
    }
}

#[test]
fn peers_are_measured_only_at_what_they_do() {
    let labels = |name| lanes_of(name).into_iter().map(|lane| lane.label).collect::<Vec<_>>();
    assert_eq!(labels("tcp-small"), ["poised", "haproxy", "haproxy-splice", "nginx"]);
    assert_eq!(labels("https-full"), ["poised", "haproxy", "nginx"]);
    assert_eq!(labels("latency-2000"), ["direct", "poised", "haproxy", "nginx"]);
    assert_eq!(labels("udp-single"), ["poised", "nginx"]);
}
