//! Weights are set or stepped, for several backends at once, and never leave their range.

use poise_ipc::edit::Edit;

use super::super::fixture::{args, config};
use super::{Args, edits};
use crate::exit::Exit;

fn edits_of(words: &[&str]) -> Result<Vec<Edit>, super::Failure> {
    edits(&config(), &args::<Args>(words).unwrap())
}

fn values(words: &[&str]) -> Vec<String> {
    edits_of(words).unwrap().iter().map(Edit::to_string).collect()
}

#[test]
fn a_weight_is_set() {
    assert_eq!(values(&["app/app-1", "50"]), ["groups.app.backends.app-1.weight = 50"]);
}

#[test]
fn steps_start_from_the_weight_of_each_backend() {
    assert_eq!(
        values(&["app/app-1", "app/app-2", "+10"]),
        ["groups.app.backends.app-1.weight = 110", "groups.app.backends.app-2.weight = 60"]
    );
    assert_eq!(values(&["app/app-1", "-10"]), ["groups.app.backends.app-1.weight = 90"]);
}

#[test]
fn a_step_out_of_range_is_refused_with_the_range() {
    for (words, sentence) in [
        (["data/data-1", "-1"], "the weight of data/data-1 is 0; a step of -1 would make it -1"),
        (["app/app-1", "+901"], "the weight of app/app-1 is 100; a step of +901 would make it 1001"),
    ] {
        let failure = edits_of(&words).unwrap_err();
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Invalid, sentence));
        assert_eq!(failure.hint.as_deref(), Some("allowed: 0 to 1000"));
    }
}

#[test]
fn an_unknown_backend_changes_nothing_at_all() {
    assert_eq!(edits_of(&["app/app-1", "app/nope", "50"]).unwrap_err().exit, Exit::NotFound);
}
