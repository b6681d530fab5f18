//! What listeners remember: each for itself, over restarts, and until an operator removes it (S-09,
//! S-41, L-18).

use std::net::{IpAddr, SocketAddr};

use poise_ipc::entries::{EntryFilter, EntryQuery, EntryRemoval, EntryRow};
use poise_ipc::message::{Reply, Verb};
use poise_ipc::model::Network;
use poise_ipc::status::Status;
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::backends::{Scripted, patient, read_to_end};
use crate::process::{Daemon, Place, set};
use crate::rig::name;

/// Listeners on one group: `left` and `right` remember clients, `none` does not.
fn place(backends: &[Scripted; 3]) -> Place {
    let listener = |name: &str, persistence: &str| {
        format!(
            "listeners.{name} = {{ bind = \"127.0.0.1:0\", protocol = \"tcp\", group = \"app\", persistence = {persistence} }}\n"
        )
    };
    let backends = backends.iter().enumerate();
    let backends = backends.map(|(at, backend)| format!("b{at} = {{ address = \"{}\" }}\n", backend.address));
    Place::new(&format!(
        "{}{}{}[groups.app]\nscheduler = \"rr\"\nhealth_check = \"off\"\n[groups.app.backends]\n{}",
        listener("left", "{ kind = \"source\", timeout = \"1h\" }"),
        listener("right", "{ kind = \"source\", timeout = \"2h\", prefix_v4 = 24 }"),
        listener("none", "\"off\""),
        backends.collect::<String>()
    ))
}

fn three() -> [Scripted; 3] {
    [Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")]
}

/// Who serves a client at a listener.
fn served(daemon: &Daemon, listener: &str, client: [u8; 4]) -> String {
    let status = daemon.status();
    let found = status.listeners.iter().find(|found| found.name.as_str() == listener).expect("configured");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(IpAddr::from(client), 0).into()).expect("an address of the loopback");
    socket.connect(&found.bind.ip().expect("an address").into()).expect("the listener accepts");
    let said = read_to_end(&mut patient(socket.into())).expect("it is served");
    String::from_utf8(said).expect("a digit")
}

fn entries(daemon: &Daemon) -> Vec<EntryRow> {
    match daemon.ask(Verb::Entries(EntryQuery::default())) {
        Ok(Reply::Entries(page)) => page.rows,
        other => panic!("no entries: {other:?}"),
    }
}

fn remove(daemon: &Daemon, filter: EntryFilter) -> u64 {
    match daemon.ask(Verb::EntriesRemove(EntryRemoval { filter, all: false })) {
        Ok(Reply::EntriesRemoved { removed }) => removed,
        other => panic!("nothing removed: {other:?}"),
    }
}

fn pinned(status: &Status) -> Vec<u64> {
    status.groups[0].backends.iter().map(|backend| backend.counters.pinned_total).collect()
}

#[test]
fn s_09_each_listener_keeps_its_own_persistence_on_one_group() {
    let backends = three();
    let place = place(&backends);
    let daemon = place.start();
    let (client, neighbour) = ([127, 0, 1, 1], [127, 0, 1, 2]);
    assert_eq!((served(&daemon, "left", client), served(&daemon, "right", client)), ("0".into(), "1".into()));
    for _ in 0..3 {
        assert_eq!(served(&daemon, "left", client), "0");
        assert_eq!(served(&daemon, "right", neighbour), "1", "a neighbour is the same client on this one alone");
    }
    let rotates: Vec<_> = (0..3).map(|_| served(&daemon, "none", client)).collect();
    assert_eq!(rotates, ["2", "0", "1"]);
    assert_eq!(served(&daemon, "left", neighbour), "2");
    // One listener forgets, or ceases to remember; the other does not.
    let left = EntryFilter { listener: Some(name("left")), ..EntryFilter::default() };
    assert_eq!(remove(&daemon, left), 2);
    daemon.ask(set("listeners.left.persistence", "\"off\"")).expect("valid");
    let rows = entries(&daemon);
    let keys: Vec<_> = rows.iter().map(|row| (row.listener.to_string(), row.key.to_string())).collect();
    assert_eq!(keys, [("right".to_owned(), "127.0.1.0/24".to_owned())]);
    assert_eq!(served(&daemon, "right", client), "1");
}

#[test]
fn s_41_a_client_that_an_operator_removes_is_scheduled_anew() {
    let backends = three();
    let place = place(&backends);
    let daemon = place.start();
    let (client, other) = ([127, 0, 0, 5], [127, 0, 0, 6]);
    assert_eq!((served(&daemon, "left", client), served(&daemon, "left", other)), ("0".into(), "1".into()));
    assert_eq!(served(&daemon, "left", client), "0");
    let of_client = EntryFilter { key: Some(Network::of(client.into(), 32)), ..EntryFilter::default() };
    assert_eq!((remove(&daemon, of_client.clone()), remove(&daemon, of_client)), (1, 0));
    assert_eq!(served(&daemon, "left", client), "2", "it is the next one's turn");
    assert_eq!((served(&daemon, "left", client), served(&daemon, "left", other)), ("2".into(), "1".into()));
}

#[test]
fn l_18_entries_outlive_a_restart() {
    let backends = three();
    let place = place(&backends);
    let clients: Vec<[u8; 4]> = (1..=9).map(|n| [127, 0, 0, n]).collect();
    let daemon = place.start();
    let homes: Vec<_> = clients.iter().map(|&client| served(&daemon, "left", client)).collect();
    let before = entries(&daemon);
    assert_eq!(before.len(), 9);
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().success());
    // Once after a clean stop, and once more after a kill, which the snapshot of that stop outlives.
    for _ in 0..2 {
        let daemon = place.start();
        let after = entries(&daemon);
        let told = |rows: &[EntryRow]| -> Vec<_> { rows.iter().map(|row| (row.key, row.backend.clone())).collect() };
        assert_eq!(told(&after), told(&before));
        let left = |rows: &[EntryRow]| rows.iter().map(|row| row.remaining_ms).max();
        assert!(left(&after) < left(&before), "time has passed for them");
        // The other way round, so that the turns of a scheduler would lead elsewhere.
        for (client, home) in clients.iter().zip(&homes).rev() {
            assert_eq!(&served(&daemon, "left", *client), home);
        }
        assert_eq!(pinned(&daemon.status()), [3, 3, 3]);
        daemon.kill();
    }
}
