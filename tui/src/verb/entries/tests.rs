//! Entries are shown as people and programs read them, and what is removed has to be said.

use poise_ipc::entries::EntryRow;

use super::super::fixture::args;
use super::{Args, Format, Task, none, said, table};

fn entry(key: &str, backend: Option<&str>) -> EntryRow {
    EntryRow {
        listener: "web".parse().expect("a name"),
        key: key.parse().expect("a network"),
        group: "app".parse().expect("a name"),
        backend: backend.map(|name| name.parse().expect("a name")),
        idle_ms: 1_500,
        remaining_ms: 998_500,
    }
}

#[test]
fn a_row_says_who_goes_where_and_for_how_long() {
    let rows = [entry("192.0.2.7", Some("app-1")), entry("2001:db8::/64", None)];
    assert_eq!(
        table(Format::Table, &rows),
        "\
LISTENER  CLIENT         BACKEND    IDLE  REMAINING
web       192.0.2.7      app/app-1    1s    16m 38s
web       2001:db8::/64  -            1s    16m 38s
"
    );
    assert_eq!(table(Format::Tsv, &rows[..1]), "web\t192.0.2.7\tapp/app-1\t1500\t998500\n");
}

#[test]
fn json_carries_names_and_milliseconds() {
    let rows = [entry("10.0.0.0/8", Some("app-1")), entry("10.0.0.1", None)];
    let document: serde_json::Value = serde_json::from_str(&table(Format::Json, &rows)).unwrap();
    let first = &document["entries"][0];
    assert_eq!((first["key"].as_str(), first["backend"].as_str()), (Some("10.0.0.0/8"), Some("app-1")));
    assert_eq!((first["idle_ms"].as_u64(), first["remaining_ms"].as_u64()), (Some(1_500), Some(998_500)));
    assert!(document["entries"][1]["backend"].is_null());
    assert_eq!(table(Format::Jsonl, &rows).lines().count(), 2);
}

#[test]
fn options_become_the_filter_of_the_daemon() {
    let some = args::<Args>(&["--listener", "web", "--key", "10.0.0.0/8", "--backend", "app/app-1"]).unwrap();
    let filter = some.wanted.filter();
    assert_eq!(filter.listener.unwrap().as_str(), "web");
    assert_eq!(filter.key.unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(filter.backend.unwrap().to_string(), "app/app-1");
    for wrong in [&["--key", "10.0.0.1/8"][..], &["--limit", "0"], &["--backend", "app-1"], &["--all"]] {
        args::<Args>(wrong).unwrap_err();
    }
}

#[test]
fn a_removal_says_what_or_that_all_are_meant() {
    for (words, all) in [(&["rm", "--all"][..], true), (&["rm", "--key", "10.0.0.1"], false)] {
        let Some(Task::Rm(rm)) = args::<Args>(words).unwrap().task else { panic!("a removal") };
        assert_eq!((rm.all, rm.wanted.filter().is_empty()), (all, all));
    }
    for wrong in [&["rm"][..], &["rm", "--all", "--key", "10.0.0.1"], &["--key", "10.0.0.1", "rm", "--all"]] {
        args::<Args>(wrong).unwrap_err();
    }
}

#[test]
fn what_was_removed_and_what_was_not_found_is_said() {
    assert_eq!(said(Format::Table, 1), "1 entry removed\n");
    assert_eq!(said(Format::Table, 12), "12 entries removed\n");
    assert_eq!(said(Format::Tsv, 12), "12\n");
    assert_eq!(said(Format::Jsonl, 12), "{\"schema_version\":1,\"removed\":12}\n");
    let filter = args::<Args>(&["--key", "10.0.0.1", "--listener", "web"]).unwrap().wanted.filter();
    assert_eq!(none(&filter).message, "no persistence entry for 10.0.0.1 at listener web");
}
