//! Everything about one object, the same fields in text and JSON.

use poise_ipc::cause::Cause;
use poise_ipc::model::Route;
use poise_ipc::status::{LatencyWindows, Quantiles, RouteCounters, RouteStatus, Status};

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

/// The running state with a route on web that has served.
fn routed() -> Status {
    let mut status = status();
    let window = Quantiles { count: 1_200, p50_us: 900, p90_us: 2_000, p99_us: 4_200, max_us: 61_000 };
    let latency = LatencyWindows { minute_1: window, ..LatencyWindows::default() };
    let settings = Route { path_prefix: Some("/api".to_owned()), ..Route::default() };
    let counters = RouteCounters { causes: vec![(Cause::ConnectFailed, 2)], ..RouteCounters::default() };
    let groups = vec!["app".parse().unwrap()];
    let name = Some("api".parse().unwrap());
    let web = status.listeners.iter_mut().find(|listener| listener.name.as_str() == "web").unwrap();
    web.routes = vec![RouteStatus { name, groups, redirects: false, counters, latency, settings }];
    status
}

#[test]
fn a_route_tells_what_it_takes_and_how_long_it_took() {
    let args = args::<Args>(&["route", "web/api"]).unwrap();
    let text = describe(Format::Table, (&routed(), &config()), &args).unwrap();
    for (key, value) in [
        ("takes", "/api/*"),
        ("leads", "app"),
        ("causes.connect-failed", "2"),
        ("latency 10 s", "no responses"),
        ("latency 1 min", "p50 900 us  p90 2.0 ms  p99 4.2 ms  max 61.0 ms  of 1200"),
    ] {
        let line = text.lines().find(|line| line.starts_with(&format!("{key}  ")));
        assert!(line.is_some_and(|line| line.ends_with(&format!("  {value}"))), "{key} {value} is not in\n{text}");
    }
    let text = describe(Format::Tsv, (&routed(), &config()), &args).unwrap();
    assert!(text.contains("latency.minute_1.p99_us\t4200\n"), "{text}");
}

#[test]
fn every_object_has_causes_and_windows_of_latency_in_json() {
    for (words, causes) in [
        (["listener", "web"], "/listener/counters/causes"),
        (["route", "web/api"], "/route/causes"),
        (["group", "app"], "/group/counters/causes"),
        (["backend", "app/app-1"], "/backend/counters/causes"),
    ] {
        let text = describe(Format::Json, (&routed(), &config()), &args::<Args>(&words).unwrap()).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(document.pointer(causes).is_some_and(serde_json::Value::is_object), "{text}");
        let latency = &document[words[0]]["latency"];
        for (window, quantile) in [("seconds_10", "p50_us"), ("minute_1", "p90_us"), ("minutes_10", "max_us")] {
            assert!(latency[window][quantile].is_u64(), "{text}");
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for kind in ["backend", "group", "listener", "route"] {
        let args = args::<Args>(&[kind, "nope"]).unwrap();
        assert_eq!(describe(Format::Table, (&status(), &config()), &args).unwrap_err().exit, Exit::NotFound);
    }
}
