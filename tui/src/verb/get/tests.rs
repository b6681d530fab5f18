//! Listings can be narrowed down, and single values are printed as they are.

use serde_json::json;

use super::super::fixture::{args, config, status};
use super::{Args, Failure, Format, objects, value};
use crate::exit::Exit;

fn got(words: &[&str], format: Format) -> Result<String, Failure> {
    objects(format, &status(), &args::<Args>(words).unwrap())
}

fn names(words: &[&str]) -> Vec<String> {
    got(words, Format::Tsv).unwrap().lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

#[test]
fn backends_are_a_table() {
    assert_eq!(
        got(&["backends"], Format::Table).unwrap(),
        "\
BACKEND      ADDRESS        STATE     HEALTH  WEIGHT  EFFECTIVE  INFLIGHT  PICKS  FAILURES     P99
app/app-1    10.0.0.1:8080  enabled   up         100        100         0    800         0  4.2 ms
app/app-2    10.0.0.2:8080  draining  down        50          0         2    800         0  4.2 ms
data/data-1  10.0.1.1:5432  enabled   up           0          0         0    800         0  4.2 ms
"
    );
}

#[test]
fn a_backend_in_json_is_flat_where_scripts_look() {
    let document: serde_json::Value = serde_json::from_str(&got(&["backends"], Format::Json).unwrap()).unwrap();
    assert_eq!(document["schema_version"], 1);
    let backend = &document["backends"][1];
    for (key, wanted) in [
        ("group", json!("app")),
        ("name", json!("app-2")),
        ("address", json!("10.0.0.2:8080")),
        ("weight", json!(50)),
        ("effective_weight", json!(0)),
        ("state", json!("draining")),
        ("health", json!("down")),
        ("health_since_ms", json!(1_795_356_068_122_u64)),
    ] {
        assert_eq!(backend[key], wanted, "{key}");
    }
    assert_eq!(backend["last_check"]["verdict"], "fail connect refused");
    assert_eq!(backend["last_check"]["reason"], "refused");
    assert_eq!(backend["counters"]["picks_total"], 800);
    assert_eq!(backend["counters"]["latency_p99_us"], 4200);
}

#[test]
fn tsv_carries_plain_numbers() {
    let line = got(&["backends", "app/app-1"], Format::Tsv).unwrap();
    let cells: Vec<_> = line.trim_end().split('\t').collect();
    assert_eq!(cells[..10], ["app/app-1", "10.0.0.1:8080", "enabled", "up", "100", "100", "0", "800", "0", "4200"]);
    assert_eq!((cells.len(), &cells[20..]), (25, &["-", "0", "0", "no", "-"][..]));
}

#[test]
fn listings_are_narrowed_by_group_listener_and_name() {
    assert_eq!(names(&["backends", "-g", "app"]), ["app/app-1", "app/app-2"]);
    assert_eq!(names(&["backends", "-l", "db"]), ["data/data-1"]);
    assert_eq!(names(&["backends", "data/data-1", "app/app-1"]), ["data/data-1", "app/app-1"]);
    assert_eq!(names(&["listeners", "-g", "app"]), ["web"]);
    assert_eq!(names(&["groups", "-l", "db"]), ["data"]);
    assert_eq!(names(&["findings"]), ["severe"]);
}

#[test]
fn what_is_not_there_is_not_found() {
    let missing: [&[&str]; 5] = [
        &["backends", "-g", "nope"],
        &["backends", "-l", "nope"],
        &["backends", "app/nope"],
        &["listeners", "nope"],
        &["groups", "nope"],
    ];
    for words in missing {
        assert_eq!(got(words, Format::Table).unwrap_err().exit, Exit::NotFound, "{words:?}");
    }
    assert_eq!(got(&["servers"], Format::Table).unwrap_err().exit, Exit::Usage);
}

#[test]
fn a_value_is_printed_bare_and_typed_in_json() {
    let config = config();
    let text = |path: &str| value(Format::Table, 412, &config, path);
    assert_eq!(text("groups.app.backends.app-1.weight").unwrap(), "100\n");
    assert_eq!(text("groups.app.backends.app-1.address").unwrap(), "10.0.0.1:8080\n");
    assert_eq!(text("groups.app.health_check.interval").unwrap(), "2s\n");
    let typed = |path: &str| -> serde_json::Value {
        serde_json::from_str(&value(Format::Json, 412, &config, path).unwrap()).unwrap()
    };
    assert_eq!(typed("groups.app.backends.app-1.weight")["value"], 100);
    assert_eq!(typed("groups.app.scheduler")["value"], "wrr");
    assert_eq!(typed("groups.app.backends.app-2")["value"]["state"], "draining");
    assert_eq!(typed("groups.app.scheduler")["revision"], 412);
}

#[test]
fn a_path_to_nothing_is_not_found() {
    for path in ["groups.app.backends.nope.weight", "groups.app.nope", "listeners.nope", "a.b"] {
        assert_eq!(value(Format::Table, 412, &config(), path).unwrap_err().exit, Exit::NotFound, "{path}");
    }
}
