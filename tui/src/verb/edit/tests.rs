//! What an editor is shown, and what comes of two changes at once.

use super::super::fixture::config;
use super::*;

#[test]
fn faults_stand_on_top_and_are_taken_out_again() {
    let faults = [Fault::new("groups.app.scheduler", "\"x\" is not known here")];
    let shown = with_faults("[groups.app]\n", &faults);
    assert!(shown.starts_with("## poise: not committed"), "{shown}");
    assert!(shown.contains("## poise: groups.app.scheduler: "), "{shown}");
    assert_eq!(without_faults(&shown), "[groups.app]\n");
}

#[test]
fn two_changes_come_together_unless_they_are_about_one_value() {
    let base = config();
    let path = |backend: &str| format!("groups.app.backends.{backend}.weight");
    let with = |backend: &str, weight: &str| {
        apply(&base, &[poise_ipc::edit::Edit::set(path(backend), weight)]).expect("valid")
    };
    let both = together(&base, &with("app-1", "7"), &with("app-2", "9"), 4).expect("they go together");
    assert_eq!(poise_ipc::apply::get(&both, &path("app-1")).as_deref(), Some("7"));
    assert_eq!(poise_ipc::apply::get(&both, &path("app-2")).as_deref(), Some("9"));
    let failure = together(&base, &with("app-1", "7"), &with("app-1", "9"), 4).expect_err("one value");
    assert_eq!((failure.exit, failure.conflicts.len()), (Exit::Conflict, 1));
}
