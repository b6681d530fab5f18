//! The life of a drain in virtual time.

use poise_ipc::model::{Drain as Settings, Scheduler};
use proptest::prelude::*;

use super::*;
use crate::simulation::{World, name};

/// A drain of `b0` with this time and end, begun at 1,000 ms.
struct Stage {
    world: World,
    drains: Drains,
    id: BackendId,
}

const BEGIN_MS: u64 = 1_000;

impl Stage {
    fn new(timeout_ms: u32, then: DrainEnd) -> Self {
        let world = World::new(Scheduler::Wrr, &[100, 100]);
        let id = world.id("b0");
        let mut stage = Self { world, drains: Drains::default(), id };
        stage.edit(BEGIN_MS, |backend| {
            backend.state = AdminState::Draining;
            backend.drain = Settings { timeout_ms, then };
        });
        stage
    }

    fn edit(&mut self, now_ms: u64, edit: impl FnOnce(&mut Backend)) {
        self.world.edit_backend("b0", edit);
        self.drains.follow(&self.world.config, &self.world.identities, now_ms, now_ms + 1_000_000);
    }

    fn open(&mut self, open: u64, now_ms: u64) -> Option<DrainOutcome> {
        self.drains.observe(self.id, Left { open, ..Left::default() }, now_ms)
    }

    fn pinned(&mut self, pinned: u64, now_ms: u64) -> Option<DrainOutcome> {
        self.drains.observe(self.id, Left { pinned, ..Left::default() }, now_ms)
    }

    fn leaving(&self, now_ms: u64) -> Leaving {
        self.drains.leaving(self.id, now_ms)
    }

    fn status(&self) -> DrainStatus {
        self.drains.status(self.id).expect("it drains")
    }
}

#[test]
fn until_the_deadline_only_what_is_idle_leaves_then_what_the_policy_says() {
    let ends = [(DrainEnd::Leave, Leaving::Idle), (DrainEnd::Close, Leaving::Close), (DrainEnd::Reset, Leaving::Reset)];
    for (then, after) in ends {
        let stage = Stage::new(5_000, then);
        assert_eq!(stage.leaving(BEGIN_MS), Leaving::Idle);
        assert_eq!(stage.leaving(BEGIN_MS + 4_999), Leaving::Idle);
        assert_eq!(stage.leaving(BEGIN_MS + 5_000), after, "{then:?}");
    }
}

#[test]
fn the_end_of_the_time_is_told_once_and_an_empty_backend_once() {
    let mut stage = Stage::new(5_000, DrainEnd::Close);
    assert_eq!(stage.open(2, 1_100), None);
    assert_eq!(stage.open(2, 6_000), Some(DrainOutcome::Deadline));
    assert_eq!(stage.open(1, 6_100), None);
    assert_eq!(stage.open(0, 6_200), Some(DrainOutcome::Empty));
    assert_eq!(stage.open(0, 6_300), None);
}

#[test]
fn a_backend_that_is_empty_early_is_done_early_and_its_deadline_is_no_news() {
    let mut stage = Stage::new(5_000, DrainEnd::Reset);
    assert_eq!(stage.open(0, 2_000), Some(DrainOutcome::Empty));
    assert_eq!(stage.open(0, 9_000), None);
}

#[test]
fn bound_clients_hold_a_soft_drain_open_and_a_hard_one_not() {
    let mut stage = Stage::new(5_000, DrainEnd::Leave);
    assert_eq!(stage.pinned(3, 1_100), None);
    assert_eq!(stage.status().pinned, 3);
    stage.edit(1_200, |backend| backend.state = AdminState::DrainingHard);
    assert_eq!(stage.pinned(3, 1_300), Some(DrainOutcome::Empty));
    assert_eq!(stage.status().pinned, 0);
}

#[test]
fn after_a_cut_bound_clients_hold_nothing_open() {
    let mut stage = Stage::new(5_000, DrainEnd::Close);
    assert_eq!(stage.pinned(3, 5_999), None);
    assert_eq!(stage.pinned(3, 6_000), Some(DrainOutcome::Empty));
}

