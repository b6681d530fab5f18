//! Two sides come together, and what they disagree about is said.

use proptest::prelude::*;

use super::*;
use crate::text::parse;
use crate::text::tests::SAMPLE;
use crate::text::tests::made::a_config;

fn sample() -> Config {
    parse(SAMPLE).expect("the sample is valid")
}

fn with(edits: &[(&str, &str)]) -> Config {
    let edits: Vec<_> = edits
        .iter()
        .map(|(path, value)| if value.is_empty() { Edit::remove(*path) } else { Edit::set(*path, *value) })
        .collect();
    apply(&sample(), &edits).expect("valid")
}

fn merged(theirs: &Config, mine: &Config) -> (Config, Vec<Conflict>) {
    let Merged { edits, conflicts } = merge(&sample(), theirs, mine, |_| None).expect("they go together");
    (apply(mine, &edits).expect("valid"), conflicts)
}

const A: &str = "groups.app.backends.app-1.weight";
const B: &str = "groups.app.backends.app-2.weight";

#[test]
fn what_one_side_has_changed_is_taken_and_the_other_ones_stays() {
    let (outcome, conflicts) = merged(&with(&[(A, "7")]), &with(&[(B, "9")]));
    assert_eq!((outcome, conflicts), (with(&[(A, "7"), (B, "9")]), vec![]));
}

#[test]
fn what_both_have_changed_alike_is_agreed() {
    let both = with(&[(A, "7")]);
    assert_eq!(merged(&both, &both), (both, vec![]));
}

#[test]
fn what_both_have_changed_otherwise_is_a_conflict_with_three_values_until_it_is_decided() {
    let (theirs, mine) = (with(&[(A, "7"), (B, "1")]), with(&[(A, "9")]));
    let (outcome, conflicts) = merged(&theirs, &mine);
    assert_eq!(outcome, with(&[(A, "9"), (B, "1")]), "the rest is taken");
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(
        conflicts,
        [Conflict { path: A.to_owned(), base: get(&sample(), A), theirs: some("7"), mine: some("9") }]
    );
    for (side, weight) in [(Side::Theirs, "7"), (Side::Mine, "9")] {
        let merged = merge(&sample(), &theirs, &mine, |path| (path == A).then_some(side)).expect("valid");
        assert_eq!(merged.conflicts, []);
        assert_eq!(apply(&mine, &merged.edits), Ok(with(&[(A, weight), (B, "1")])));
    }
}

#[test]
fn an_object_that_one_removes_and_the_other_changes_is_one_conflict_about_the_object() {
    let object = "groups.app.backends.app-1";
    let (gone, changed) = (with(&[(object, "")]), with(&[(A, "7"), ("groups.app.backends.app-1.backup", "true")]));
    for (theirs, mine) in [(&gone, &changed), (&changed, &gone)] {
        let (outcome, conflicts) = merged(theirs, mine);
        assert_eq!((&outcome, conflicts.len(), conflicts[0].path.as_str()), (mine, 1, object));
        let decided = merge(&sample(), theirs, mine, |_| Some(Side::Theirs)).expect("valid");
        assert_eq!(apply(mine, &decided.edits).as_ref(), Ok(theirs));
    }
}

#[test]
fn changes_that_do_not_go_together_are_faults() {
    let base = with(&[("groups.spare", "{ backends = { s = { address = \"10.0.0.9:80\" } } }")]);
    let theirs = apply(&base, &[Edit::remove("groups.spare")]).expect("nobody uses it");
    let mine = apply(&base, &[Edit::set("listeners.web.group", "\"spare\"")]).expect("it is there");
    let faults = merge(&base, &theirs, &mine, |_| None).expect_err("the group is gone");
    assert!(faults.iter().any(|fault| fault.path.starts_with("listeners.web")), "{faults:?}");
}

proptest! {
    #[test]
    fn one_side_alone_is_the_outcome(base in a_config(), other in a_config()) {
        let theirs = merge(&base, &other, &base, |_| None).expect("it is valid");
        prop_assert_eq!(&theirs.conflicts, &vec![]);
        prop_assert_eq!(apply(&base, &theirs.edits), Ok(other.clone()));
        prop_assert_eq!(merge(&base, &base, &other, |_| None), Ok(Merged::default()));
        prop_assert_eq!(merge(&base, &other, &other, |_| None), Ok(Merged::default()));
    }

    #[test]
    fn sides_that_agree_come_together_from_either_one(base in a_config(), one in a_config(), other in a_config()) {
        let (here, there) = (merge(&base, &one, &other, |_| None), merge(&base, &other, &one, |_| None));
        if let (Ok(here), Ok(there)) = (here, there) {
            prop_assert_eq!(here.conflicts.is_empty(), there.conflicts.is_empty());
            if here.conflicts.is_empty() {
                prop_assert_eq!(apply(&other, &here.edits), apply(&one, &there.edits));
            }
        }
    }

    #[test]
    fn a_conflict_that_is_decided_for_all_leaves_none(base in a_config(), one in a_config(), other in a_config()) {
        for side in [Side::Theirs, Side::Mine] {
            if let Ok(merged) = merge(&base, &one, &other, |_| Some(side)) {
                prop_assert_eq!(merged.conflicts, vec![]);
            }
        }
    }
}
