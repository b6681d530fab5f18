//! Who goes home, who is moved and who is refused.

use poise_ipc::model::{AdminState, Persistence, Scheduler};
use poise_ipc::status::Health;

use super::*;
use crate::simulation::{CLIENT, World, name};

/// A world whose listener `raw` remembers the client at `b1`.
fn world(redispatch: Redispatch) -> World {
    let mut world = World::new(Scheduler::Wrr, &[100; 3]);
    let listener = world.config.listeners.get_mut(&name("raw")).expect("it is there");
    listener.persistence = Persistence { redispatch, ..Persistence::source(60_000) };
    world.compile();
    raw(&world).source_table().expect("a table").bind(CLIENT, world.id("b1"), 0);
    world
}

fn raw(world: &World) -> &ListenerPlan {
    &world.plan.listeners[&world.identities.listeners[&name("raw")]]
}

/// Home, anew or refused.
fn recalled(world: &World) -> &str {
    match raw(world).recall(CLIENT, 1) {
        Recall::Backend(backend) => backend.name.as_str(),
        Recall::Anew => "anew",
        Recall::Unusable(id) => {
            assert_eq!(id, world.id("b1"));
            "refused"
        }
    }
}

#[test]
fn a_client_goes_home_while_its_backend_may_be_used() {
    let mut world = world(Redispatch::Refuse);
    assert_eq!(recalled(&world), "b1");
    world.edit_backend("b1", |backend| backend.weight = 0);
    assert_eq!(recalled(&world), "b1");
    world.edit_backend("b1", |backend| backend.state = AdminState::Draining);
    assert_eq!(recalled(&world), "b1");
    assert!(matches!(raw(&world).recall([10, 1, 1, 1].into(), 1), Recall::Anew), "another one is unknown");
}

#[test]
fn a_client_whose_backend_may_not_be_used_is_moved_or_refused_as_configured() {
    for (redispatch, expected) in [(Redispatch::Move, "anew"), (Redispatch::Refuse, "refused")] {
        let mut world = world(redispatch);
        world.flip("b1", Health::Down);
        assert_eq!(recalled(&world), expected);
        world.flip("b1", Health::Up);
        assert_eq!(recalled(&world), "b1", "the entry is kept until somebody else takes the client");
        world.edit_backend("b1", |backend| backend.state = AdminState::Disabled);
        assert_eq!(recalled(&world), expected);
        let counted = raw(&world).source_table().expect("a table").totals();
        let expected = if redispatch == Redispatch::Move { (2, 0) } else { (0, 2) };
        assert_eq!((counted.redispatched_total, counted.refused_total), expected);
    }
}

#[test]
fn nobody_is_refused_for_a_backend_that_will_not_come_back() {
    let mut world = world(Redispatch::Refuse);
    world.edit_backend("b1", |backend| backend.backup = true);
    assert_eq!(recalled(&world), "anew", "a backup that need not serve");
    world.edit_backend("b1", |backend| backend.backup = false);
    assert_eq!(recalled(&world), "b1");
    world.edit(|group| group.backends.retain(|backend, _| backend.as_str() != "b1"));
    assert_eq!(recalled_or_gone(&world), "anew");
}

fn recalled_or_gone(world: &World) -> &str {
    match raw(world).recall(CLIENT, 1) {
        Recall::Anew => "anew",
        other => panic!("{other:?}"),
    }
}
