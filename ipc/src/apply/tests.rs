//! Edits of every kind, and lookups by path.

use std::time::Instant;

use proptest::prelude::*;

use super::{apply, get};
use crate::Config;
use crate::edit::Edit;
use crate::fault::Fault;
use crate::model::{AdminState, Backend, CheckProtocol, Persistence};
use crate::text::parse;
use crate::text::tests::SAMPLE;
use crate::text::tests::made::{a_config, name, some_edits};
use crate::validate::validate;

fn sample() -> Config {
    parse(SAMPLE).expect("the sample is valid")
}

fn edited(edits: &[Edit]) -> Config {
    apply(&sample(), edits).expect("the edits are valid")
}

fn faults(edits: &[Edit]) -> Vec<String> {
    apply(&sample(), edits).expect_err("the edits have faults").iter().map(Fault::to_string).collect()
}

#[test]
fn a_weight_is_set() {
    let path = "app/app-1".parse().expect("a path");
    let config = edited(&[Edit::weight(&path, 7), Edit::state(&path, AdminState::Draining)]);
    assert_eq!(config.groups["app"].backends["app-1"].weight, 7);
    assert_eq!(config.groups["app"].backends["app-1"].state, AdminState::Draining);
    assert_eq!(config.groups["app"].backends["app-2"], sample().groups["app"].backends["app-2"]);
}

#[test]
fn bare_text_is_a_string() {
    let config = edited(&[
        Edit::set("groups.app.health_check.interval", "3s"),
        Edit::set("groups.app.scheduler", " wlc "),
        Edit::set("groups.app.backends.app-1.address", "10.9.9.9:1"),
        Edit::set("groups.app.health_check.expect", "204,3xx"),
    ]);
    let app = &config.groups["app"];
    assert_eq!(app.health_check.interval_ms, 3_000);
    assert_eq!(app.scheduler.word(), "wlc");
    assert_eq!(app.backends["app-1"].address.port(), Some(1));
    assert_eq!(app.health_check.expect.len(), 2);
}

#[test]
fn whole_objects_come_and_go() {
    let path = "app/app-3".parse().expect("a path");
    let config = edited(&[
        Edit::backend(&path, &Backend::new(std::net::SocketAddr::from(([10, 0, 0, 3], 80)))),
        Edit::set("groups.other", "{ scheduler = \"wlc\", backends = { o-1 = { address = \"10.0.0.9:80\" } } }"),
        Edit::set("listeners.t", "{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"other\" }"),
        Edit::remove("groups.app.backends.app-2"),
    ]);
    assert_eq!(config.groups["app"].backends.len(), 2);
    assert_eq!(config.groups["other"].backends.len(), 1);
    assert_eq!(config.listeners["t"].group, Some(name("other")));
    assert_eq!(apply(&config, &[Edit::remove_backend(&path)]).expect("it is there").groups["app"].backends.len(), 1);
}

#[test]
fn removed_settings_return_to_their_default() {
    let config = edited(&[
        Edit::remove("groups.app.backends.app-2.weight"),
        Edit::remove("groups.app.health_check"),
        Edit::remove("listeners.web.persistence"),
    ]);
    assert_eq!(config.groups["app"].backends["app-2"].weight, 100);
    assert_eq!(config.groups["app"].health_check.protocol, CheckProtocol::Tcp);
    assert_eq!(config.listeners["web"].persistence, Persistence::default());
    assert_eq!(faults(&[Edit::remove("listeners.web.bind")]).len(), 1);
}

