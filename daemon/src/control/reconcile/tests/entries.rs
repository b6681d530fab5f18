//! Entries are paged, removed and carried over a restart by the writer.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use poise_core::persistence::SOURCE_ENTRIES_MAX;
use poise_ipc::edit::Edit;
use poise_ipc::entries::{EntryCursor, EntryFilter, EntryPage, EntryQuery, EntryRemoval};
use poise_ipc::message::{ErrorCode, Reply, Verb};

use super::support::*;
use crate::control::command::Answer;
use crate::control::reconcile::{ENTRIES_TICKS, TICK};
use crate::store::tests::entry_parts;

const SOURCE: &str = "\
listeners.one = { bind = \"127.0.0.1:1001\", protocol = \"tcp\", group = \"app\", persistence = { kind = \"source\", timeout = \"1h\" } }
listeners.two = { bind = \"127.0.0.1:1002\", protocol = \"tcp\", group = \"app\", persistence = { kind = \"source\", prefix_v4 = 24 } }
listeners.web = { bind = \"127.0.0.1:1003\", protocol = \"http\", group = \"app\" }
[groups.app]
health_check = \"off\"
[groups.app.backends]
a = { address = \"10.0.0.1:80\" }
b = { address = \"10.0.0.2:80\" }
";

async fn start(dir: &Path) -> Writer {
    let file = dir.join("poise.toml");
    std::fs::write(&file, SOURCE).expect("written");
    Writer::start(dir, Some(&file), FakePorts::default()).await.expect("starts")
}

fn client(n: u32) -> IpAddr {
    Ipv4Addr::from((10 << 24) + n).into()
}

/// Binds clients to a backend at a listener, as the workers do.
fn bind(writer: &Writer, (listener, backend): (&str, &str), clients: std::ops::Range<u32>) {
    let plan = writer.published.load();
    let listener = plan.listeners.values().find(|found| found.name.as_str() == listener).expect("configured");
    let backend = listener.group.backends.iter().find(|found| found.name.as_str() == backend).expect("configured");
    for n in clients {
        listener.source_table().expect("source persistence").bind(client(n), backend.id, 0);
    }
}

async fn page(writer: &Writer, filter: EntryFilter, after: Option<EntryCursor>, limit: u32) -> EntryPage {
    match writer.ask(Verb::Entries(EntryQuery { filter, limit, after })).await {
        Ok(Reply::Entries(page)) => page,
        other => panic!("no page: {other:?}"),
    }
}

async fn total(writer: &Writer, filter: EntryFilter) -> u64 {
    page(writer, filter, None, 1).await.total.expect("told on the first page")
}

async fn remove(writer: &Writer, removal: EntryRemoval) -> Answer {
    writer.ask(Verb::EntriesRemove(removal)).await
}

fn at(listener: &str) -> EntryFilter {
    EntryFilter { listener: Some(listener.parse().expect("a name")), ..EntryFilter::default() }
}

fn of(key: &str) -> EntryFilter {
    EntryFilter { key: Some(key.parse().expect("a network")), ..EntryFilter::default() }
}

fn to(backend: &str) -> EntryFilter {
    EntryFilter { backend: Some(backend.parse().expect("a path")), ..EntryFilter::default() }
}

#[test]
fn pages_of_all_listeners_hold_every_entry_once() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path()).await;
        bind(&writer, ("one", "a"), 0..2_500);
        bind(&writer, ("two", "b"), 0..1_024);
        let (mut after, mut seen, mut pages) = (None, BTreeSet::new(), 0);
        loop {
            let page = page(&writer, EntryFilter::default(), after.clone(), 500).await;
            assert_eq!(page.total, after.is_none().then_some(2_504));
            pages += 1;
            seen.extend(page.rows.iter().map(|row| (row.listener.to_string(), row.key.to_string())));
            after = page.more;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (2_504, 6));
        assert!(seen.contains(&("two".to_owned(), "10.0.3.0/24".to_owned())));
        let row = page(&writer, of("10.0.0.7"), None, 10).await.rows.remove(0);
        assert_eq!((row.listener.as_str(), row.key.to_string().as_str()), ("one", "10.0.0.7"));
        assert_eq!((row.group.as_str(), row.backend.expect("there").as_str()), ("app", "a"));
        assert_eq!(row.idle_ms + row.remaining_ms, 3_600_000);
        let status = writer.status().await;
        let pinned: Vec<_> = status.groups[0].backends.iter().map(|backend| backend.pinned_entries).collect();
        assert_eq!(pinned, [2_500, 4]);
        writer.stop().await;
    });
}

