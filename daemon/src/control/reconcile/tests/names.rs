//! Host names of backends through the writer: found before a commit, followed, kept over restarts.

use std::time::Duration;

use poise_core::plan::{BackendPlan, Target};
use poise_ipc::message::{ErrorCode, Verb};
use poise_ipc::status::{BackendStatus, Health, Verdict};

use super::super::*;
use super::support::*;

const DB: (&str, &str) = ("groups.app.backends.db", "{ address = \"db.test:5432\" }");

async fn database(writer: &Writer) -> BackendStatus {
    let status = writer.status().await;
    let mut backends = status.groups.into_iter().flat_map(|group| group.backends);
    backends.find(|backend| backend.name.as_str() == "db").expect("configured")
}

fn planned(writer: &Writer) -> Arc<BackendPlan> {
    let plan = writer.published.load();
    let backend = plan.groups[0].backends.iter().find(|backend| backend.name.as_str() == "db");
    Arc::clone(backend.expect("planned"))
}

fn target(writer: &Writer) -> Target {
    planned(writer).target.clone()
}

#[test]
fn a_name_without_an_address_refuses_the_commit_and_says_where_and_why() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path(), FakePorts::default()).await;
        let refused = writer.apply(vec![set(DB.0, DB.1)]).await.expect_err("no such name");
        assert_eq!(
            (refused.code, refused.path.as_deref()),
            (ErrorCode::Invalid, Some("groups.app.backends.db.address"))
        );
        assert!(refused.message.contains("db.test is not resolved: no such name"), "{}", refused.message);
        assert_eq!(writer.status().await.revision, 1);
        writer.ports.names.set("db.test", &[[10, 0, 0, 7]]);
        writer.apply(vec![set(DB.0, DB.1)]).await.expect("it has an address now");
        assert_eq!(database(&writer).await.resolved, Some(([10, 0, 0, 7], 5_432).into()));
        assert_eq!(target(&writer), Target::Ip(([10, 0, 0, 7], 5_432).into()));
        writer.stop().await;
    });
}

#[test]
fn verdicts_and_questions_do_not_wait_for_a_resolver_that_is_silent() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let ports = FakePorts::default();
        ports.names.silence("db.test");
        let writer = start(dir.path(), ports).await;
        let answer = writer.send(Verb::Apply(apply(vec![set(DB.0, DB.1)]))).await;
        assert_eq!(writer.status().await.revision, 1, "others are served meanwhile");
        tokio::time::pause();
        let refused = applied(answer.await.expect("answered")).expect_err("nobody answers");
        assert!(refused.message.contains("no answer within 5 s"), "{}", refused.message);
        tokio::time::resume();
        writer.stop().await;
    });
}

#[test]
fn a_name_that_moves_moves_its_backend_which_stays_the_same() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let ports = FakePorts::default();
        ports.names.set("db.test", &[[10, 0, 0, 8], [10, 0, 0, 7]]);
        let writer = start(dir.path(), ports).await;
        writer.apply(vec![set(DB.0, DB.1)]).await.expect("it has an address");
        writer.verdict("db", Verdict::Pass { code: None }).await;
        writer.until(|| planned(&writer).standing.health == Health::Up).await;
        let before = database(&writer).await;
        assert_eq!((before.resolved, before.health.health), (Some(([10, 0, 0, 7], 5_432).into()), Health::Up));
        let ports = writer.ports.clone();
        ports.names.set("db.test", &[[10, 0, 0, 9], [10, 0, 0, 8]]);
        // Names are asked for at once after a start, and every half minute from then on.
        writer.stop().await;
        let writer = Writer::start(dir.path(), None, ports).await.expect("starts");
        writer.until(|| target(&writer) == Target::Ip(([10, 0, 0, 8], 5_432).into())).await;
        let after = database(&writer).await;
        assert_eq!((after.id, after.health.health), (before.id, Health::Up));
        writer.stop().await;
    });
}

#[test]
fn the_last_good_address_serves_while_nobody_resolves_even_over_a_restart() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let ports = FakePorts::default();
        ports.names.set("db.test", &[[10, 0, 0, 7]]);
        let writer = start(dir.path(), ports.clone()).await;
        writer.apply(vec![set(DB.0, DB.1)]).await.expect("it has an address");
        ports.names.set("db.test", &[]);
        writer.stop().await;
        let writer = Writer::start(dir.path(), None, ports.clone()).await.expect("it starts without a resolver");
        assert_eq!(target(&writer), Target::Ip(([10, 0, 0, 7], 5_432).into()));
        let status = writer.finding("name-unresolved").await;
        assert!(status.message.contains("its last address 10.0.0.7 stays in use"), "{}", status.message);
        writer.stop().await;
    });
}

#[test]
fn sources_are_shown_where_there_is_a_way() {
    on_runtime(async {
        let dir = tempfile::tempdir().expect("dir");
        let writer = start(dir.path(), FakePorts::default()).await;
        let status = writer.status().await;
        let sources: Vec<_> = status.groups[0].backends.iter().map(|backend| backend.source).collect();
        assert_eq!(sources, [Some([10, 0, 0, 254].into()), None]);
        writer.stop().await;
    });
}

/// A writer with the usual configuration.
async fn start(dir: &std::path::Path, ports: FakePorts) -> Writer {
    let file = dir.join("poise.toml");
    std::fs::write(&file, TEXT).expect("written");
    Writer::start(dir, Some(&file), ports).await.expect("starts")
}

impl Writer {
    /// Waits until something holds.
    async fn until(&self, holds: impl Fn() -> bool) {
        tokio::time::timeout(Duration::from_mins(1), async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("it comes about");
    }

    /// A finding, once it is there.
    async fn finding(&self, code: &str) -> Finding {
        loop {
            let found = self.status().await.findings.into_iter().find(|finding| finding.code == code);
            match found {
                Some(finding) => return finding,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}
