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
