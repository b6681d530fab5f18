//! Objects are added with their defaults; what holds the name already is left alone.

use clap::{Command, FromArgMatches as _, Subcommand as _};
use poise_ipc::apply::{apply, get};

use super::super::fixture::config;
use super::{Object, edits};
use crate::exit::Exit;

fn object(line: &str) -> Object {
    let command = Object::augment_subcommands(Command::new("add").no_binary_name(true));
    Object::from_arg_matches(&command.try_get_matches_from(line.split_whitespace()).unwrap()).unwrap()
}

fn added(line: &str, path: &str) -> Option<String> {
    let config = config();
    let edits = edits(&config, &object(line)).unwrap();
    get(&apply(&config, &edits).unwrap(), path)
}

#[test]
fn a_backend_is_added_with_weight_and_state() {
    let path = "groups.app.backends.app-7";
    assert_eq!(added("backend app/app-7 10.0.0.7:8080", path).unwrap(), "{ address = \"10.0.0.7:8080\" }");
    assert_eq!(
        added("backend app/app-7 10.0.0.7:8080 --weight 10 --state draining", path).unwrap(),
        "{ address = \"10.0.0.7:8080\", weight = 10, state = \"draining\" }"
    );
}

#[test]
fn groups_and_listeners_are_added() {
    assert_eq!(added("group new --scheduler wlc --check http", "groups.new.scheduler").unwrap(), "wlc");
    assert_eq!(added("group new --check off", "groups.new.health_check.protocol").unwrap(), "off");
    let listener = "listener tcp --bind 127.0.0.1:0 --protocol tcp --group data";
    assert_eq!(added(listener, "listeners.tcp.group").unwrap(), "data");
}

#[test]
fn the_same_again_changes_nothing() {
    let config = config();
    let again = edits(&config, &object("backend app/app-1 10.0.0.1:8080")).unwrap();
    assert_eq!(apply(&config, &again).unwrap(), config);
    assert!(edits(&config, &object("group app")).is_err(), "the group there has backends, this one would have none");
}

#[test]
fn another_object_under_the_same_name_is_refused() {
    let failure = edits(&config(), &object("backend app/app-1 10.9.9.9:80")).unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    assert_eq!(failure.message, "groups.app.backends.app-1 is there already");
}

#[test]
fn a_backend_needs_its_group() {
    assert_eq!(edits(&config(), &object("backend nope/a 10.0.0.7:80")).unwrap_err().exit, Exit::NotFound);
}
