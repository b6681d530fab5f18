//! Who is chosen: by weight, by load, beside those tried, and by persistence.

use std::collections::HashMap;
use std::sync::Arc;

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

fn client(n: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + n).into()
}

fn homes(world: &World) -> Vec<&str> {
    (0..2_000).map(|n| chosen(world.app().choose(client(n)))).collect()
}

#[test]
fn hash_gives_a_client_its_backend_and_moves_only_those_of_one_that_is_gone() {
    let mut world = World::new(Scheduler::Hash, &[300, 100, 100]);
    let before: Vec<_> = homes(&world).into_iter().map(str::to_owned).collect();
    assert_eq!(homes(&world), before, "again and again");
    let share = before.iter().filter(|home| *home == "b0").count();
    assert!((1_100..1_300).contains(&share), "{share}");
    let gone: [fn(&mut World); 3] = [
        |world| drop(world.flip("b1", Health::Down)),
        |world| drop(world.edit_backend("b1", |backend| backend.state = AdminState::Draining)),
        |world| drop(world.edit(|group| group.backends.retain(|name, _| name.as_str() != "b1"))),
    ];
    let b1 = world.config.groups["app"].backends["b1"].clone();
    for take_away in gone {
        take_away(&mut world);
        for (home, after) in before.iter().zip(homes(&world)) {
            assert!(if home == "b1" { after != "b1" } else { after == home }, "{home} to {after}");
        }
        world.edit(|group| group.backends.extend([(crate::simulation::name("b1"), b1.clone())]));
        world.flip("b1", Health::Up);
        assert_eq!(homes(&world), before, "exactly they come back");
    }
}

#[test]
fn hash_steps_over_a_backend_as_if_it_were_not_there() {
    let mut world = World::new(Scheduler::Hash, &[100; 4]);
    let b2 = [world.id("b2")];
    let stepped: Vec<_> = (0..500).map(|n| chosen(world.app().choose_except(client(n), &b2)).to_owned()).collect();
    world.flip("b2", Health::Down);
    assert_eq!(homes(&world)[..500], stepped);
}

#[test]
fn hash_knows_nothing_of_slow_start() {
    let mut world = World::new(Scheduler::Hash, &[100; 3]);
    let before: Vec<_> = homes(&world).into_iter().map(str::to_owned).collect();
    world.ramps.insert(world.id("b0"), 10);
    world.compile();
    assert_eq!(homes(&world), before);
}

#[test]
fn the_order_of_hash_is_shared_until_somebody_comes_or_goes() {
    let mut world = World::new(Scheduler::Hash, &[100; 3]);
    let before = Arc::clone(world.app().rendezvous.as_ref().expect("hash"));
    let same = |world: &World| Arc::ptr_eq(&before, world.app().rendezvous.as_ref().expect("hash"));
    world.flip("b0", Health::Up);
    world.edit(|group| group.health_check.interval_ms = 9_000);
    assert!(same(&world));
    world.edit_backend("b0", |backend| backend.weight = 99);
    assert!(!same(&world));
}

#[test]
fn p2c_takes_the_less_loaded_of_two() {
    let world = World::new(Scheduler::P2c, &[100; 10]);
    let _busy: Vec<_> = (0..9).map(|n| Inflight::start(world.backend(&format!("b{n}")))).collect();
    // The calm one is among two of ten in a fifth of the cases, and then it is chosen.
    let calm = world.chosen(10_000).iter().filter(|name| **name == "b9").count();
    assert!((1_850..2_150).contains(&calm), "{calm}");
}

#[test]
fn p2c_keeps_load_near_the_weights() {
    let world = World::new(Scheduler::P2c, &[300, 100, 100, 100]);
    let mut inflight = Vec::new();
    for _ in 0..600 {
        let Choice::Backend(backend) = world.app().choose(CLIENT) else { panic!("everybody is eligible") };
        inflight.push(Inflight::start(backend));
    }
    let load = |name| world.backend(name).live.inflight.load(atomic::Ordering::Relaxed);
    assert!(load("b0").abs_diff(300) <= 12, "{}", load("b0"));
    assert!(["b1", "b2", "b3"].iter().all(|name| load(name).abs_diff(100) <= 8));
}

#[test]
fn p2c_has_two_to_choose_from_or_whoever_is_left() {
    let world = World::new(Scheduler::P2c, &[1_000, 1]);
    let _busy: Vec<_> = (0..5_000).map(|_| Inflight::start(world.backend("b0"))).collect();
    assert!(counts(world.chosen(2_000)).contains_key("b1"));
    assert_eq!(others(&world, &["b0"], 50), [("b1", 50)].into());
    let alone = World::new(Scheduler::P2c, &[5, 0]);
    assert_eq!(alone.chosen(3), ["b0"; 3]);
    assert!(matches!(alone.app().choose_except(CLIENT, &[alone.id("b0")]), Choice::NoneEligible(_)));
}

#[test]
fn slow_start_counts_for_wrr_and_wlc() {
    let mut wrr = World::new(Scheduler::Wrr, &[100; 2]);
    wrr.ramps.insert(wrr.id("b1"), 250);
    wrr.compile();
    assert_eq!(counts(wrr.chosen(50)), [("b0", 40), ("b1", 10)].into());
    assert_eq!((wrr.backend("b1").effective_weight, wrr.backend("b1").ramp_permille), (25, Some(250)));
    let mut wlc = World::new(Scheduler::Wlc, &[1; 2]);
    wlc.ramps.insert(wlc.id("b1"), 10);
    wlc.compile();
    assert_eq!(wlc.backend("b1").effective_weight, 1, "shown as the least there is");
    let _held: Vec<_> = (0..98).map(|_| Inflight::start(wlc.backend("b0"))).collect();
    assert_eq!(wlc.chosen(5), ["b0"; 5], "98 are less to b0 than one to b1");
    let _more = [(); 3].map(|()| Inflight::start(wlc.backend("b0")));
    assert_eq!(wlc.chosen(5), ["b1"; 5]);
}

#[test]
fn a_ramp_gives_no_burst_and_takes_nobodys_turn() {
    let mut world = World::new(Scheduler::Wrr, &[100; 5]);
    let mut got = HashMap::new();
    for step in 1..=100_u16 {
        world.ramps.insert(world.id("b4"), step * 10);
        world.compile();
        let picks = world.chosen(17);
        let its = picks.iter().filter(|name| **name == "b4").count();
        let share = 17.0 * f64::from(step) / (400.0 + f64::from(step));
        assert!((its as f64 - share).abs() < 2.0, "{its} at step {step}");
        for name in picks {
            *got.entry(name.to_owned()).or_insert(0_usize) += 1;
        }
    }
    let others: Vec<_> = (0..4).map(|n| got[&format!("b{n}")]).collect();
    assert!(others.iter().max().expect("four") - others.iter().min().expect("four") <= 2, "{others:?}");
}
