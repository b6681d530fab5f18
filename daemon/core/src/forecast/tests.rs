//! Shares under another plan, and what becomes of what is open.

use poise_ipc::model::{Drain, DrainEnd, Scheduler};
use poise_ipc::status::Health;

use super::*;
use crate::simulation::{World, name};

/// The group `app` after a change, with work that was seen before by backend, and how much of it was pinned.
fn told(world: &World, before: &Plan, seen: &[(&str, u64, u64)]) -> GroupForecast {
    let id = |backend: &str| {
        before.group(&name("app")).and_then(|app| app.backends.iter().find(|b| b.name == name(backend))).map(|b| b.id)
    };
    let picks: HashMap<_, _> = seen.iter().filter_map(|&(b, picks, pinned)| Some((id(b)?, (picks, pinned)))).collect();
    let sum = picks.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let group = SeenGroup { picks, span_ms: 1_000, anew: (sum.0 - sum.1, sum.0) };
    let (groups, _) = forecast(before, &world.plan, &Seen([(name("app"), group)].into()), 0);
    groups.into_iter().next().expect("it is touched")
}

fn shares(told: &GroupForecast) -> Vec<(Option<u16>, Option<u16>)> {
    told.backends.iter().map(|backend| (backend.before_permille, backend.after_permille)).collect()
}

#[test]
fn without_persistence_work_goes_by_weight() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 200]);
    let before = world.edit_backend("b2", |backend| backend.weight = 800);
    let told = told(&world, &before, &[]);
    assert_eq!(shares(&told), [(Some(250), Some(100)), (Some(250), Some(100)), (Some(500), Some(800))]);
    assert_eq!((told.before.map(|b| b.takers), told.seen, told.pinned_permille), (Some(3), 0, 0));
}

#[test]
fn pinned_work_stays_and_the_rest_goes_by_weight() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let before = world.edit_backend("b0", |backend| backend.weight = 300);
    let told = told(&world, &before, &[("b0", 50, 40), ("b1", 50, 40)]);
    assert_eq!(told.pinned_permille, 800);
    assert_eq!(shares(&told), [(Some(500), Some(550)), (Some(500), Some(450))]);
}

#[test]
fn pinned_work_of_one_that_goes_is_shared_out() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100]);
    let before = world.edit_backend("b0", |backend| backend.state = AdminState::DrainingHard);
    let told = told(&world, &before, &[("b0", 60, 60), ("b1", 30, 30), ("b2", 10, 10)]);
    // b1 keeps 30 of 100 and gets half of the 60, b2 keeps 10 and gets as much.
    assert_eq!(shares(&told), [(Some(600), Some(0)), (Some(300), Some(600)), (Some(100), Some(400))]);
}

#[test]
fn nobody_who_takes_work_has_a_share_and_one_that_is_down_has_none() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.flip("b1", Health::Down);
    let before = world.edit_backend("b0", |backend| backend.state = AdminState::Disabled);
    let told = told(&world, &before, &[]);
    assert_eq!(told.backends[0].before_permille, Some(1_000));
    assert_eq!(told.backends[1].before_permille, Some(0));
}

#[test]
fn what_is_open_drains_outlives_or_stays() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100]);
    let before = world.edit(|group| {
        let drain = Drain { timeout_ms: 9_000, then: DrainEnd::Reset };
        let mut of = |backend: &str| group.backends.remove(&name(backend)).expect("it is there");
        let (b0, b1) = (of("b0"), of("b1"));
        of("b2");
        group.backends.insert(name("b0"), poise_ipc::model::Backend { state: AdminState::Draining, drain, ..b0 });
        group.backends.insert(name("b1"), b1);
    });
    let fates: Vec<_> = told(&world, &before, &[]).backends.iter().map(|backend| backend.fate).collect();
    let drains = Fate::Drains { within_ms: 9_000, then: DrainEnd::Reset };
    assert_eq!(fates, [drains, Fate::Stays, Fate::Outlives]);
}

#[test]
fn a_plan_that_is_the_same_touches_nothing() {
    let mut world = World::new(Scheduler::Wrr, &[100, 50]);
    let before = world.compile();
    assert_eq!(forecast(&before, &world.plan, &Seen::default(), 0), (Vec::new(), Vec::new()));
}
