//! Wires look at what happened since they were laid, and at nothing before.

use poise_ipc::cause::Cause;

use super::*;
use crate::control::tallies::Tallies;
use crate::planned;

const TWO: &str = "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"app\"\n\
    [groups.app.backends.a]\naddress = \"127.0.0.1:1\"\n[groups.app.backends.b]\naddress = \"127.0.0.1:2\"\n";

struct Site {
    plan: Plan,
    tallies: Tallies,
    wires: Wires,
    groups: BTreeSet<Name>,
}

impl Site {
    fn new() -> Self {
        let plan = planned::first(TWO);
        let mut tallies = Tallies::default();
        tallies.follow(&plan);
        let groups = [plan.groups[0].name.clone()].into();
        Self { plan, tallies, wires: Wires::default(), groups }
    }

    /// Responses of a class and how long they took.
    fn answers(&self, class: usize, count: u64, ms: u64) {
        let cells = self.plan.groups[0].backends[0].live.worker(0);
        cells.responses[class - 1].add(count);
        (0..count).for_each(|_| cells.latency.record(ms * 1_000));
    }

    fn sample(&mut self, now_ms: u64) {
        let tallies = &self.tallies;
        self.wires.sample(&self.plan, &self.groups, |group| tallies.group(group), now_ms);
    }

    fn touched(&self, wire: &str, since_ms: u64) -> Option<String> {
        let fit = |group: &GroupPlan| usable(group, |id| id == group.backends[0].id);
        let wires = [wire.parse().expect("a wire")];
        Some(self.wires.touched(&wires, &self.groups, since_ms, &self.plan, fit)?.why)
    }
}

#[test]
fn errors_touch_a_wire_when_they_are_more_than_it_bears_among_enough() {
    let mut site = Site::new();
    site.sample(1_000);
    site.answers(2, 98, 1);
    site.answers(5, 2, 1);
    site.sample(3_000);
    assert_eq!(site.touched("5xx>2%", 1_000), None);
    let why = "5xx>1.9%: 2 of 100 responses 5xx in 2.0 s in group app";
    assert_eq!(site.touched("5xx>1.9%", 1_000).as_deref(), Some(why));
    assert_eq!(site.touched("app:5xx>1.9%", 1_000).as_deref(), Some(why));
    let few = Site::new();
    assert_eq!(few.touched("5xx>0%", 0), None);
}

#[test]
fn a_few_errors_say_nothing_and_those_that_poised_answers_count() {
    let mut site = Site::new();
    site.sample(0);
    site.answers(5, TRIP_SAMPLES_MIN - 1, 1);
    site.sample(1_000);
    assert_eq!(site.touched("5xx>0%", 0), None);
    site.plan.groups[0].ended(0, None, Cause::AllDown);
    site.sample(2_000);
    assert!(site.touched("5xx>99%", 0).is_some());
}

#[test]
fn what_was_before_the_change_touches_nothing() {
    let mut site = Site::new();
    site.sample(0);
    site.answers(5, 500, 900);
    site.sample(5_000);
    assert!(site.touched("5xx>1%", 0).is_some() && site.touched("p99>300ms", 0).is_some());
    site.answers(2, 500, 1);
    site.sample(6_000);
    assert_eq!((site.touched("5xx>1%", 5_000), site.touched("p99>300ms", 5_000)), (None, None));
}

#[test]
fn what_is_longer_ago_than_wires_look_back_is_forgotten() {
    let mut site = Site::new();
    site.sample(0);
    site.answers(5, 500, 900);
    for second in 1..=12 {
        site.sample(second * 1_000);
    }
    assert_eq!((site.touched("5xx>1%", 0), site.touched("p99>300ms", 0)), (None, None));
}

#[test]
fn the_slowest_hundredth_touches_a_wire() {
    let mut site = Site::new();
    site.sample(0);
    site.answers(2, 97, 1);
    site.answers(2, 3, 400);
    site.sample(1_000);
    assert!(site.touched("p99>300ms", 0).is_some_and(|why| why.contains("of 100 responses in 1.0 s")));
    assert_eq!(site.touched("p99>500ms", 0), None);
}

#[test]
fn too_few_usable_backends_touch_a_wire_at_once() {
    let site = Site::new();
    assert_eq!(site.touched("up<2", 0).as_deref(), Some("up<2: 1 usable in group app"));
    assert_eq!(site.touched("up<1", 0), None);
    assert_eq!(site.touched("gone:up<1", 0), None);
}

#[test]
fn samples_are_bounded() {
    let mut site = Site::new();
    (0..1_000).for_each(|ms| site.sample(ms));
    assert!(site.wires.0.len() <= SAMPLES_MAX);
}
