//! Who ramps, from where to where, and who does not.

use poise_ipc::model::{AdminState, Scheduler};
use poise_ipc::status::Health;
use proptest::prelude::*;

use super::*;
use crate::simulation::{World, name};

const SLOW_START_MS: u32 = 10_000;

/// A world of four backends that has run for a while, with slow start.
fn world() -> (World, Ramps) {
    let mut world = World::new(Scheduler::Wrr, &[100; 4]);
    world.edit(|group| group.slow_start_ms = Some(SLOW_START_MS));
    let mut ramps = Ramps::default();
    follow(&world, &mut ramps, 0);
    (world, ramps)
}

fn follow(world: &World, ramps: &mut Ramps, now_ms: u64) -> bool {
    ramps.follow(&world.config, &world.identities, &world.standings, now_ms)
}

/// The share of a backend at a time, in thousandths.
fn share(world: &World, ramps: &mut Ramps, backend: &str, now_ms: u64) -> u16 {
    follow(world, ramps, now_ms);
    ramps.permilles().get(&world.id(backend)).copied().unwrap_or(RAMP_PERMILLE_FULL)
}

#[test]
fn nobody_ramps_when_the_daemon_starts() {
    let (mut world, mut ramps) = world();
    assert_eq!(ramps.permilles().len(), 0);
    // The first verdict of a backend that serves already is no beginning.
    world.flip("b0", Health::Up);
    assert!(!follow(&world, &mut ramps, 100));
}

#[test]
fn a_backend_that_comes_up_grows_in_a_straight_line() {
    let (mut world, mut ramps) = world();
    world.flip("b1", Health::Down);
    assert!(!follow(&world, &mut ramps, 1_000));
    world.flip("b1", Health::Up);
    let shares = [0, 50, 100, 1_000, 2_500, 9_999, 10_000, 20_000];
    let shares = shares.map(|elapsed| share(&world, &mut ramps, "b1", 5_000 + elapsed));
    assert_eq!(shares, [10, 10, 10, 100, 250, 999, 1_000, 1_000]);
    assert_eq!(share(&world, &mut ramps, "b0", 25_000), 1_000);
}

#[test]
fn a_backend_that_is_added_or_enabled_or_given_weight_ramps() {
    let (mut world, mut ramps) = world();
    let added = world.config.groups[&name("app")].backends[&name("b0")].clone();
    world.edit(|group| group.backends.extend([(name("b9"), added)]));
    assert_eq!(share(&world, &mut ramps, "b9", 1_000), 10);
    world.edit_backend("b1", |backend| backend.state = AdminState::Disabled);
    world.edit_backend("b2", |backend| backend.weight = 0);
    follow(&world, &mut ramps, 2_000);
    world.edit_backend("b1", |backend| backend.state = AdminState::Enabled);
    world.edit_backend("b2", |backend| backend.weight = 100);
    assert_eq!(share(&world, &mut ramps, "b1", 3_000), 10);
    assert_eq!(share(&world, &mut ramps, "b2", 3_000), 10);
    assert_eq!(share(&world, &mut ramps, "b9", 6_000), 500);
}

#[test]
fn an_edit_of_a_weight_neither_starts_a_ramp_nor_starts_it_again() {
    let (mut world, mut ramps) = world();
    world.edit_backend("b0", |backend| backend.weight = 900);
    assert_eq!(share(&world, &mut ramps, "b0", 1_000), 1_000);
    world.flip("b1", Health::Down);
    follow(&world, &mut ramps, 1_000);
    world.flip("b1", Health::Up);
    follow(&world, &mut ramps, 2_000);
    world.edit_backend("b1", |backend| backend.weight = 900);
    assert_eq!(share(&world, &mut ramps, "b1", 7_000), 500);
}

#[test]
fn a_ramp_begins_anew_when_its_backend_goes_down_meanwhile() {
    let (mut world, mut ramps) = world();
    for (health, now_ms) in [(Health::Down, 0), (Health::Up, 1_000), (Health::Down, 6_000), (Health::Up, 7_000)] {
        world.flip("b1", health);
        follow(&world, &mut ramps, now_ms);
    }
    assert_eq!(share(&world, &mut ramps, "b1", 8_000), 100);
}