#[test]
fn a_section_that_is_set_keeps_nothing_of_before() {
    let config = edited(&[Edit::set("groups.app.health_check", "{ interval = \"9s\" }")]);
    assert_eq!(config.groups["app"].health_check.protocol, CheckProtocol::Tcp);
    assert_eq!(config.groups["app"].health_check.interval_ms, 9_000);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let found = faults(&[
        Edit::set("groups.app.backends.ap-1.weight", "1"),
        Edit::set("groups.ap.backends.new", "{ address = \"10.0.0.1:80\" }"),
        Edit::remove("listeners.wep"),
        Edit::set("groups.app.backends.app-1.wieght", "1"),
        Edit::set("nowhere", "1"),
        Edit::set("groups.app.backends.app-1.weight", "1001"),
        Edit::set("groups.app.backends.a b", "{ address = \"10.0.0.1:80\" }"),
        Edit::set("groups.app.health_check", "{ rise = "),
    ]);
    assert_eq!(
        found,
        [
            "groups.app.backends.ap-1.weight: no backend \"ap-1\"; did you mean app-1?",
            "groups.ap.backends.new: no group \"ap\"; did you mean app?",
            "listeners.wep: no listener \"wep\"; did you mean web?",
            "groups.app.backends.app-1.wieght: a backend has no such key; allowed: address, weight, state, backup, max_connections, drain; did you mean weight?",
            "nowhere: nothing can stand at this path; allowed: listeners.NAME, listeners.NAME.routes.NAME, groups.NAME, groups.NAME.backends.NAME, certificates.NAME, each with or without .KEY",
            "groups.app.backends.app-1.weight: 1001 is out of range; allowed: 0 to 1000",
            "groups.app.backends.a b: a name is letters, digits, `_` and `-`, and starts with a letter or digit; found ' ' at 2",
            "groups.app.health_check: \"{ rise =\" is no value: unclosed inline table, expected `}`",
        ]
    );
}

#[test]
fn removing_a_group_in_use_names_the_listener() {
    let found = faults(&[Edit::remove("groups.app")]);
    assert_eq!(found, ["listeners.web.group: no group app; add [groups.app], or name another group"]);
}

#[test]
fn values_are_found_by_path_and_can_be_set_again() {
    let config = sample();
    let at = |path: &str| get(&config, path);
    assert_eq!(at("groups.app.backends.app-2.weight").as_deref(), Some("50"));
    assert_eq!(at("groups.app.scheduler").as_deref(), Some("wrr"));
    assert_eq!(at("groups.app.health_check.interval").as_deref(), Some("2s"));
    assert_eq!(at("groups.app.health_check.expect").as_deref(), Some("[\"2xx\", \"3xx\"]"));
    assert_eq!(at("listeners.web.persistence").as_deref(), Some("{ kind = \"cookie-insert\" }"));
    assert_eq!(at("groups.app.backends.app-2").as_deref(), Some("{ address = \"10.0.0.2:8080\", weight = 50 }"));
    assert_eq!(at("groups.app.backends.app-9"), None);
    assert_eq!(at("groups.app.health_check.host"), None);
    assert_eq!(at(""), None);
    assert_eq!(apply(&config, &[Edit::set("groups.app", at("groups.app").expect("a group"))]), Ok(config.clone()));
}

#[test]
fn a_text_that_would_read_as_another_type_keeps_its_quotes() {
    let edits = [Edit::set("groups.50", "{}"), Edit::set("listeners.web.group", "\"50\"")];
    let config = edited(&edits);
    assert_eq!(get(&config, "listeners.web.group").as_deref(), Some("\"50\""));
}

#[test]
fn a_thousand_backends_are_edited_and_validated_in_no_time() {
    let mut config = sample();
    let group = config.groups.get_mut("app").expect("the sample has it");
    for n in 0..998_u32 {
        group.backends.insert(
            name(&format!("b-{n}")),
            Backend::new(std::net::SocketAddr::from(((0x0a01_0000 + n).to_be_bytes(), 80))),
        );
    }
    let path = "app/b-500".parse().expect("a path");
    let times = std::iter::repeat_with(|| {
        let started = Instant::now();
        let edited = apply(&config, &[Edit::weight(&path, 3)]).expect("a valid edit");
        assert_eq!(edited.groups["app"].backends["b-500"].weight, 3);
        started.elapsed()
    });
    // A few milliseconds are due; the bound leaves room for an unoptimised build, and the shortest
    // of many for a machine with much else to do.
    let least = times.take(100).find(|time| time.as_millis() < 500);
    assert!(least.is_some(), "none of 100 took less than half a second");
}

proptest! {
    #[test]
    fn edits_of_any_kind_give_a_valid_configuration_or_faults_with_a_path(edits in some_edits()) {
        match apply(&sample(), &edits) {
            Ok(config) => prop_assert_eq!(validate(&config), []),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| !fault.path.is_empty() || edits.iter().any(|e| e.path().is_empty())));
            }
        }
    }

    #[test]
    fn every_object_can_be_set_to_what_it_is(config in a_config()) {
        let paths = config.groups.keys().map(|n| format!("groups.{n}")).chain(config.listeners.keys().map(|n| format!("listeners.{n}")));
        for path in paths {
            let text = get(&config, &path).expect("the object is there");
            prop_assert_eq!(apply(&config, &[Edit::set(path, text)]), Ok(config.clone()));
        }
    }
}
