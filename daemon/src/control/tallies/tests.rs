//! What must hold of the counters of groups: they are those of the backends with what never reached
//! one, and they never shrink.

use poise_core::plan::Identities;
use poise_ipc::cause::Cause;
use poise_ipc::text;

use super::*;
use crate::planned;

const TWO: &str = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n[groups.app.backends.b]\naddress = \"127.0.0.1:2\"\n";

#[test]
fn a_group_counts_what_came_and_every_cause_wherever_it_ended() {
    let plan = planned::first(TWO);
    let (group, mut tallies) = (&plan.groups[0], Tallies::default());
    tallies.follow(&plan);
    assert_eq!(tallies.group(group), GroupCounters::default());
    (0..5).for_each(|worker| group.came(worker % 2));
    let (a, b) = (&group.backends[0], &group.backends[1]);
    a.live.worker(0).bytes_in.add(10);
    b.live.worker(1).bytes_in.add(7);
    b.live.worker(1).responses[1].add(2);
    group.ended(0, Some(a.id), Cause::ConnectFailed);
    group.ended(1, Some(b.id), Cause::ConnectFailed);
    group.ended(1, None, Cause::AllDown);
    let counters = tallies.group(group);
    assert_eq!((counters.requests_total, counters.bytes_in_total, counters.responses_total[1]), (5, 17, 2));
    assert_eq!(counters.causes.iter().map(|(_, count)| count).sum::<u64>(), 3);
    assert!(counters.causes.contains(&(Cause::ConnectFailed, 2)) && counters.causes.contains(&(Cause::AllDown, 1)));
    assert_eq!(a.live.totals().causes, [(Cause::ConnectFailed, 1)]);
}

#[test]
fn a_group_never_counts_less_because_a_backend_went() {
    let mut identities = Identities::default();
    let mut plan = |toml: &str, previous: Option<&Plan>| {
        planned::after(&text::parse(toml).expect("a valid configuration"), &mut identities, previous)
    };
    let before = plan(TWO, None);
    let mut tallies = Tallies::default();
    tallies.follow(&before);
    let leaving = Arc::clone(&before.groups[0].backends[1].live);
    leaving.worker(0).bytes_in.add(100);
    let one = TWO.split("[groups.app.backends.b]").next().expect("the first backend");
    let after = plan(one, Some(&before));
    drop(before);
    tallies.follow(&after);
    assert_eq!(tallies.group(&after.groups[0]).bytes_in_total, 100, "it is gone from the plan");
    leaving.worker(1).bytes_in.add(11);
    tallies.follow(&after);
    assert_eq!(tallies.group(&after.groups[0]).bytes_in_total, 111, "it is still at work");
    drop(leaving);
    for _ in 0..2 {
        tallies.follow(&after);
        assert_eq!(tallies.group(&after.groups[0]).bytes_in_total, 111, "it is done");
    }
    assert_eq!(tallies.0.values().map(|tally| tally.backends.len()).sum::<usize>(), 1);
}

#[test]
fn the_group_of_a_listener_without_one_counts_nothing() {
    let none = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\n\
        [listeners.web.routes.old]\npath = \"/old\"\nredirect = { to = \"same\", path = \"/new\" }\n";
    let plan = planned::first(none);
    let listener = plan.listeners.values().next().expect("one listener");
    listener.group.came(0);
    listener.group.ended(1, None, Cause::NoRoute);
    assert_eq!(listener.group.live.totals(), GroupCounters::default());
}
