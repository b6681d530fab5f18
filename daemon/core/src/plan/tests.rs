//! What a plan keeps from the plan before, and who is eligible in it.

use poise_ipc::model::{AdminState, Backend, CheckProtocol, FailOpenWhen, Persistence, Scheduler};
use poise_ipc::status::Health;
use proptest::prelude::*;

use super::*;
use crate::simulation::{World, app, name};

fn group_of(plan: &Plan, group: &str) -> Arc<GroupPlan> {
    Arc::clone(plan.group(&name(group)).expect("it is there"))
}

#[test]
fn a_plan_of_the_same_input_shares_everything() {
    let mut world = World::new(Scheduler::Wrr, &[100, 50]);
    let before = world.compile();
    assert!(Arc::ptr_eq(app(&before), world.app()));
    for (id, listener) in &world.plan.listeners {
        assert!(Arc::ptr_eq(listener, &before.listeners[id]));
    }
    assert_eq!((world.plan.generation, world.plan.revision), (before.generation + 1, before.revision + 1));
}

#[test]
fn a_weight_edit_recompiles_one_backend_and_its_group() {
    let mut world = World::new(Scheduler::Wrr, &[100, 50]);
    let spare = world.config.groups[&name("app")].clone();
    world.config.groups.insert(name("spare"), spare);
    world.compile();
    let before = world.edit_backend("b0", |backend| backend.weight = 70);
    assert!(Arc::ptr_eq(&group_of(&before, "spare"), &group_of(&world.plan, "spare")));
    assert!(!Arc::ptr_eq(app(&before), world.app()));
    let old = |at: usize| &app(&before).backends[at];
    assert!(Arc::ptr_eq(old(1), world.backend("b1")));
    assert!(!Arc::ptr_eq(old(0), world.backend("b0")));
    assert!(Arc::ptr_eq(&old(0).live, &world.backend("b0").live));
    assert_eq!(world.backend("b0").effective_weight, 70);
}

#[test]
fn an_edit_of_the_health_check_keeps_health_counters_and_turn() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100]);
    world.flip("b0", Health::Down);
    world.backend("b1").live.worker(0).picks.add(9);
    assert_eq!(world.chosen(1), ["b1"]);
    world.edit(|group| group.health_check.interval_ms = 9_000);
    assert_eq!(world.backend("b0").standing.health, Health::Down);
    assert_eq!(world.backend("b1").live.totals().picks_total, 9);
    assert_eq!(world.chosen(2), ["b2", "b1"]);
}

#[test]
fn a_weight_edit_does_not_revive_a_dead_backend() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.flip("b0", Health::Down);
    world.edit_backend("b0", |backend| backend.weight = 1_000);
    assert_eq!((world.backend("b0").standing.health, world.backend("b0").effective_weight), (Health::Down, 0));
    assert_eq!(world.chosen(3), ["b1"; 3]);
}

#[test]
fn a_weight_edit_counts_from_the_very_next_pick() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.chosen(1);
    world.edit_backend("b1", |backend| backend.weight = 0);
    assert_eq!(world.chosen(5), ["b0"; 5]);
}

#[test]
fn unknown_health_is_eligible_and_unchecked_backends_are_up() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    assert_eq!((world.backend("b0").standing.health, world.backend("b0").effective_weight), (Health::Unknown, 100));
    world.flip("b0", Health::Down);
    world.edit(|group| group.health_check.protocol = CheckProtocol::Off);
    assert_eq!((world.backend("b0").standing.health, world.backend("b0").effective_weight), (Health::Up, 100));
}

#[test]
fn a_group_fails_open_only_when_all_that_could_serve_are_down() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 0]);
    world.flip("b0", Health::Down);
    assert!(!world.app().failing_open);
    world.flip("b1", Health::Down);
    assert!(world.app().failing_open);
    assert_eq!(world.chosen(2), ["b0", "b1"]);
    world.edit(|group| group.fail_open.when = FailOpenWhen::Never);
    assert!(!world.app().failing_open);
    assert_eq!(world.chosen(1), ["all-down"]);
    world.flip("b1", Health::Up);
    assert_eq!(world.chosen(1), ["b1"]);
}

