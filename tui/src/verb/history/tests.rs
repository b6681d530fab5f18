//! Commits are shown with who, what and why, and JSON carries what takes them back.

use poise_ipc::edit::Edit;
use poise_ipc::message::{Author, Commit};

use super::super::fixture::AT_MS;
use super::{Format, table};

fn commit() -> Commit {
    let set = |weight: &str| Edit::set("groups.app.backends.app-1.weight", weight);
    Commit {
        revision: 413,
        at_ms: AT_MS,
        author: Author::new(1_000, "ops", 99),
        reason: Some("less\x1bload".to_owned()),
        edits: vec![set("60"), Edit::remove("listeners.db"), Edit::remove("groups.data")],
        inverse: vec![set("100")],
    }
}

#[test]
fn the_table_shows_the_first_changes_and_tsv_all() {
    assert_eq!(
        table(Format::Table, &[commit()]),
        "\
REVISION  AT                        USER  CHANGES                                                        REASON
     413  2026-11-22T14:02:08.122Z  ops   groups.app.backends.app-1.weight = 60; - listeners.db; 1 more  less^[load
"
    );
    assert!(table(Format::Tsv, &[commit()]).contains("; - groups.data\t"));
}

#[test]
fn json_carries_what_takes_the_commit_back() {
    let document: serde_json::Value = serde_json::from_str(&table(Format::Json, &[commit()])).unwrap();
    let row = &document["commits"][0];
    assert_eq!(row["revision"], 413);
    assert_eq!(row["author"]["user"], "ops");
    assert_eq!(row["at"], "2026-11-22T14:02:08.122Z");
    assert_eq!(row["inverse"][0]["set"]["value"], "100");
}

#[test]
fn a_path_takes_what_is_at_it_below_it_and_what_replaces_it() {
    let touches = super::touches;
    assert!(touches("groups.app.backends.a.weight", "groups.app.backends.a"));
    assert!(touches("groups.app", "groups.app.backends.a"));
    assert!(touches("groups.app", "groups.app"));
    assert!(!touches("groups.app.backends.ab.weight", "groups.app.backends.a"));
}
