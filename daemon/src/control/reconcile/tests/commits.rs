//! Commits: compare-and-set, all faults, one revision, durable and live, or without a trace.

use poise_ipc::message::{ErrorCode, Replace, Reply, Verb, WindowWish};
use poise_ipc::model::Bind;

use super::support::*;
use crate::control::bus::What;
use crate::control::command::Command;
use crate::control::reconcile::WAITING_MAX;
use crate::store::tests::{allow_revision, hold_disk, refuse_revision};

const WEIGHT: &str = "groups.app.backends.a.weight";

async fn writer(dir: &std::path::Path) -> Writer {
    let writer = Writer::start(dir, None, FakePorts::default()).await.expect("starts");
    let replace = Replace {
        text: TEXT.to_owned(),
        if_revision: Some(0),
        dry_run: false,
        reason: None,
        window: WindowWish::default(),
    };
    assert_eq!(applied(writer.ask(Verb::Replace(replace)).await).expect("valid").revision, 1);
    writer
}

#[test]
fn an_acknowledged_edit_is_live_told_and_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let first = writer(dir.path()).await;
        let mut events = first.feed.subscribe();
        let applied = first.apply(vec![set(WEIGHT, "7")]).await.expect("valid");
        assert_eq!((applied.revision, applied.changed, applied.edits), (2, true, vec![set(WEIGHT, "7")]));
        assert_eq!(first.published.load().groups[0].backends[0].settings.weight, 7);
        let What::Committed(commit) = next(&mut events).await else { panic!("another event") };
        assert_eq!((commit.revision, commit.author.user.as_str()), (2, "ada"));
        assert_eq!(commit.inverse, [set(WEIGHT, "100")]);
        let before = first.status().await;
        first.stop().await;

        let second = Writer::start(dir.path(), None, FakePorts::default()).await.expect("starts");
        let after = second.status().await;
        assert_eq!((after.revision, after.groups[0].backends[0].weight), (2, 7));
        assert_eq!(after.groups[0].backends[0].id, before.groups[0].backends[0].id);
        assert_eq!(second.ports.open.borrow().len(), 1);
        let Ok(Reply::History { commits }) = second.ask(Verb::History { limit: 9, before: None }).await else {
            panic!("no history")
        };
        assert_eq!(commits.iter().map(|commit| commit.revision).collect::<Vec<_>>(), [2, 1]);
    });
}

#[test]
fn two_operators_do_not_overwrite_each_other() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let guarded =
            |value| Verb::Apply(poise_ipc::message::Apply { if_revision: Some(1), ..apply(vec![set(WEIGHT, value)]) });
        let (one, other) = tokio::join!(writer.ask(guarded("1")), writer.ask(guarded("2")));
        assert_eq!(applied(one).expect("first").revision, 2);
        let error = other.expect_err("too late");
        assert_eq!((error.code, error.revision), (ErrorCode::Conflict, Some(2)));
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 1);
    });
}

#[test]
fn an_invalid_change_tells_every_fault_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let edits = vec![set(WEIGHT, "2000"), set("groups.app.scheduler", "fastest")];
        let error = writer.apply(edits).await.expect_err("invalid");
        assert_eq!((error.code, error.faults.len()), (ErrorCode::Invalid, 2));
        let status = writer.status().await;
        assert_eq!((status.revision, status.groups[0].backends[0].weight), (1, 100));
    });
}

#[test]
fn an_edit_of_something_absent_says_what_does_not_exist() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        for (edit, missing) in [
            (set("groups.app.backends.nope.weight", "1"), "groups.app.backends.nope"),
            (set("groups.nope.backends.a", "{ address = \"10.0.0.1:80\" }"), "groups.nope"),
            (poise_ipc::edit::Edit::Remove { path: "listeners.nope".to_owned() }, "listeners.nope"),
        ] {
            let error = writer.apply(vec![edit]).await.expect_err("absent");
            assert_eq!((error.code, error.path.as_deref()), (ErrorCode::NotFound, Some(missing)));
        }
    });
}

#[test]
fn what_changes_nothing_makes_no_revision_and_a_dry_run_makes_none_either() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let same = writer.apply(vec![set(WEIGHT, "100")]).await.expect("valid");
        assert_eq!((same.revision, same.changed), (1, false));
        writer.ports.taken.borrow_mut().insert(Bind::Ip("127.0.0.1:9".parse().expect("an address")));
        let dry = poise_ipc::message::Apply { dry_run: true, ..apply(vec![set("listeners.web.bind", "127.0.0.1:9")]) };
        let dry = applied(writer.ask(Verb::Apply(dry)).await).expect("no socket is bound");
        assert_eq!((dry.revision, dry.changed, dry.edits.len()), (1, true, 1));
        assert_eq!(writer.status().await.listeners[0].bind.to_string(), "127.0.0.1:8080");
    });
}

#[test]
fn a_port_in_use_refuses_the_commit_and_names_listener_and_address() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let generation = writer.status().await.generation;
        writer.ports.taken.borrow_mut().insert(Bind::Ip("127.0.0.1:9".parse().expect("an address")));
        let error = writer.apply(vec![set("listeners.web.bind", "127.0.0.1:9")]).await.expect_err("in use");
        assert_eq!((error.code, error.path.as_deref()), (ErrorCode::Bind, Some("listeners.web.bind")));
        assert!(error.message.contains("web") && error.message.contains("127.0.0.1:9"), "{}", error.message);
        let status = writer.status().await;
        assert_eq!(
            (status.revision, status.generation, status.listeners[0].bind.to_string()),
            (1, generation, "127.0.0.1:8080".to_owned())
        );
    });
}

