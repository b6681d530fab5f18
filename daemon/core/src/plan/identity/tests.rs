//! Identities are kept by names that stay and never given twice.

use proptest::prelude::*;

use super::*;
use poise_ipc::model::{Backend, Group};

fn config(backends: &[u8]) -> Config {
    let backend = |n: &u8| {
        let name = Name::new(&format!("b{n}")).expect("a valid name");
        (name, Backend::new(std::net::SocketAddr::from(([127, 0, 0, 1], 80))))
    };
    let group = Group { backends: backends.iter().map(backend).collect(), ..Group::default() };
    Config { groups: [(Name::new("app").expect("a valid name"), group)].into(), ..Config::default() }
}

/// Groups with backends, each `name@port`.
fn groups(of: &[(&str, &[&str])]) -> Config {
    let name = |text: &str| Name::new(text).expect("a valid name");
    let backend = |text: &&str| {
        let (backend, port) = text.split_once('@').expect("a name and a port");
        let port = port.parse().expect("a port");
        (name(backend), Backend::new(std::net::SocketAddr::from(([127, 0, 0, 1], port))))
    };
    let group = |backends: &[&str]| Group { backends: backends.iter().map(backend).collect(), ..Group::default() };
    Config {
        groups: of.iter().map(|(group_name, backends)| (name(group_name), group(backends))).collect(),
        ..Config::default()
    }
}

/// The id of each backend after a change, as text.
fn ids(before: &Config, after: &Config) -> String {
    let known = Identities::default().follow(before);
    let next = known.renamed(before, after).follow(after);
    let ids: Vec<_> = next.backends.iter().map(|(path, id)| format!("{path}={}", id.0)).collect();
    ids.join(" ")
}

#[test]
fn a_backend_or_group_that_is_renamed_keeps_its_identity() {
    let before = groups(&[("app", &["a@1", "b@2"]), ("db", &["x@3"])]);
    for (after, told) in [
        (groups(&[("app", &["a@1", "b@2"]), ("db", &["x@3"])]), "app/a=0 app/b=1 db/x=2"),
        (groups(&[("app", &["c@2", "a@1"]), ("db", &["x@3"])]), "app/a=0 app/c=1 db/x=2"),
        (groups(&[("app", &["b@1", "a@2"]), ("db", &["x@3"])]), "app/a=0 app/b=1 db/x=2"),
        (groups(&[("shop", &["a@1", "b@2"]), ("db", &["y@3"])]), "db/y=2 shop/a=0 shop/b=1"),
        (groups(&[("shop", &["c@2", "d@1"]), ("db", &["x@3"])]), "db/x=2 shop/c=1 shop/d=0"),
        (groups(&[("shop", &["a@1", "b@9"]), ("db", &["x@3"])]), "db/x=2 shop/a=3 shop/b=4"),
        (groups(&[("app", &["c@1", "d@1"]), ("db", &["x@3"])]), "app/c=3 app/d=4 db/x=2"),
        (groups(&[("app", &["a@1", "b@2", "c@2"]), ("db", &["x@3"])]), "app/a=0 app/b=1 app/c=3 db/x=2"),
    ] {
        assert_eq!(ids(&before, &after), told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ids_follow_names_and_are_never_given_twice(
        edits in proptest::collection::vec(proptest::collection::vec(0..12_u8, 0..12), 1..12),
    ) {
        let mut known = Identities::default();
        let mut given = std::collections::BTreeSet::new();
        for backends in edits {
            let next = known.follow(&config(&backends));
            for (path, id) in &next.backends {
                match known.backends.get(path) {
                    Some(before) => prop_assert_eq!(before, id),
                    None => prop_assert!(given.insert(*id)),
                }
                prop_assert!(id.0 < next.next);
            }
            prop_assert_eq!(next.backends.len(), config(&backends).groups.values().map(|g| g.backends.len()).sum::<usize>());
            known = next;
        }
    }
}
