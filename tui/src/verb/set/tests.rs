//! Paths and values come in pairs and become edits in their order.

use poise_ipc::edit::Edit;

use super::super::fixture::{args, config};
use super::{Args, edits, pairs};
use crate::exit::Exit;

#[test]
fn pairs_become_one_commit_in_order() {
    let args = args::<Args>(&["groups.app.scheduler", "wlc", "groups.app.backends.app-1.weight", "0"]).unwrap();
    let made = edits(&config(), &pairs(&args.pairs).unwrap()).unwrap();
    assert_eq!(made, [Edit::set("groups.app.scheduler", "wlc"), Edit::set("groups.app.backends.app-1.weight", "0")]);
}

#[test]
fn a_path_without_value_is_a_matter_of_usage() {
    let words = ["a.b", "1", "c.d"].map(str::to_owned);
    let failure = pairs(&words).unwrap_err();
    assert_eq!((failure.exit, failure.message.as_str()), (Exit::Usage, "no value for c.d"));
}

#[test]
fn a_setting_of_an_unknown_object_is_not_found() {
    let failure = edits(&config(), &[("groups.app.backends.app-9.weight", "1")]).unwrap_err();
    assert_eq!(failure.exit, Exit::NotFound);
}
