//! What does not fit together.

use super::validate;
use crate::Config;
use crate::fault::Fault;
use crate::model::{Backend, Group, Listener, Persistence, Protocol};
use crate::text::tests::made::name;

fn config(listeners: &[(&str, Listener)]) -> Config {
    let mut config = Config::default();
    config.groups.insert(name("app"), Group::default());
    config.listeners.extend(listeners.iter().map(|(n, listener)| (name(n), listener.clone())));
    config
}

fn listener(bind: &str) -> Listener {
    Listener::new(bind.parse::<std::net::SocketAddr>().expect("an address"), Protocol::Tcp, name("app"))
}

fn faults(config: &Config) -> Vec<String> {
    validate(config).iter().map(Fault::to_string).collect()
}

#[test]
fn defaults_are_valid() {
    assert_eq!(validate(&Config::default()), []);
    let http = Listener::new(std::net::SocketAddr::from(([0, 0, 0, 0], 81)), Protocol::Http, name("app"));
    let mut config = config(&[("tcp", listener("0.0.0.0:80")), ("http", http)]);
    let group = config.groups.get_mut("app").expect("it is there");
    group.backends.insert(name("app-1"), Backend::new(std::net::SocketAddr::from(([10, 0, 0, 1], 80))));
    assert_eq!(validate(&config), []);
}

#[test]
fn addresses_that_overlap_are_refused_and_both_named() {
    let shared = |a: &str, b: &str| faults(&config(&[("a", listener(a)), ("b", listener(b))]));
    let found = shared("0.0.0.0:80", "127.0.0.1:80");
    let expected = "listeners.b.bind: 127.0.0.1:80 overlaps 0.0.0.0:80 of listener a; give one of them another port";
    assert_eq!(found, [expected]);
    assert_eq!(shared("127.0.0.1:80", "127.0.0.1:80").len(), 1);
    assert_eq!(shared("[::1]:80", "[::]:80").len(), 1);
    assert_eq!(shared("127.0.0.1:80", "[::]:80").len(), 0);
    assert_eq!(shared("127.0.0.1:80", "127.0.0.2:80").len(), 0);
    assert_eq!(shared("0.0.0.0:80", "[::1]:80").len(), 0);
    assert_eq!(shared("127.0.0.1:80", "127.0.0.1:81").len(), 0);
    assert_eq!(shared("127.0.0.1:0", "127.0.0.1:0").len(), 0);
}

#[test]
fn persistence_fits_the_protocol() {
    let source = Persistence::source(1_000);
    let cookie = Persistence::cookie_insert("A", 1_000);
    let found = |protocol, persistence: &Persistence| {
        let listener = Listener { protocol, persistence: persistence.clone(), ..listener("127.0.0.1:80") };
        faults(&config(&[("l", listener)]))
    };
    assert_eq!(found(Protocol::Tcp, &source).len(), 0);
    assert_eq!(found(Protocol::Http, &cookie).len(), 0);
    assert_eq!(
        found(Protocol::Tcp, &cookie),
        [
            "listeners.l.persistence.kind: cookie-insert does not work on a listener of protocol tcp; use kind = \"source\""
        ]
    );
    assert_eq!(found(Protocol::Http, &source).len(), 1);
}

#[test]
fn values_that_no_text_could_give_are_refused_as_well() {
    let mut config = config(&[("l", Listener { idle_timeout_ms: 5, ..listener("127.0.0.1:80") })]);
    let group = config.groups.get_mut("app").expect("it is there");
    group.health_check.path = "/\r\nX: y".to_owned();
    group.health_check.expect.clear();
    group
        .backends
        .insert(name("b"), Backend { weight: 2_000, ..Backend::new(std::net::SocketAddr::from(([10, 0, 0, 1], 0))) });
    let paths: Vec<_> = validate(&config).into_iter().map(|fault| fault.path).collect();
    assert_eq!(
        paths,
        [
            "listeners.l.idle_timeout",
            "groups.app.health_check.path",
            "groups.app.health_check.expect",
            "groups.app.backends.b.address",
            "groups.app.backends.b.weight",
        ]
    );
}

#[test]
fn counts_are_limited() {
    let mut config = config(&[]);
    let group = config.groups.get_mut("app").expect("it is there");
    let backend = Backend::new(std::net::SocketAddr::from(([10, 0, 0, 1], 80)));
    group.backends.extend((0..1_001).map(|n| (name(&format!("b-{n}")), backend.clone())));
    assert_eq!(faults(&config), ["groups.app.backends: 1001 backends; allowed: up to 1000"]);
}

#[test]
fn a_configuration_never_prints_longer_than_one_may_be() {
    let mut config = config(&[]);
    let group = config.groups.get_mut("app").expect("it is there");
    let backend = Backend::new(std::net::SocketAddr::from(([10, 0, 0, 1], 80)));
    group.backends.extend((0..1_000).map(|n| (name(&format!("b-{n:0>60}")), backend.clone())));
    let full = config.groups["app"].clone();
    config.groups.extend((0..60).map(|n| (name(&format!("g-{n}")), full.clone())));
    let found = faults(&config);
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("bytes of configuration text; allowed: up to 4194304"), "{found:?}");
}