#[test]
fn changes_that_arrive_together_become_one_revision_each_in_order() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let edit = |weight: &str| writer.ask(Verb::Apply(apply(vec![set(WEIGHT, weight)])));
        let (a, b, c) = tokio::join!(edit("1"), edit("2"), edit("3"));
        let revisions = [a, b, c].map(|answer| applied(answer).expect("valid").revision);
        assert_eq!(revisions, [2, 3, 4]);
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 3);
    });
}

#[test]
fn the_first_start_refuses_a_port_in_use() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let file = dir.path().join("poise.toml");
        std::fs::write(&file, TEXT).expect("written");
        let ports = FakePorts::default();
        ports.taken.borrow_mut().insert(Bind::Ip("127.0.0.1:8080".parse().expect("an address")));
        let said = Writer::start(dir.path(), Some(&file), ports).await.err().expect("refused").to_string();
        assert!(said.contains("web") && said.contains("127.0.0.1:8080"), "{said}");
    });
}

#[test]
fn a_change_that_cannot_be_stored_is_refused_with_the_reason_and_the_next_one_works() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let state = dir.path().join("state");
        refuse_revision(&state, 2);
        let error = writer.apply(vec![set(WEIGHT, "7")]).await.expect_err("not stored");
        assert_eq!(error.code, ErrorCode::Storage);
        assert!(error.message.contains("UNIQUE constraint failed"), "{}", error.message);
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 100);
        allow_revision(&state, 2);
        assert_eq!(writer.apply(vec![set(WEIGHT, "8")]).await.expect("stored").revision, 2);
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 8);
    });
}

#[test]
fn more_changes_than_may_wait_are_told_that_poised_is_busy() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        let disk = hold_disk(&dir.path().join("state"));
        // One is being stored and the rest wait; the one beyond is refused while the disk stands.
        let mut answers = Vec::new();
        for weight in 1..=WAITING_MAX + 2 {
            answers.push(writer.send(Verb::Apply(apply(vec![set(WEIGHT, &weight.to_string())]))).await);
        }
        let beyond = answers.pop().expect("sent").await.expect("answered");
        assert_eq!(beyond.expect_err("one too many").code, ErrorCode::Busy);
        drop(disk);
        for (answer, revision) in answers.into_iter().zip(2..) {
            assert_eq!(applied(answer.await.expect("answered")).expect("valid").revision, revision);
        }
    });
}

#[test]
fn the_configuration_of_every_revision_that_is_kept_can_be_read() {
    let dir = tempfile::tempdir().expect("dir");
    on_runtime(async {
        let writer = writer(dir.path()).await;
        for weight in ["7", "8", "9"] {
            writer.apply(vec![set(WEIGHT, weight)]).await.expect("valid");
        }
        let at = async |revision| match writer.ask(Verb::ConfigAt { revision }).await {
            Ok(Reply::ConfigText { revision: told, text }) if told == revision => Ok(text),
            Ok(other) => panic!("no text: {other:?}"),
            Err(error) => Err(error.code),
        };
        assert_eq!(at(4).await, at(4).await);
        assert!(at(3).await.expect("kept").contains("weight = 8"));
        assert!(!at(1).await.expect("kept").contains("weight = 7"));
        assert_eq!((at(0).await, at(5).await), (Err(ErrorCode::NotFound), Err(ErrorCode::NotFound)));
    });
}

#[test]
fn what_was_asked_is_in_the_audit_trail_and_stays_there() {
    use poise_ipc::message::{AuditOutcome, AuditQuery, AuditRow, Author, Role};
    let dir = tempfile::tempdir().expect("dir");
    let row = |user: &str, refused: bool| AuditRow {
        seq: 0,
        at_ms: 5,
        author: Author::new(1, user, 2),
        role: Role::Operate,
        verb: "apply".to_owned(),
        what: "set x".to_owned(),
        outcome: if refused {
            AuditOutcome::Refused { code: ErrorCode::Invalid, message: "no".to_owned() }
        } else {
            AuditOutcome::Done { revision: Some(1) }
        },
    };
    on_runtime(async {
        let first = writer(dir.path()).await;
        for (user, refused) in [("ada", false), ("bob", true), ("ada", true)] {
            first.inbox.send(Command::Note(Box::new(row(user, refused)))).await.expect("runs");
        }
        first.stop().await;
        let again = Writer::start(dir.path(), None, FakePorts::default()).await.expect("starts");
        let asked = async |query: AuditQuery| match again.ask(Verb::Audit(query)).await {
            Ok(Reply::Audit { rows, lost_total: 0 }) => {
                rows.into_iter().map(|row| (row.seq, row.author.user)).collect::<Vec<_>>()
            }
            other => panic!("no rows: {other:?}"),
        };
        let all = AuditQuery { limit: 10, ..AuditQuery::default() };
        let rows = |rows: &[(u64, &str)]| rows.iter().map(|&(seq, user)| (seq, user.to_owned())).collect::<Vec<_>>();
        assert_eq!(asked(all.clone()).await, rows(&[(3, "ada"), (2, "bob"), (1, "ada")]));
        let of = AuditQuery { user: Some("ada".to_owned()), ..all.clone() };
        assert_eq!(asked(of).await, rows(&[(3, "ada"), (1, "ada")]));
        assert_eq!(asked(AuditQuery { refused: Some(false), ..all.clone() }).await, rows(&[(1, "ada")]));
        assert_eq!(asked(AuditQuery { before_seq: Some(3), limit: 1, ..all.clone() }).await, rows(&[(2, "bob")]));
        assert_eq!(asked(AuditQuery { since_ms: 6, ..all }).await, rows(&[]));
    });
}
