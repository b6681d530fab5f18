//! Who is chosen: by weight, by load, beside those tried, and by persistence.

use std::collections::HashMap;

use poise_ipc::model::AdminState;
use poise_ipc::status::Health;

use super::*;
use crate::live::Inflight;
use crate::simulation::{CLIENT, World, chosen};

fn counts<'a>(names: impl IntoIterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    names.into_iter().fold(HashMap::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

fn others<'a>(world: &'a World, tried: &[&str], count: usize) -> HashMap<&'a str, usize> {
    let tried: Vec<_> = tried.iter().map(|name| world.id(name)).collect();
    counts((0..count).map(|_| chosen(world.app().choose_except(CLIENT, &tried))))
}

#[test]
fn wrr_gives_exact_shares_and_rr_equal_ones() {
    let wrr = World::new(Scheduler::Wrr, &[500, 100, 100, 0]);
    assert_eq!(wrr.chosen(7), ["b0", "b0", "b1", "b0", "b2", "b0", "b0"]);
    let rr = World::new(Scheduler::Rr, &[500, 100, 1, 0]);
    assert_eq!(rr.chosen(6), ["b0", "b1", "b2", "b0", "b1", "b2"]);
}

#[test]
fn failover_goes_to_the_others_by_weight_and_keeps_the_sequence() {
    let world = World::new(Scheduler::Wrr, &[400, 200, 100, 0]);
    let counts = others(&world, &["b0"], 3_000);
    assert!(counts["b1"].abs_diff(2_000) <= 10 && counts["b2"].abs_diff(1_000) <= 10, "{counts:?}");
    assert_eq!(world.chosen(2), World::new(Scheduler::Wrr, &[400, 200, 100, 0]).chosen(2));
}

#[test]
fn failover_finds_the_only_one_left() {
    for scheduler in [Scheduler::Rr, Scheduler::Wrr, Scheduler::Wlc] {
        let world = World::new(scheduler, &[1_000, 1_000, 1, 0]);
        assert_eq!(others(&world, &["b0", "b1"], 100), [("b2", 100)].into());
        let all = ["b0", "b1", "b2"].map(|name| world.id(name));
        assert!(matches!(world.app().choose_except(CLIENT, &all), Choice::NoneEligible(_)));
    }
}

#[test]
fn wlc_takes_the_least_load_for_its_weight() {
    let world = World::new(Scheduler::Wlc, &[300, 100]);
    let mut inflight = Vec::new();
    for _ in 0..400 {
        let Choice::Backend(backend) = world.app().choose(CLIENT) else { panic!("everybody is eligible") };
        inflight.push(Inflight::start(backend));
    }
    let load = |name| world.backend(name).live.inflight.load(atomic::Ordering::Relaxed);
    assert_eq!((load("b0"), load("b1")), (300, 100));
    drop(inflight);
    assert_eq!((load("b0"), load("b1")), (0, 0));
}

#[test]
fn wlc_lets_equals_take_turns() {
    let world = World::new(Scheduler::Wlc, &[100, 100, 100, 0]);
    assert_eq!(counts(world.chosen(300)), [("b0", 100), ("b1", 100), ("b2", 100)].into());
}

#[test]
fn wlc_samples_large_groups_and_avoids_the_busy() {
    let mut world = World::new(Scheduler::Wlc, &[100; 200]);
    let busy: Vec<_> = (0..100).map(|n| Inflight::start(world.backend(&format!("b{n}")))).collect();
    let calm = world.chosen(2_000).iter().filter(|name| name[1..].parse::<u32>().expect("a number") >= 100).count();
    // Four samples are all busy in one of sixteen cases.
    assert!((1_800..1_950).contains(&calm), "{calm}");
    drop(busy);
    world.edit_backend("b0", |backend| backend.weight = 0);
    assert!(!world.chosen(2_000).contains(&"b0"));
}

#[test]
fn wlc_fills_large_groups_by_weight() {
    let weights: Vec<u16> = (0..100).map(|n| if n < 10 { 900 } else { 100 }).collect();
    let world = World::new(Scheduler::Wlc, &weights);
    let mut inflight = Vec::new();
    for _ in 0..1_800 {
        let Choice::Backend(backend) = world.app().choose(CLIENT) else { panic!("everybody is eligible") };
        inflight.push(Inflight::start(backend));
    }
    let heavy: u32 =
        (0..10).map(|n| world.backend(&format!("b{n}")).live.inflight.load(atomic::Ordering::Relaxed)).sum();
    assert!(heavy.abs_diff(900) < 90, "{heavy}");
}

#[test]
fn persistence_follows_to_draining_and_weightless_backends_but_not_to_dead_ones() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let pinned = |world: &World| world.app().pinned(world.id("b0")).is_some();
    assert!(pinned(&world));
    world.edit_backend("b0", |backend| backend.weight = 0);
    assert!(pinned(&world));
    world.edit_backend("b0", |backend| backend.state = AdminState::Draining);
    assert!(pinned(&world));
    world.flip("b0", Health::Down);
    assert!(!pinned(&world));
    world.flip("b1", Health::Down);
    assert!(world.app().failing_open && pinned(&world));
    world.edit_backend("b0", |backend| backend.state = AdminState::Disabled);
    assert!(!pinned(&world));
    assert!(world.app().pinned(BackendId(u64::MAX)).is_none());
}