#[test]
fn without_weight_or_enabled_backends_there_is_no_backend() {
    let mut world = World::new(Scheduler::Wrr, &[0, 100, 100]);
    world.edit_backend("b1", |backend| backend.state = AdminState::Draining);
    assert_eq!(world.chosen(1), ["b2"]);
    world.edit_backend("b2", |backend| backend.state = AdminState::Disabled);
    assert_eq!(world.chosen(1), ["no-backend"]);
    world.edit(|group| group.backends.clear());
    assert_eq!(world.chosen(1), ["no-backend"]);
}

#[test]
fn a_backend_that_is_removed_and_added_again_is_a_newcomer() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let (id, counters) = (world.id("b0"), Arc::clone(&world.backend("b0").live));
    let mut taken = None;
    world.edit(|group| taken = group.backends.remove(&name("b0")));
    let taken: Backend = taken.expect("it was there");
    world.edit(|group| group.backends.extend([(name("b0"), taken)]));
    assert_ne!(world.id("b0"), id);
    assert!(!Arc::ptr_eq(&world.backend("b0").live, &counters));
}

#[test]
fn source_entries_outlive_edits_and_a_new_timeout_applies_to_them() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let set = |world: &mut World, timeout_ms| {
        let raw = world.config.listeners.get_mut(&name("raw")).expect("it is there");
        raw.persistence = Persistence::source(timeout_ms);
        world.compile();
    };
    let table = |world: &World| match &world.plan.listeners[&world.identities.listeners[&name("raw")]].persistence {
        PersistencePlan::Source(table) => Arc::clone(table),
        other => panic!("{other:?}"),
    };
    set(&mut world, 10_000);
    let client = [10, 0, 0, 1].into();
    table(&world).bind(client, world.id("b1"), 1_000);
    world.edit_backend("b0", |backend| backend.weight = 1);
    assert_eq!(table(&world).get(client, 5_000), Some(world.id("b1")));
    set(&mut world, 60_000);
    assert_eq!(table(&world).get(client, 65_000), Some(world.id("b1")));
    set(&mut world, 2_000);
    assert_eq!(table(&world).get(client, 67_001), None);
}

#[test]
fn cookies_stay_valid_across_edits_and_follow_the_group() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let web = world.config.listeners.get_mut(&name("web")).expect("it is there");
    web.persistence = Persistence::cookie_insert("SERVERID", 1_500);
    world.compile();
    let rule = |world: &World| match &world.plan.listeners[&world.identities.listeners[&name("web")]].persistence {
        PersistencePlan::Cookie(rule) => Arc::clone(rule),
        other => panic!("{other:?}"),
    };
    let token = *rule(&world).token(world.id("b1")).expect("it is in the group");
    world.edit(|group| group.backends.retain(|backend, _| backend.as_str() != "b0"));
    assert_eq!(rule(&world).backend(token.as_bytes()), Some(world.id("b1")));
    world.edit(|group| group.backends.retain(|backend, _| backend.as_str() != "b1"));
    assert_eq!(rule(&world).backend(token.as_bytes()), None);
}

/// One edit of a backend: which, its new weight, admin state and health.
type Touch = (usize, u16, usize, usize);

