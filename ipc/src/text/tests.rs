//! Text to configuration and back, and every kind of fault with its place.

pub(crate) mod made;

mod durations;
mod faults;
mod forms;
mod judged;
mod routes;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{parse, print, reference};
use crate::Config;
use crate::advice::findings;
use crate::model::{Group, HealthCheck, Persistence, Protocol, Scheduler};
use crate::text::tests::made::{a_config, name};

/// The configuration of DESIGN, without what later work adds to it.
pub(crate) const SAMPLE: &str = r#"
[listeners.web]
bind = "0.0.0.0:80"
protocol = "http"
group = "app"
persistence = { kind = "cookie-insert", timeout = "1000s" }

[groups.app]
scheduler = "wrr"
health_check = { protocol = "http", method = "HEAD", path = "/", interval = "2s", timeout = "5s", rise = 3, fall = 3, expect = ["2xx", "3xx"] }

[groups.app.backends]
app-1 = { address = "10.0.0.1:8080", weight = 100 }
app-2 = { address = "10.0.0.2:8080", weight = 50 }
"#;

#[test]
fn the_sample_reads_as_it_is_written() {
    let config = parse(SAMPLE).expect("the sample is valid");
    let web = &config.listeners["web"];
    assert_eq!(web.protocol, Protocol::Http);
    assert_eq!(web.idle_timeout_ms, 60_000);
    assert_eq!(web.persistence, Persistence::cookie_insert("SERVERID", 1_000_000));
    let app = &config.groups["app"];
    assert_eq!(app.scheduler, Scheduler::Wrr);
    assert_eq!(app.backends["app-1"].weight, 100);
    assert_eq!(app.backends["app-2"].weight, 50);
}

#[test]
fn settings_at_their_default_are_not_printed() {
    let config = parse(SAMPLE).expect("the sample is valid");
    let printed = "[listeners.web]
bind = \"0.0.0.0:80\"
protocol = \"http\"
group = \"app\"
persistence = { kind = \"cookie-insert\" }

[groups.app]
health_check = { protocol = \"http\" }

[groups.app.backends]
app-1 = { address = \"10.0.0.1:8080\" }
app-2 = { address = \"10.0.0.2:8080\", weight = 50 }
";
    assert_eq!(print(&config), printed);
}

#[test]
fn nothing_is_a_configuration_of_nothing() {
    assert_eq!(parse(""), Ok(Config::default()));
    assert_eq!(print(&Config::default()), "");
}

#[test]
fn an_empty_group_has_every_default() {
    let config = parse("[groups.app]").expect("a group needs no setting");
    assert_eq!(config.groups[&name("app")], Group::default());
    assert_eq!(config.groups[&name("app")].health_check, HealthCheck::default());
}

#[test]
fn the_idle_timeout_follows_the_protocol_unless_it_is_given() {
    let listener = |protocol, more| {
        let text = format!(
            "groups.app = {{}}\nlisteners.l = {{ {more} protocol = \"{protocol}\", group = \"app\", bind = \"[::1]:1\" }}"
        );
        parse(&text).expect("a valid listener").listeners["l"].idle_timeout_ms
    };
    assert_eq!(listener("tcp", ""), 900_000);
    assert_eq!(listener("http", ""), 60_000);
    assert_eq!(listener("http", "idle_timeout = \"15m\","), 900_000);
}

#[test]
fn a_word_stands_for_a_table_with_its_first_key() {
    let text = "groups.a.health_check = \"http\"\ngroups.b.health_check = \"off\"
        listeners.l = { bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"a\", persistence = \"source\" }";
    let config = parse(text).expect("words are allowed");
    assert_eq!(config.groups["a"].health_check.protocol.word(), "http");
    assert_eq!(config.listeners["l"].persistence, Persistence::source(1_000_000));
    assert!(print(&config).contains("[groups.b]\nhealth_check = \"off\"\n"));
}

#[test]
fn the_reference_in_assets_is_the_one_that_the_settings_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/config-reference.md");
    if std::env::var_os("POISE_BLESS").is_some() {
        fs::write(&path, reference()).expect("the reference can be written");
    }
    let written = fs::read_to_string(&path).expect("assets hold the reference");
    assert_eq!(written, reference(), "run the tests with POISE_BLESS=1 to write it anew");
}

#[test]
fn the_sample_files_are_valid_and_need_no_advice() {
    for (file, text) in [
        ("poise.toml", include_str!("../../../assets/poise.toml")),
        ("demo.toml", include_str!("../../../assets/demo.toml")),
    ] {
        let config = parse(text).unwrap_or_else(|faults| panic!("{file}: {faults:?}"));
        assert_eq!(findings(&config), [], "{file}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(config in a_config()) {
        prop_assert_eq!(parse(&print(&config)), Ok(config));
    }

    #[test]
    fn every_fault_of_any_text_says_where(text in made::a_text()) {
        for fault in parse(&text).err().into_iter().flatten() {
            prop_assert!(fault.place.is_some(), "{fault}");
        }
    }
}
