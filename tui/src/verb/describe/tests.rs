//! Everything about one object, the same fields in text and JSON.

use super::super::fixture::{args, config, status};
use super::{Args, Format, describe};
use crate::exit::Exit;

fn described(words: &[&str], format: Format) -> String {
    describe(format, (&status(), &config()), &args::<Args>(words).unwrap()).unwrap()
}

#[test]
fn a_backend_is_a_field_per_line() {
    let text = described(&["backend", "app/app-2"], Format::Table);
    for line in [
        "group                            app",
        "health                           down",
        "health_since                     2026-11-22T14:01:08.122Z",
        "last_check.verdict               fail connect refused",
        "last_check.code                  -",
        "counters.responses_total         [0,790,0,0,10]",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn tsv_separates_key_and_value_by_a_tab() {
    let text = described(&["group", "app"], Format::Tsv);
    assert!(text.contains("health_check.interval_ms\t2000\n"), "{text}");
}

#[test]
fn json_holds_the_row_under_its_kind() {
    let text = described(&["listener", "web"], Format::Json);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["listener"]["bind"], "127.0.0.1:8080");
    assert_eq!(document["listener"]["settings"]["idle_timeout"], "1m");
    assert_eq!(document["listener"]["settings"]["limits.connections_max"], serde_json::Value::Null);
    assert_eq!(document["listener"]["settings"]["access.deny"], serde_json::json!([]));
}

#[test]
fn what_is_not_there_is_not_found() {
    for kind in ["backend", "group", "listener"] {
        let args = args::<Args>(&[kind, "nope"]).unwrap();
        assert_eq!(describe(Format::Table, (&status(), &config()), &args).unwrap_err().exit, Exit::NotFound);
    }
}
