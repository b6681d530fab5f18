//! Each piece of advice fires on what it is about and on nothing else.

use proptest::prelude::*;

use super::{Severity, findings};
use crate::Config;
use crate::apply::apply;
use crate::edit::Edit;
use crate::text::parse;

const PLAIN: &str = r#"
listeners.web = { bind = "127.0.0.1:80", protocol = "http", group = "app" }
listeners.raw = { bind = "127.0.0.1:81", protocol = "tcp", group = "app" }
groups.app.backends.a = { address = "10.0.0.1:80" }
"#;

fn edited(edits: &[(&str, &str)]) -> Config {
    let edits: Vec<_> = edits.iter().map(|(path, value)| Edit::set(*path, *value)).collect();
    apply(&parse(PLAIN).expect("a valid text"), &edits).expect("valid edits")
}

fn codes(edits: &[(&str, &str)]) -> Vec<(String, String)> {
    findings(&edited(edits)).into_iter().map(|finding| (finding.code, finding.subject)).collect()
}

fn assert_found(edits: &[(&str, &str)], code: &str, subject: &str) {
    assert_eq!(codes(edits), [(code.to_owned(), subject.to_owned())]);
}

#[test]
fn defaults_with_a_backend_of_weight_need_no_advice() {
    assert_eq!(findings(&edited(&[])), []);
    assert_eq!(findings(&Config::default()), []);
}

proptest! {
    #[test]
    fn defaults_need_no_advice_whatever_the_names_and_addresses(group in "[a-z]{1,9}", host in 1..=254_u8, weight in 1..=1_000_u16, http: bool) {
        let protocol = if http { "http" } else { "tcp" };
        let text = format!(
            "listeners.l = {{ bind = \"10.0.1.{host}:80\", protocol = \"{protocol}\", group = \"{group}\" }}
            groups.{group}.backends.b = {{ address = \"10.0.0.{host}:80\", weight = {weight} }}"
        );
        prop_assert_eq!(findings(&parse(&text).expect("a valid text")), []);
    }
}

#[test]
fn groups_that_answer_nobody_are_severe() {
    assert_found(&[("groups.app.backends", "{}")], "group-without-backends", "groups.app");
    assert_found(&[("groups.app.backends.a.weight", "0")], "group-without-weight", "groups.app");
    assert_found(&[("groups.app.backends.a.state", "draining")], "group-without-enabled", "groups.app");
    let gravest = findings(&edited(&[("groups.app.backends.a.weight", "0"), ("groups.new", "{}")]));
    assert_eq!(gravest[0].severity, Severity::Severe);
    assert_eq!(gravest[1].code, "group-unused");
}

#[test]
fn checks_that_see_little_are_named() {
    assert_found(&[("groups.app.health_check", "off")], "checks-off", "groups.app.health_check");
    let path = "groups.app.health_check";
    assert_found(&[(path, "{ protocol = \"http\", expect = \"5xx\" }")], "expects-errors", &format!("{path}.expect"));
    assert_found(
        &[(path, "{ protocol = \"http\", path = \"/a.php?x\" }")],
        "check-of-program",
        &format!("{path}.path"),
    );
    assert_found(&[(path, "{ path = \"/a\" }")], "setting-without-effect", &format!("{path}.path"));
    assert_found(&[(path, "{ timeout = \"6s\" }")], "timeout-over-interval", &format!("{path}.timeout"));
    assert_eq!(codes(&[(path, "{ interval = \"1s\", timeout = \"2s\" }")]), []);
}

#[test]
fn values_beyond_the_reference_are_named() {
    let path = "groups.app.health_check";
    assert_found(&[(path, "{ interval = \"51s\" }")], "beyond-reference", &format!("{path}.interval"));
    assert_found(&[(path, "{ rise = 1 }")], "beyond-reference", &format!("{path}.rise"));
    assert_found(&[(path, "{ fall = 11 }")], "beyond-reference", &format!("{path}.fall"));
    let raw = "listeners.raw.persistence";
    assert_found(&[(raw, "{ kind = \"source\", timeout = \"3601s\" }")], "beyond-reference", &format!("{raw}.timeout"));
    let web = "listeners.web.persistence";
    assert_eq!(codes(&[(web, "{ kind = \"cookie-insert\", timeout = \"1d\" }")]), []);
}

#[test]
fn balance_that_cannot_come_about_is_named() {
    let wlc = [("groups.app.scheduler", "wlc"), ("listeners.raw.persistence", "source")];
    assert_found(&wlc, "wlc-with-persistence", "listeners.raw.persistence");
    let unequal =
        [("groups.app.scheduler", "rr"), ("groups.app.backends.b", "{ address = \"10.0.0.2:80\", weight = 5 }")];
    assert_found(&unequal, "weight-without-effect", "groups.app.scheduler");
    let twice = [("groups.app.backends.b", "{ address = \"10.0.0.1:80\" }")];
    assert_found(&twice, "address-twice", "groups.app.backends.b.address");
    let short = [("listeners.raw.persistence", "{ kind = \"source\", timeout = \"5s\" }")];
    assert_found(&short, "persistence-short", "listeners.raw.persistence.timeout");
}

#[test]
fn a_listener_that_would_feed_itself_is_severe() {
    assert_found(&[("groups.app.backends.a.address", "127.0.0.1:81")], "loop", "groups.app.backends.a.address");
    assert_eq!(findings(&edited(&[("groups.app.backends.a.address", "127.0.0.1:81")]))[0].severity, Severity::Severe);
}

#[test]
fn settings_of_http_on_a_tcp_listener_are_named() {
    let off = [("listeners.raw.forwarded_for", "off")];
    assert_found(&off, "setting-without-effect", "listeners.raw.forwarded_for");
    let silent = [("listeners.raw.response_timeout", "5s")];
    assert_found(&silent, "setting-without-effect", "listeners.raw.response_timeout");
}
