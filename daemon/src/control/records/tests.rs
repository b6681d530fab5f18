//! What must hold of records: a regime begins and ends once, clients' own faults make none.

use std::net::SocketAddr;

use super::*;
use crate::planned;
use crate::records::{RecordSender, ring};

const ONE: &str = "[listeners.web]\nbind = \"127.0.0.1:8080\"\nprotocol = \"http\"\ngroup = \"app\"\n[groups.app]\n";

fn rig() -> (RecordSender, Records, Plan) {
    let (sender, receiver) = ring(4);
    (sender, Records::new(vec![receiver]), planned::first(ONE))
}

fn record(plan: &Plan, cause: Cause) -> Record {
    let listener = *plan.listeners.keys().next().expect("one listener");
    Record { at_ms: 0, listener, backend: None, client: SocketAddr::from(([10, 0, 0, 9], 1_234)), cause }
}

#[test]
fn a_regime_lasts_until_nothing_has_failed_for_a_while() {
    let (mut sender, mut records, plan) = rig();
    for now_ms in [0, QUIET_MS - 1, 2 * QUIET_MS - 2] {
        sender.send(record(&plan, Cause::ConnectFailed));
        records.drain(&plan, now_ms);
        assert_eq!(records.regimes.len(), 1);
    }
    assert_eq!(records.regimes.values().next().map(|regime| regime.count), Some(3));
    records.drain(&plan, 3 * QUIET_MS - 2);
    assert!(records.regimes.is_empty());
}

#[test]
fn what_clients_do_wrong_is_no_regime() {
    let (mut sender, mut records, plan) = rig();
    for cause in [Cause::BadRequest, Cause::ClientClosed, Cause::IdleTimeout] {
        sender.send(record(&plan, cause));
    }
    records.drain(&plan, 0);
    assert!(records.regimes.is_empty());
}

#[test]
fn records_of_a_full_ring_are_counted() {
    let (mut sender, mut records, plan) = rig();
    for _ in 0..6 {
        sender.send(record(&plan, Cause::AllDown));
    }
    records.drain(&plan, 0);
    assert_eq!(records.lost_total(), 2);
    assert_eq!(records.regimes.values().next().map(|regime| regime.count), Some(4));
}
