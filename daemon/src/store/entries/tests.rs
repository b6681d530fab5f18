//! A snapshot is read as a whole or not at all, and its writing keeps nobody waiting.

use crate::store::HISTORY_MAX_DEFAULT;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use super::super::{StateDir, Store};
use super::*;

fn open(dir: &Path) -> (Store, Vec<EntryPart>) {
    let (store, stored) = Store::open(StateDir::hold(dir).expect("held"), HISTORY_MAX_DEFAULT).expect("opens");
    (store, stored.entries)
}

fn part(listener: u64, entries_count: u32) -> EntryPart {
    let entry = |n: u32| {
        let client: IpAddr =
            if n.is_multiple_of(2) { n.to_be_bytes().into() } else { Ipv6Addr::from(u128::from(n) << 64).into() };
        Entry { client, backend: BackendId(u64::MAX - u64::from(n)), idle_ms: n.into() }
    };
    EntryPart {
        listener: ListenerId(listener),
        at_ms: 1_795_356_128_122,
        entries: (0..entries_count).map(entry).collect(),
    }
}

fn boxed(parts: Vec<EntryPart>) -> EntryParts {
    Box::new(parts.into_iter())
}

/// Parts of which each is made when the test says so.
fn held(parts: Vec<EntryPart>, said: Receiver<()>) -> EntryParts {
    Box::new(parts.into_iter().inspect(move |_| said.recv().expect("the test says when")))
}

#[test]
fn what_is_stored_last_is_what_is_there_after_a_stop() {
    let dir = tempfile::tempdir().expect("dir");
    let (store, found) = open(dir.path());
    assert_eq!(found, []);
    assert!(store.entries(boxed(vec![part(1, 3)])));
    drop(store);
    let (store, found) = open(dir.path());
    assert_eq!(found, [part(1, 3)]);
    // More than one batch, and less than before for the listener.
    let parts = vec![part(1, 2), part(2, 6_000), part(3, 6_000), part(4, 1)];
    assert!(store.entries(boxed(parts.clone())));
    drop(store);
    let (store, found) = open(dir.path());
    assert_eq!(found, parts);
    assert!(store.entries(boxed(Vec::new())));
    drop(store);
    assert_eq!(open(dir.path()).1, []);
}

#[test]
fn a_snapshot_that_was_not_finished_is_never_read() {
    let dir = tempfile::tempdir().expect("dir");
    let (store, _) = open(dir.path());
    assert!(store.entries(boxed(vec![part(1, 3)])));
    drop(store);
    let (store, _) = open(dir.path());
    let (say, said) = sync_channel(0);
    let parts = vec![part(1, 9_000), part(1, 9_000), part(1, 9_000)];
    assert!(store.entries(held(parts.clone(), said)));
    for _ in 0..2 {
        say.send(()).expect("a part is asked for");
    }
    // The thread has asked for a second batch, so the first one is on the disk. A copy of the files
    // as they are now is what SIGKILL would leave.
    let copy = tempfile::tempdir().expect("dir");
    for file in ["poise.db", "poise.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).expect("copied");
    }
    say.send(()).expect("a part is asked for");
    drop(store);
    let (again, found) = open(copy.path());
    assert_eq!(found, [part(1, 3)]);
    assert!(again.entries(boxed(vec![part(2, 1)])));
    drop(again);
    assert_eq!(open(copy.path()).1, [part(2, 1)], "what was left half done is gone");
    assert_eq!(open(dir.path()).1, parts);
}

#[test]
fn other_work_is_done_between_two_batches() {
    let dir = tempfile::tempdir().expect("dir");
    let (store, _) = open(dir.path());
    let (say, said) = sync_channel(0);
    assert!(store.entries(held(vec![part(1, 9_000), part(1, 9_000)], said)));
    let ack = store.taken("# file\n".to_owned());
    say.send(()).expect("a part is asked for");
    ack.blocking_recv().expect("answered while the second part waits").expect("stored");
    say.send(()).expect("a part is asked for");
    drop(store);
    assert_eq!(open(dir.path()).1.len(), 2);
}
