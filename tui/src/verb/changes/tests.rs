//! A change is shown value by value, with what stood there before.

use poise_ipc::edit::Edit;
use poise_ipc::message::Applied;

use super::super::fixture::config;
use super::{Format, comparison, outcome};

fn edits() -> Vec<Edit> {
    vec![
        Edit::set("groups.app.backends.app-1.weight", "60"),
        Edit::set("groups.app.backends.app-7", "{ address = \"10.0.0.7:8080\" }"),
        Edit::remove("groups.app.backends.app-2"),
    ]
}

fn applied(changed: bool) -> Applied {
    Applied { revision: 413, changed, edits: if changed { edits() } else { Vec::new() }, window: None }
}

#[test]
fn a_commit_shows_the_old_and_the_new_value() {
    let text = outcome(Format::Table, &config(), &applied(true), false);
    assert_eq!(
        text,
        "revision 413, 3 changes\n  \
         groups.app.backends.app-1.weight: 100 -> 60\n  \
         groups.app.backends.app-7: added { address = \"10.0.0.7:8080\" }\n  \
         groups.app.backends.app-2: removed { address = \"10.0.0.2:8080\", weight = 50, state = \"draining\" }\n"
    );
}

#[test]
fn a_dry_run_and_an_idle_commit_say_so() {
    assert!(
        outcome(Format::Table, &config(), &applied(true), true).starts_with("dry run: 3 changes to revision 413\n")
    );
    assert_eq!(outcome(Format::Table, &config(), &applied(false), false), "nothing changed, revision 413\n");
    assert_eq!(outcome(Format::Tsv, &config(), &applied(false), false), "");
}

#[test]
fn json_carries_whether_anything_changed_and_edits_that_can_be_applied() {
    let text = outcome(Format::Json, &config(), &applied(true), true);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["revision"], 413);
    assert_eq!(document["changed"], true);
    assert_eq!(document["dry_run"], true);
    assert_eq!(
        document["changes"][0],
        serde_json::json!({"path": "groups.app.backends.app-1.weight", "from": "100", "to": "60"})
    );
    assert_eq!(serde_json::from_value::<Vec<Edit>>(document["edits"].clone()).unwrap(), edits());
}

#[test]
fn tsv_is_path_old_and_new() {
    let text = comparison(Format::Tsv, 412, &config(), &edits()[..1]);
    assert_eq!(text, "groups.app.backends.app-1.weight\t100\t60\n");
}

#[test]
fn without_difference_the_comparison_says_so() {
    assert_eq!(comparison(Format::Table, 412, &config(), &[]), "no difference to revision 412\n");
}

#[test]
fn a_removed_setting_shows_the_default_it_returns_to() {
    let edits = [Edit::remove("groups.app.backends.app-2.weight")];
    assert_eq!(comparison(Format::Table, 412, &config(), &edits), "groups.app.backends.app-2.weight: 50 -> 100\n");
}

#[test]
fn a_whole_group_is_told_backend_by_backend() {
    let value =
        "{ scheduler = \"rr\", backends = { a = { address = \"10.0.0.1:80\" }, b = { address = \"10.0.0.2:80\" } } }";
    assert_eq!(
        comparison(Format::Table, 412, &config(), &[Edit::set("groups.new", value)]),
        "groups.new: added { scheduler = \"rr\" }\n\
         groups.new.backends.a: added { address = \"10.0.0.1:80\" }\n\
         groups.new.backends.b: added { address = \"10.0.0.2:80\" }\n"
    );
    let gone = [Edit::remove("listeners.db"), Edit::remove("groups.data")];
    let text = comparison(Format::Table, 412, &config(), &gone);
    assert!(text.ends_with("groups.data: removed {}\ngroups.data.backends.data-1: removed { address = \"10.0.1.1:5432\", weight = 0 }\n"), "{text}");
}
