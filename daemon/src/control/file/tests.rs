//! What must hold of the operator's file: nothing is guessed when both sides have changed.

use poise_ipc::model::Group;

use super::*;

fn config(group: &str) -> Config {
    let mut config = Config::default();
    config.groups.insert(group.parse().expect("a name"), Group::default());
    config
}

#[test]
fn every_standing_is_told_apart() {
    let (a, b, c) = (config("a"), config("b"), config("c"));
    assert_eq!(standing(Some(&a), &a, &a), Standing::Agree);
    assert_eq!(standing(Some(&a), &b, &b), Standing::Agree);
    assert_eq!(standing(Some(&a), &a, &b), Standing::RunningAhead);
    assert_eq!(standing(Some(&a), &b, &a), Standing::FileAhead);
    assert_eq!(standing(Some(&a), &b, &c), Standing::Diverged);
}

#[test]
fn a_file_that_was_never_taken_is_ahead_of_an_empty_configuration_only() {
    assert_eq!(standing(None, &config("a"), &Config::default()), Standing::FileAhead);
    assert_eq!(standing(None, &config("a"), &config("b")), Standing::Diverged);
}

#[test]
fn a_reload_guesses_nothing_and_does_what_it_is_told() {
    assert_eq!(step(Standing::FileAhead, None), Step::Commit);
    assert_eq!(step(Standing::RunningAhead, None), Step::Mark);
    assert_eq!(step(Standing::Diverged, None), Step::Merge);
    assert_eq!(step(Standing::Diverged, Some(Take::File)), Step::Commit);
    assert_eq!(step(Standing::Diverged, Some(Take::Running)), Step::Mark);
    assert_eq!(step(Standing::RunningAhead, Some(Take::File)), Step::Commit);
    assert_eq!(step(Standing::FileAhead, Some(Take::Running)), Step::Mark);
}