fn touches() -> impl Strategy<Value = Vec<Touch>> {
    proptest::collection::vec((0..5_usize, 0..=1_000_u16, 0..3_usize, 0..3_usize), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_leaves_the_backends_alone_that_it_does_not_touch(touches in touches()) {
        let mut world = World::new(Scheduler::Wrr, &[100; 5]);
        for (at, weight, state, health) in touches {
            let touched = format!("b{at}");
            world.standings.insert(world.id(&touched), [Health::Up, Health::Down, Health::Unknown][health].into());
            let before = world.edit_backend(&touched, |backend| {
                backend.weight = weight;
                backend.state = AdminState::WORDS[state].1;
            });
            for (old, new) in app(&before).backends.iter().zip(&world.app().backends) {
                prop_assert!(old.id == new.id && Arc::ptr_eq(&old.live, &new.live));
                if new.name.as_str() != touched {
                    prop_assert_eq!((&old.settings, old.standing), (&new.settings, new.standing));
                    let same = app(&before).failing_open == world.app().failing_open;
                    prop_assert!(!same || Arc::ptr_eq(old, new));
                }
                let usable = new.standing.health != Health::Down || world.app().failing_open;
                let takes = usable && new.state() == AdminState::Enabled;
                prop_assert_eq!(new.effective_weight, if takes { u32::from(new.settings.weight) } else { 0 });
                prop_assert_eq!(new.accepts_pinned, usable && !matches!(new.state(), AdminState::Disabled | AdminState::DrainingHard));
            }
        }
    }
}

#[test]
fn backups_serve_when_nobody_else_can_and_only_then() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100, 100]);
    world.edit_backend("b2", |backend| backend.backup = true);
    world.edit_backend("b3", |backend| backend.backup = true);
    assert_eq!((world.chosen(2), world.app().on_backups), (vec!["b0", "b1"], false));
    assert_eq!(world.backend("b2").effective_weight, 0);
    assert!(world.app().pinned(world.id("b2")).is_none(), "nobody is pinned to a backup that does not serve");
    world.flip("b0", Health::Down);
    assert_eq!(world.chosen(2), ["b1"; 2]);
    world.edit_backend("b1", |backend| backend.weight = 0);
    assert_eq!((world.chosen(2), world.app().on_backups), (vec!["b2", "b3"], true));
    assert!(world.app().pinned(world.id("b2")).is_some());
    assert!(world.app().pinned(world.id("b1")).is_some(), "weight 0 does not matter to those that know it");
    world.flip("b0", Health::Up);
    assert_eq!((world.chosen(2), world.app().on_backups), (vec!["b0"; 2], false));
}

#[test]
fn a_group_fails_open_over_the_others_before_its_backups() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100, 100]);
    world.edit_backend("b2", |backend| backend.backup = true);
    for backend in ["b0", "b1", "b2"] {
        world.flip(backend, Health::Down);
    }
    assert_eq!(world.chosen(2), ["b0", "b1"]);
    assert!(world.app().failing_open && !world.app().on_backups);
    world.edit_backend("b0", |backend| backend.weight = 0);
    world.edit_backend("b1", |backend| backend.state = AdminState::Disabled);
    assert_eq!(world.chosen(1), ["b2"]);
    assert!(world.app().failing_open && world.app().on_backups);
    world.edit(|group| group.fail_open.when = FailOpenWhen::Never);
    assert_eq!(world.chosen(1), ["all-down"]);
}

#[test]
fn prefixes_are_followed_while_the_table_lives() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let raw = world.config.listeners.get_mut(&name("raw")).expect("it is there");
    raw.persistence = Persistence { prefix_v4: 24, ..Persistence::source(60_000) };
    world.compile();
    let table = |world: &World| match &world.plan.listeners[&world.identities.listeners[&name("raw")]].persistence {
        PersistencePlan::Source(table) => Arc::clone(table),
        other => panic!("{other:?}"),
    };
    table(&world).bind([10, 0, 0, 1].into(), world.id("b1"), 0);
    assert_eq!(table(&world).get([10, 0, 0, 99].into(), 0), Some(world.id("b1")));
    world.config.listeners.get_mut(&name("raw")).expect("it is there").persistence.prefix_v4 = 16;
    world.compile();
    assert_eq!(table(&world).get([10, 0, 77, 99].into(), 0), Some(world.id("b1")));
}
