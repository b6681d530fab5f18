//! Verdicts: flips are published at once, told and remembered; edits and disks do not touch them.

use poise_ipc::limits::CHECK_ROWS_REPLY_MAX;
use poise_ipc::message::{LogQuery, Reply, Verb};
use poise_ipc::status::{Health, Phase, Reason, Verdict};

use super::support::*;
use crate::control::bus::What;
use crate::store::tests::hold_disk;

const FAIL: Verdict = Verdict::Fail { phase: Phase::Connect, reason: Reason::Refused, code: None };
const PASS: Verdict = Verdict::Pass { code: None };

async fn writer(dir: &std::path::Path) -> Writer {
    let file = dir.join("poise.toml");
    std::fs::write(&file, TEXT).expect("written");
    Writer::start(dir, Some(&file), FakePorts::default()).await.expect("starts")
}

#[test]
fn a_flip_is_published_before_it_is_told() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let mut events = writer.feed.subscribe();
        writer.verdict("a", FAIL).await;
        let What::Checked(row) = next(&mut events).await else { panic!("another event") };
        assert_eq!((row.backend.as_str(), row.transition), ("a", Some(Health::Down)));
        let What::Transition(transition) = next(&mut events).await else { panic!("another event") };
        assert_eq!((transition.from, transition.to, transition.streak), (Health::Unknown, Health::Down, 1));
        let plan = writer.published.load();
        assert_eq!(
            (plan.groups[0].backends[0].standing.health, plan.groups[0].backends[0].effective_weight),
            (Health::Down, 0)
        );
        let status = writer.status().await;
        assert_eq!((status.revision, status.generation), (1, plan.generation));
        let Ok(Reply::Logs { rows, .. }) =
            writer.ask(Verb::Logs(LogQuery { limit: CHECK_ROWS_REPLY_MAX, ..LogQuery::default() })).await
        else {
            panic!("no rows")
        };
        assert_eq!(rows, [row]);
    });
}

#[test]
fn a_group_without_an_up_backend_says_when_it_fails_open_and_when_it_ends() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let mut events = writer.feed.subscribe();
        writer.verdict("a", FAIL).await;
        writer.verdict("b", FAIL).await;
        let mut active = Vec::new();
        for _ in 0..3 {
            writer.verdict("a", PASS).await;
        }
        while active.len() < 2 {
            if let What::FailOpen { active: now, .. } = next(&mut events).await {
                active.push(now);
            }
        }
        assert_eq!(active, [true, false]);
    });
}

#[test]
fn an_edit_of_a_neighbour_and_a_restart_keep_a_dead_backend_dead() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let first = writer(dir.path()).await;
        first.verdict("a", FAIL).await;
        first.apply(vec![set("groups.app.backends.b.weight", "9")]).await.expect("valid");
        first.apply(vec![set("groups.app.backends.a.weight", "9")]).await.expect("valid");
        let before = first.status().await.groups[0].backends[0].health.clone();
        assert_eq!(before.health, Health::Down);
        first.stop().await;
        let second = Writer::start(dir.path(), None, FakePorts::default()).await.expect("starts");
        let after = second.status().await.groups[0].backends[0].health.clone();
        assert_eq!((after.health, after.since_ms), (Health::Down, before.since_ms));
        assert_eq!(second.published.load().groups[0].backends[0].effective_weight, 0);
    });
}

#[test]
fn verdicts_do_not_wait_for_a_disk_that_stands_still() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let mut events = writer.feed.subscribe();
        let disk = hold_disk(&dir.path().join("state"));
        let commit = writer.apply(vec![set("groups.app.backends.b.weight", "9")]);
        let meanwhile = async {
            writer.verdict("a", FAIL).await;
            while !matches!(next(&mut events).await, What::Transition(_)) {}
            let status = writer.status().await;
            assert_eq!((status.revision, status.groups[0].backends[0].effective_weight), (1, 0));
            assert_eq!(status.groups[0].backends[1].weight, 50);
            drop(disk);
        };
        let (outcome, ()) = tokio::join!(commit, meanwhile);
        assert_eq!(outcome.expect("stored").revision, 2);
        let plan = writer.published.load();
        let seen: Vec<_> = plan.groups[0].backends.iter().map(|b| (b.effective_weight, b.settings.weight)).collect();
        assert_eq!(seen, [(0, 100), (9, 9)]);
    });
}