#[test]
fn without_a_peer_at_full_weight_nobody_ramps() {
    let (mut world, mut ramps) = world();
    for backend in ["b0", "b1", "b2", "b3"] {
        world.flip(backend, Health::Down);
    }
    follow(&world, &mut ramps, 0);
    // The first one back takes everything; those behind it have somebody to rely on.
    world.flip("b0", Health::Up);
    assert_eq!(share(&world, &mut ramps, "b0", 1_000), 1_000);
    world.flip("b1", Health::Up);
    assert_eq!(share(&world, &mut ramps, "b1", 2_000), 10);
    // When that one goes, whoever is left takes its whole share, and does not give it back.
    world.flip("b0", Health::Down);
    assert_eq!(share(&world, &mut ramps, "b1", 3_000), 1_000);
    world.flip("b0", Health::Up);
    assert_eq!(share(&world, &mut ramps, "b1", 4_000), 1_000);
    assert_eq!(share(&world, &mut ramps, "b0", 4_000), 10);
}

#[test]
fn a_backup_is_no_peer_of_the_others() {
    let (mut world, mut ramps) = world();
    for backend in ["b1", "b2", "b3"] {
        world.edit_backend(backend, |backend| backend.backup = true);
    }
    world.flip("b0", Health::Down);
    follow(&world, &mut ramps, 0);
    world.flip("b0", Health::Up);
    assert_eq!(share(&world, &mut ramps, "b0", 1_000), 1_000);
}

#[test]
fn the_time_may_change_or_go_away_meanwhile() {
    let (mut world, mut ramps) = world();
    world.flip("b1", Health::Down);
    follow(&world, &mut ramps, 0);
    world.flip("b1", Health::Up);
    assert_eq!(share(&world, &mut ramps, "b1", 0), 10);
    world.edit(|group| group.slow_start_ms = Some(20_000));
    assert_eq!(share(&world, &mut ramps, "b1", 5_000), 250);
    world.edit(|group| group.slow_start_ms = None);
    assert_eq!(share(&world, &mut ramps, "b1", 5_000), 1_000);
    world.edit(|group| group.slow_start_ms = Some(20_000));
    assert_eq!(share(&world, &mut ramps, "b1", 6_000), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shares_grow_and_somebody_always_has_all_of_its_own(
        steps in proptest::collection::vec((0..4_usize, 0..4_u8, 0..4_000_u64), 1..60),
    ) {
        let (mut world, mut ramps) = world();
        let mut now_ms = 0;
        let mut before: HashMap<BackendId, u16> = HashMap::new();
        for (at, kind, elapsed_ms) in steps {
            now_ms += elapsed_ms;
            let touched = format!("b{at}");
            match kind {
                0 => drop(world.flip(&touched, Health::Down)),
                1 => drop(world.flip(&touched, Health::Up)),
                2 => drop(world.edit_backend(&touched, |backend| backend.state = AdminState::Enabled)),
                _ => drop(world.edit_backend(&touched, |backend| backend.state = AdminState::Disabled)),
            }
            follow(&world, &mut ramps, now_ms);
            let serves = |id: BackendId| {
                let backend = world.app().backend(id).expect("nobody is removed");
                backend.standing.health != Health::Down && backend.state() == AdminState::Enabled
            };
            let serving: Vec<_> = world.app().backends.iter().map(|b| b.id).filter(|&id| serves(id)).collect();
            for (&id, &permille) in ramps.permilles() {
                prop_assert!(serving.contains(&id) && (10..1_000).contains(&permille));
                // Whoever ramped before and was not touched has more now.
                prop_assert!(world.id(&touched) == id || before.get(&id).is_none_or(|&less| permille >= less));
                prop_assert!(world.id(&touched) == id || before.contains_key(&id));
            }
            prop_assert!(serving.is_empty() || serving.iter().any(|id| !ramps.permilles().contains_key(id)));
            before.clone_from(ramps.permilles());
        }
        follow(&world, &mut ramps, now_ms + u64::from(SLOW_START_MS));
        prop_assert!(ramps.permilles().is_empty());
    }
}
