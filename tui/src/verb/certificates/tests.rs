//! Certificates are listed as people and programs read them.

use poise_ipc::status::CertificateFacts;

use super::super::fixture::args;
use super::*;

fn certificate(name: &str, days_left: Option<i64>) -> CertificateStatus {
    let facts = CertificateFacts {
        subject: "Shop".to_owned(),
        names: vec!["shop.example".to_owned(), "*.shop.example".to_owned()],
        issuer: "Example CA".to_owned(),
        serial: "01:02".to_owned(),
        not_before_ms: 1_795_356_128_122,
        not_after_ms: 1_798_761_599_000,
        key_type: "ECDSA P-256".to_owned(),
    };
    CertificateStatus {
        name: name.parse().expect("a name"),
        chain: "/etc/poise/shop.pem".to_owned(),
        facts: days_left.map(|_| facts),
        days_left,
        loaded_ms: 7,
        error: days_left.is_none().then(|| "read /etc/poise/shop.pem: No such file".to_owned()),
        listeners: vec!["web".parse().expect("a name")],
        notes: Vec::new(),
    }
}

#[test]
fn a_row_says_how_long_it_lasts_for_whom_and_who_has_signed_it() {
    let rows = [certificate("shop", Some(39)), certificate("old", None)];
    assert_eq!(
        table(Format::Table, &rows),
        "\
CERTIFICATE  DAYS LEFT  UNTIL       NAMES                        ISSUER      KEY          LISTENERS  ERROR
shop                39  2026-12-31  shop.example,*.shop.example  Example CA  ECDSA P-256  web        -
old                  -  -           -                            -           -            web        read /etc/poise/shop.pem: No such file
"
    );
}

#[test]
fn json_carries_days_and_milliseconds_and_null_for_what_could_not_be_read() {
    let rows = [certificate("shop", Some(-2)), certificate("old", None)];
    let document: serde_json::Value = serde_json::from_str(&table(Format::Json, &rows)).expect("JSON");
    let (shop, old) = (&document["certificates"][0], &document["certificates"][1]);
    assert_eq!((shop["days_left"].as_i64(), shop["not_after_ms"].as_i64()), (Some(-2), Some(1_798_761_599_000)));
    assert_eq!(shop["names"][1].as_str(), Some("*.shop.example"));
    assert!(old["days_left"].is_null() && old["names"].is_null());
    assert!(old["error"].as_str().is_some_and(|error| error.contains("No such file")));
}

#[test]
fn what_a_reload_has_brought_is_counted() {
    let rows = [certificate("shop", Some(39))];
    assert_eq!(said(Format::Table, &rows, 1), "1 certificate read, 1 changed\n");
    let document: serde_json::Value = serde_json::from_str(&said(Format::Json, &rows, 0)).expect("JSON");
    assert_eq!((document["changed"].as_u64(), document["certificates"][0]["name"].as_str()), (Some(0), Some("shop")));
}

#[test]
fn names_choose_and_a_name_that_is_not_there_is_an_error() {
    let known = || vec![certificate("shop", Some(1)), certificate("old", Some(2))];
    let chosen = named(known(), &["old".to_owned()]).expect("it is there");
    assert_eq!(chosen, [certificate("old", Some(2))]);
    assert!(named(known(), &["shpo".to_owned()]).is_err());
}

#[test]
fn reload_is_a_task_with_one_name_or_none() {
    let reload = |words: &[&str]| match args::<Args>(words).expect("it reads").task {
        Some(Task::Reload(args)) => args.name.map(|name| name.to_string()),
        None => panic!("another task"),
    };
    assert_eq!(reload(&["reload"]), None);
    assert_eq!(reload(&["reload", "site"]), Some("site".to_owned()));
    assert!(args::<Args>(&["reload", "a", "b"]).is_err());
}