#[test]
fn an_operator_removes_by_listener_client_backend_or_all() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path()).await;
        bind(&writer, ("one", "a"), 0..10);
        bind(&writer, ("one", "b"), 10..20);
        bind(&writer, ("two", "b"), 0..1);
        let both = EntryFilter { key: of("10.0.0.8/29").key, ..to("app/b") };
        for (filter, removed) in [(both.clone(), 7), (both, 0), (of("10.0.0.0"), 1), (at("web"), 0), (to("app/a"), 9)] {
            let removal = EntryRemoval { filter: filter.clone(), all: false };
            assert_eq!(remove(&writer, removal).await, Ok(Reply::EntriesRemoved { removed }), "{filter:?}");
        }
        assert_eq!(total(&writer, at("one")).await, 4);
        let all = |all| EntryRemoval { all, ..EntryRemoval::default() };
        assert_eq!(remove(&writer, all(false)).await.map_err(|error| error.code), Err(ErrorCode::Invalid));
        assert_eq!(remove(&writer, all(true)).await, Ok(Reply::EntriesRemoved { removed: 4 }));
        for (filter, path) in [(at("nope"), "listeners.nope"), (to("app/c"), "groups.app.backends.c")] {
            let error = remove(&writer, EntryRemoval { filter, all: true }).await.expect_err("nothing stands there");
            assert_eq!((error.code, error.path.as_deref()), (ErrorCode::NotFound, Some(path)));
        }
        let refused = writer.ask(Verb::Entries(EntryQuery { limit: 1_001, ..EntryQuery::default() })).await;
        assert_eq!(refused.map_err(|error| error.code), Err(ErrorCode::Invalid));
        writer.stop().await;
    });
}

#[test]
fn a_full_table_outlives_a_restart() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path()).await;
        let full = u32::try_from(SOURCE_ENTRIES_MAX).expect("small");
        bind(&writer, ("one", "a"), 0..full - 10);
        bind(&writer, ("one", "b"), full - 10..full);
        writer.stop().await;
        let writer = start(dir.path()).await;
        assert_eq!(total(&writer, EntryFilter::default()).await, u64::from(full));
        let row = page(&writer, of("10.0.0.0"), None, 10).await.rows.remove(0);
        assert_eq!(row.backend.expect("there").as_str(), "a");
        // What its backend's end has left behind is not stored any longer than it is used.
        writer.apply(vec![Edit::remove("groups.app.backends.b")]).await.expect("removed");
        assert!(page(&writer, of("10.1.134.159"), None, 10).await.rows.iter().all(|row| row.backend.is_none()));
        writer.stop().await;
        let writer = start(dir.path()).await;
        assert_eq!(total(&writer, EntryFilter::default()).await, u64::from(full) - 10);
        writer.apply(vec![Edit::remove("listeners.one")]).await.expect("removed");
        writer.stop().await;
        let writer = start(dir.path()).await;
        assert_eq!(total(&writer, EntryFilter::default()).await, 0);
        writer.stop().await;
    });
}

#[test]
fn a_kill_costs_the_last_minute_at_the_most() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path()).await;
        bind(&writer, ("one", "a"), 0..1);
        tokio::time::pause();
        let minute = TICK * u32::try_from(ENTRIES_TICKS).expect("small");
        tokio::time::sleep(minute + TICK).await;
        tokio::time::resume();
        // The store writes when nothing else waits; each answer of it leaves it a moment.
        let mut rounds = 0..10_000;
        while entry_parts(&dir.path().join("state")) == 0 {
            rounds.next().expect("it is stored in the end");
            writer.ask(Verb::History { limit: 1, before: None }).await.expect("answered");
        }
        writer.stop().await;
    });
}
