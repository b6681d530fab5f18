//! The tables are whole: every name has cases, every lane a base that exists.

use super::{NAMES, Service, beside, of_workload};
use crate::proxy::Proxy;

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
    for lanes in [of_workload("backends-1000")[0].lanes.clone(), beside(Proxy::PEERS.into_iter(), Service::Tcp)] {
        assert_eq!(lanes.len(), 4);
        assert!(lanes.iter().enumerate().all(|(at, lane)| lane.base.is_none_or(|base| base < at)));
    }
}

#[test]
fn peers_are_measured_only_at_what_they_do() {
    let labels = |service| beside(Proxy::PEERS.into_iter(), service).into_iter().map(|l| l.label).collect::<Vec<_>>();
    assert_eq!(labels(Service::Tcp), ["poised", "haproxy", "haproxy-splice", "nginx"]);
    assert_eq!(labels(Service::Http), ["poised", "haproxy", "nginx"]);
    assert_eq!(labels(Service::Udp), ["poised", "nginx"]);
}
