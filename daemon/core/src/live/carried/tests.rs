//! Totals go on where an earlier process stood.

use poise_ipc::cause::Cause;

use super::*;
use crate::live::UnderWay;

#[test]
fn what_was_counted_before_is_in_the_totals_once_however_often_it_is_told() {
    let live = BackendLive::new(2, &std::sync::Arc::default());
    live.worker(1).picks.add(5);
    let before = BackendCounters {
        picks_total: 100,
        responses_total: [0, 7, 0, 0, 1],
        connections_open: 3,
        causes: vec![(Cause::ConnectFailed, 2)],
        ..BackendCounters::default()
    };
    live.carry(&before);
    live.carry(&BackendCounters { picks_total: 101, ..before.clone() });
    live.carry(&before);
    let totals = live.totals();
    assert_eq!((totals.picks_total, totals.responses_total, totals.connections_open), (106, [0, 7, 0, 0, 1], 0));
    assert_eq!(totals.causes, [(Cause::ConnectFailed, 2)]);
}

#[test]
fn requests_that_are_under_way_elsewhere_are_not_under_way_here() {
    let live = std::sync::Arc::new(RouteLive::new(1));
    live.carry(&RouteCounters { requests_total: 9, inflight: 4, ..RouteCounters::default() });
    let own = UnderWay::begin(&live, 0);
    assert_eq!((live.totals().requests_total, live.totals().inflight), (10, 1));
    drop(own);
    assert_eq!(live.totals().inflight, 0);
}

#[test]
fn a_listener_keeps_what_its_handshakes_and_clients_came_to() {
    let live = ListenerLive::new(1);
    live.worker(0).connections.add(1);
    let first = ListenerCounters { connections_total: 4, datagrams_in_total: 8, ..ListenerCounters::default() };
    live.carry(&first);
    let mut totals = live.totals();
    assert_eq!((totals.connections_total, totals.datagrams_in_total), (5, 8));
    totals.tls.handshakes_total = 3;
    let next = ListenerLive::new(1);
    next.carry(&totals);
    assert_eq!(next.totals(), totals);
}
