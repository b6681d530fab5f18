//! Each cause alone is found whole, and all together add up to the gap.

use poise_ipc::model::AdminState;
use poise_ipc::status::Health;
use proptest::prelude::*;

use super::*;
use crate::plan::Plan;
use crate::simulation::{World, name};

/// The group `app` of a plan.
fn app(plan: &Plan) -> &GroupPlan {
    plan.group(&name("app")).expect("it is there")
}

/// The weights as they are in the plan.
fn weights(plan: &Plan) -> Vec<u16> {
    app(plan).backends.iter().map(|backend| backend.settings.weight).collect()
}

fn came(picks: &[(u64, u64)]) -> Vec<Came> {
    picks.iter().map(|&(picks, pinned)| Came { picks, pinned, unreached: 0 }).collect()
}

/// Points of a hundred, rounded.
fn points(shares: impl IntoIterator<Item = f64>) -> Vec<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "some points of a hundred")]
    let whole = |share: f64| (share * 100.0).round() as i64;
    shares.into_iter().map(whole).collect()
}

fn of_step(account: &Account, step: Step) -> Vec<i64> {
    points(account.backends.iter().map(|line| line.steps[step as usize]))
}

fn rest(account: &Account) -> Vec<i64> {
    points(account.backends.iter().map(|line| line.rest))
}

fn adds_up(account: &Account) {
    let work = account.work.max(1) as f64;
    for line in &account.backends {
        assert!((line.observed() - line.picks as f64 / work).abs() < 1e-9 || account.work == 0, "{line:?}");
    }
    for step in 0..STEPS {
        let sum: f64 = account.backends.iter().map(|line| line.steps[step]).sum();
        assert!(sum.abs() < 1e-9, "what one gets others give: step {step}, {account:?}");
    }
}

#[test]
fn an_even_group_has_no_gap() {
    let world = World::new(Scheduler::Wrr, &[100, 100, 200]);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100, 200], &came(&[(25, 0), (25, 0), (50, 0)]));
    let account = ledger.account(app(&world.plan), &[100, 100, 200], &[]);
    adds_up(&account);
    assert_eq!((account.work, rest(&account)), (100, vec![0, 0, 0]));
    assert!(account.backends.iter().all(|line| line.steps.iter().all(|step| step.abs() < 1e-9)));
}

#[test]
fn weights_that_were_others_are_one_cause() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(50, 0), (50, 0)]));
    world.edit_backend("b0", |backend| backend.weight = 300);
    ledger.book(app(&world.plan), &[300, 100], &came(&[(75, 0), (25, 0)]));
    let account = ledger.account(app(&world.plan), &weights(&world.plan), &[]);
    adds_up(&account);
    // 62.5 of 100 instead of 75.
    assert_eq!(of_step(&account, Step::Configured), [-13, 13]);
    assert_eq!(rest(&account), [0, 0]);
}

#[test]
fn a_lease_a_drain_and_one_that_is_down_are_causes_of_their_own() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.edit_backend("b0", |backend| backend.weight = 0);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(0, 0), (100, 0)]));
    let account = ledger.account(app(&world.plan), &[100, 100], &[]);
    assert_eq!((of_step(&account, Step::Layered), rest(&account)), (vec![-50, 50], vec![0, 0]));

    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.edit_backend("b0", |backend| backend.state = AdminState::Draining);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(10, 10), (90, 0)]));
    let account = ledger.account(app(&world.plan), &[100, 100], &[]);
    adds_up(&account);
    assert_eq!((of_step(&account, Step::Wanted), of_step(&account, Step::Pinned)), (vec![-50, 50], vec![10, -10]));

    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.flip("b1", Health::Down);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(100, 0), (0, 0)]));
    let account = ledger.account(app(&world.plan), &[100, 100], &[]);
    assert_eq!((of_step(&account, Step::Used), rest(&account)), (vec![50, -50], vec![0, 0]));
}

#[test]
fn a_backup_that_served_and_one_that_is_gone_are_seen() {
    let mut world = World::new(Scheduler::Wrr, &[100, 100]);
    world.edit_backend("b1", |backend| backend.backup = true);
    world.flip("b0", Health::Down);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(0, 0), (40, 0)]));
    let gone = app(&world.plan).backends[1].id;
    let account = ledger.account(app(&world.plan), &[100, 100], &[]);
    adds_up(&account);
    assert_eq!(of_step(&account, Step::Used), [-100, 100]);
    world.edit(|group| drop(group.backends.remove(&name("b1"))));
    let account = ledger.account(app(&world.plan), &[100], &[gone]);
    assert_eq!((account.work, account.backends.len()), (40, 2));
    adds_up(&account);
}

#[test]
fn what_no_step_explains_is_the_rest() {
    let world = World::new(Scheduler::Wlc, &[100, 100]);
    let mut ledger = Ledger::default();
    ledger.book(app(&world.plan), &[100, 100], &came(&[(80, 0), (20, 0)]));
    let account = ledger.account(app(&world.plan), &[100, 100], &[]);
    assert_eq!(rest(&account), [30, -30]);
}

proptest! {
    #[test]
    fn the_causes_always_add_up(
        rounds in prop::collection::vec(
            (0..4_usize, 0..4_u16, prop::bool::ANY, prop::collection::vec((0..500_u64, 0..100_u64), 3)), 1..12
        )
    ) {
        let mut world = World::new(Scheduler::Wrr, &[100, 50, 200]);
        let mut ledger = Ledger::default();
        for (at, weight, up, picks) in rounds {
            let backend = ["b0", "b1", "b2", "b0"][at];
            world.edit_backend(backend, |backend| backend.weight = weight * 50);
            world.flip(backend, if up { Health::Up } else { Health::Down });
            let picks: Vec<_> = picks.into_iter().map(|(picks, pinned)| (picks, pinned.min(picks))).collect();
            ledger.book(app(&world.plan), &[100, 50, 200], &came(&picks));
        }
        let account = ledger.account(app(&world.plan), &[100, 50, 200], &[]);
        let observed: f64 = account.backends.iter().map(Line::observed).sum();
        prop_assert!(account.work == 0 || (observed - 1.0).abs() < 1e-9);
        for line in &account.backends {
            let share = line.picks as f64 / account.work.max(1) as f64;
            prop_assert!(account.work == 0 || (line.observed() - share).abs() < 1e-9);
        }
    }
}
