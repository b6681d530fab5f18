//! The report as people and programs read it.

use poise_ipc::Name;
use poise_ipc::model::PersistenceKind;
use poise_ipc::persistence::PersistenceVerdict;

use super::*;

fn row(backend: &str) -> CookieRow {
    let name = |text: &str| Name::new(text).expect("a plain name");
    CookieRow {
        listener: name("web"),
        route: None,
        kind: PersistenceKind::CookieInsert,
        verdict: PersistenceVerdict::Kept,
        group: Some(name("app")),
        backend: Some(name(backend)),
        first_ms: None,
        last_ms: None,
    }
}

#[test]
fn a_kept_client_is_told_in_rows_and_a_line() {
    let url = "http://127.0.0.1:8080/".parse().expect("a good URL");
    let first = Round { status: 302, took_ms: 3, set: Some(row("b1")), ..Round::default() };
    let second = Round { at_ms: 1_000, status: 200, took_ms: 2, carried: Some(row("b1")), ..Round::default() };
    let rounds = [first, second];
    let judgement = judge(&rounds, None, true);
    assert_eq!(
        report(Format::Table, &url, &rounds, &judgement),
        "#   AT  STATUS  BACKEND  COOKIE  TIME\n\
         1  0ms     302  app/b1   set      3ms\n\
         2   1s     200  app/b1   sent     2ms\n\
         \n\
         kept: 2 requests, all to app/b1\n"
    );
    assert_eq!(
        report(Format::Tsv, &url, &rounds, &judgement),
        "1\t0\t302\tapp/b1\tset\t3\n2\t1000\t200\tapp/b1\tsent\t2\n"
    );
    let document: serde_json::Value =
        serde_json::from_str(&report(Format::Json, &url, &rounds, &judgement)).expect("JSON");
    assert_eq!(document["verdict"], "kept");
    assert_eq!(document["requests"][1]["backend"], "app/b1");
}
