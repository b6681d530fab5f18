//! What must hold of latency: windows forget, a group is the sum of its backends, what is gone is
//! forgotten.

use poise_core::plan::{Identities, Plan};
use poise_ipc::status::Quantiles;
use poise_ipc::text;

use super::*;
use crate::planned;

const TWO: &str = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n[groups.app.backends.b]\naddress = \"127.0.0.1:2\"\n";

fn of_backend(latencies: &Latencies, plan: &Plan, at: usize) -> Quantiles {
    let backend = &plan.groups[0].backends[at];
    latencies.backend(backend.id, &backend.live.latency(), &mut BackendCounters::default()).seconds_10
}

#[test]
fn a_group_is_the_sum_of_its_backends_and_the_last_seconds_are_all_that_count() {
    let plan = planned::first(TWO);
    let group = &plan.groups[0];
    let mut latencies = Latencies::default();
    assert_eq!(latencies.group(group), LatencyWindows::default());
    group.backends[0].live.worker(0).latency.record(10);
    group.backends[1].live.worker(1).latency.record(12);
    for turn in 0..5 {
        let windows = latencies.group(group);
        assert_eq!((windows.seconds_10.count, windows.seconds_10.max_us), (2, 12), "turn {turn}");
        assert_eq!(
            of_backend(&latencies, &plan, 0),
            Quantiles { count: 1, p50_us: 10, p90_us: 10, p99_us: 10, max_us: 10 }
        );
        latencies.turn(&plan);
    }
    latencies.turn(&plan);
    let windows = latencies.group(group);
    assert_eq!((windows.seconds_10.count, windows.minute_1.count, windows.minutes_10.count), (0, 2, 2));
}

#[test]
fn the_quantiles_of_the_counters_are_those_of_ten_seconds() {
    let plan = planned::first(TWO);
    let backend = &plan.groups[0].backends[0];
    (0..100).for_each(|_| backend.live.worker(0).latency.record(9));
    let mut counters = BackendCounters::default();
    Latencies::default().backend(backend.id, &backend.live.latency(), &mut counters);
    assert_eq!((counters.latency_p50_us, counters.latency_p99_us), (9, 9));
}

#[test]
fn a_backend_that_goes_takes_nothing_from_its_group_but_its_future() {
    let mut identities = Identities::default();
    let mut plan = |toml: &str, previous: Option<&Plan>| {
        planned::after(&text::parse(toml).expect("a valid configuration"), &mut identities, previous)
    };
    let before = plan(TWO, None);
    let mut latencies = Latencies::default();
    before.groups[0].backends[1].live.worker(0).latency.record(12);
    latencies.turn(&before);
    let one = TWO.split("[groups.app.backends.b]").next().expect("the first backend");
    let after = plan(one, Some(&before));
    latencies.forget(before.groups[0].backends[1].id);
    assert_eq!(latencies.group(&after.groups[0]).seconds_10.count, 1);
    latencies.turn(&after);
    assert_eq!(latencies.group(&after.groups[0]).minute_1.count, 1);
}

#[test]
fn a_listener_has_windows_of_its_own() {
    let plan = planned::first(TWO);
    let listener = plan.listeners.values().next().expect("one listener");
    let mut latencies = Latencies::default();
    latencies.turn(&plan);
    listener.live.worker(1).latency.record(11);
    assert_eq!(latencies.listener(listener.id, &listener.live.latency()).minutes_10.p99_us, 11);
    latencies.turn(&Plan::default());
    assert!(latencies.listeners.0.is_empty());
}

const ROUTED: &str = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [listeners.web.routes.api]\npath_prefix = \"/api\"\ngroup = \"app\"\n\
    [groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n";

#[test]
fn a_route_has_windows_of_its_own_and_costs_nothing_before_its_first_response() {
    let plan = planned::first(ROUTED);
    let listener = plan.listeners.values().next().expect("one listener");
    let api = Arc::clone(listener.routes.named(&"api".parse().expect("a name")).expect("the route"));
    let own = listener.routes.own();
    let mut latencies = Latencies::default();
    latencies.turn(&plan);
    assert!(latencies.routes.0.is_empty(), "nothing is kept of routes that serve nothing");
    api.live.as_ref().expect("counters").worker(1).latency.record(13);
    for turn in 0..5 {
        assert_eq!(latencies.route(&api).seconds_10.p99_us, 13, "turn {turn}");
        assert_eq!(latencies.route(own), LatencyWindows::default());
        latencies.turn(&plan);
    }
    latencies.turn(&plan);
    let windows = latencies.route(&api);
    assert_eq!((windows.seconds_10.count, windows.minute_1.count, latencies.routes.0.len()), (0, 1, 1));
}

#[test]
fn a_route_of_the_same_name_begins_anew() {
    let mut identities = Identities::default();
    let mut plan = |toml: &str, previous: Option<&Plan>| {
        planned::after(&text::parse(toml).expect("a valid configuration"), &mut identities, previous)
    };
    let before = plan(ROUTED, None);
    let api = "api".parse().expect("a name");
    let of = |plan: &Plan| {
        let listener = plan.listeners.values().next().expect("one listener");
        listener.routes.named(&api).map(Arc::clone)
    };
    let mut latencies = Latencies::default();
    of(&before).and_then(|route| route.live.clone()).expect("counters").worker(0).latency.record(13);
    latencies.turn(&before);
    let bare = ROUTED.replace("[listeners.web.routes.api]\npath_prefix = \"/api\"\ngroup = \"app\"\n", "");
    let without = plan(&bare, Some(&before));
    drop(before);
    let after = plan(ROUTED, Some(&without));
    let route = of(&after).expect("it is back");
    assert_eq!(latencies.route(&route), LatencyWindows::default());
    latencies.turn(&after);
    assert!(latencies.routes.0.is_empty(), "the one of before is forgotten");
}