#[test]
fn enabling_it_again_cancels_the_drain_and_the_next_one_begins_anew() {
    let mut stage = Stage::new(5_000, DrainEnd::Close);
    stage.edit(4_000, |backend| backend.state = AdminState::Enabled);
    assert!(stage.drains.is_empty());
    assert_eq!(stage.leaving(9_000), Leaving::No);
    assert_eq!(stage.drains.status(stage.id), None);
    stage.edit(9_000, |backend| backend.state = AdminState::Draining);
    assert_eq!(stage.leaving(9_000), Leaving::Idle);
    assert_eq!(stage.status().since_ms, 1_009_000);
}

#[test]
fn more_time_counts_from_the_beginning_and_uncuts() {
    let mut stage = Stage::new(5_000, DrainEnd::Close);
    assert_eq!(stage.open(1, 6_000), Some(DrainOutcome::Deadline));
    stage.edit(6_100, |backend| backend.drain.timeout_ms = 10_000);
    assert_eq!(stage.leaving(6_100), Leaving::Idle);
    assert_eq!(stage.status().deadline_ms, 1_011_000);
    assert_eq!(stage.open(1, 11_000), Some(DrainOutcome::Deadline));
}

#[test]
fn the_end_is_estimated_from_the_rate_once_something_has_ended() {
    let mut stage = Stage::new(600_000, DrainEnd::Leave);
    stage.open(100, 1_000);
    assert_eq!(stage.status().estimated_end_ms, None);
    stage.open(100, 2_000);
    assert_eq!(stage.status().estimated_end_ms, None, "nothing has ended yet");
    stage.open(80, 3_000);
    // 20 in 2 s: the other 80 take 8 s.
    assert_eq!(stage.status().estimated_end_ms, Some(1_011_000));
    stage.open(0, 4_000);
    assert_eq!(stage.status().estimated_end_ms, Some(1_004_000));
}

#[test]
fn a_cut_ends_it_no_later_than_its_deadline() {
    let mut stage = Stage::new(5_000, DrainEnd::Close);
    stage.open(1_000, 1_000);
    stage.open(999, 3_000);
    assert_eq!(stage.status().estimated_end_ms, Some(1_006_000));
}

#[test]
fn a_word_that_cuts_is_counted_once_for_the_workers() {
    let mut world = World::new(Scheduler::Wrr, &[100]);
    let group = world.plan.group(&name("app")).expect("it is there").clone();
    let backend = &group.backends[0];
    for leaving in [Leaving::Idle, Leaving::Close, Leaving::Close, Leaving::No] {
        world.plan.leave(backend, leaving);
    }
    assert_eq!(world.plan.cuts.count(), 1);
    world.edit_backend("b0", |backend| backend.weight = 7);
    world.plan.leave(backend, Leaving::Reset);
    assert_eq!(world.plan.cuts.count(), 2, "later plans go on counting");
    assert!(group.pinned(backend.id).is_none(), "nobody comes who would be cut at once");
}

proptest! {
    #[test]
    fn whatever_is_seen_each_end_is_told_at_most_once_and_nothing_is_cut_early(
        timeout_ms in 0_u32..20_000,
        looks in proptest::collection::vec((0_u64..2_000, 0_u64..4), 1..60),
    ) {
        let mut stage = Stage::new(timeout_ms, DrainEnd::Close);
        let deadline_ms = BEGIN_MS + u64::from(timeout_ms);
        let (mut now_ms, mut told) = (BEGIN_MS, Vec::new());
        for (step_ms, open) in looks {
            now_ms += step_ms;
            told.extend(stage.open(open, now_ms));
            prop_assert_eq!(stage.leaving(now_ms).is_cut(), now_ms >= deadline_ms);
            let status = stage.status();
            prop_assert!(status.estimated_end_ms.is_none_or(|end_ms| end_ms >= status.since_ms));
        }
        for outcome in [DrainOutcome::Empty, DrainOutcome::Deadline] {
            prop_assert!(told.iter().filter(|&&one| one == outcome).count() <= 1);
        }
    }
}
