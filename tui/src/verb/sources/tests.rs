//! Every backend has a line, with its source or why there is none, and the advice stands below.

use super::super::fixture::{config, status};
use super::*;

fn made() -> Vec<Way> {
    let (mut status, mut config) = (status(), config());
    let backends = status.groups.iter_mut().flat_map(|group| &mut group.backends);
    for (backend, place) in backends.zip(["10.0.0.1:80", "db.test:5432", "unix:/run/b.sock"]) {
        backend.address = match place.split_once(':') {
            Some(("unix", path)) => Address::Unix(path.to_owned()),
            Some(("db.test", _)) => Address::Name { host: "db.test".to_owned(), port: 5_432 },
            _ => Address::Ip(place.parse().expect("an address")),
        };
    }
    status.groups[0].backends[0].source = Some([10, 0, 0, 254].into());
    let db = config.listeners.get_mut(&"db".parse::<Name>().expect("a name")).expect("in the fixture");
    db.client_address = ClientAddress::Transparent;
    sources(&status, &config, None)
}

#[test]
fn the_table_names_sources_and_says_what_they_are_for() {
    assert_eq!(
        table(Format::Table, &made()),
        "\
BACKEND      ADDRESS           SOURCE
app/app-1    10.0.0.1:80       10.0.0.254
app/app-2    db.test:5432      unknown: the name is not resolved
data/data-1  unix:/run/b.sock  none: a Unix socket

Let these addresses in at the backends' firewalls: connections and health checks come from them.
"
    );
}

#[test]
fn json_carries_plain_values() {
    let document: serde_json::Value = serde_json::from_str(&table(Format::Json, &made())).expect("JSON");
    let row = &document["sources"][0];
    assert_eq!((row["group"].as_str(), row["source"].as_str()), (Some("app"), Some("10.0.0.254")));
    assert_eq!((&row["transparent"], &document["sources"][2]["transparent"]), (&false.into(), &true.into()));
    assert_eq!(document["sources"][2]["source"], serde_json::Value::Null);
}

#[test]
fn a_group_is_listed_alone() {
    let name = "data".parse().expect("a name");
    let only: Vec<_> = sources(&status(), &config(), Some(&name)).into_iter().map(|source| source.name).collect();
    assert_eq!(only.len(), 1);
    assert_eq!(only[0].as_str(), "data-1");
}
