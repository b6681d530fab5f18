//! Confirm windows: confirmed in time, or what was before is back, whatever happens meanwhile.

use poise_ipc::message::{
    Apply, ErrorCode, Replace, Reply, Verb, WindowAct, WindowEvent, WindowQuery, WindowStatus, WindowWish,
};
use poise_ipc::model::Bind;

use super::support::*;
use crate::control::bus::What;
use crate::store::tests::{allow_revision, refuse_revision};

const WEIGHT: &str = "groups.app.backends.a.weight";

async fn restarted(dir: &std::path::Path) -> Writer {
    Writer::start(dir, None, FakePorts::default()).await.expect("starts")
}

async fn writer(dir: &std::path::Path) -> Writer {
    let writer = restarted(dir).await;
    let window = WindowWish::default();
    let replace = Replace { text: TEXT.to_owned(), if_revision: Some(0), dry_run: false, reason: None, window };
    assert_eq!(applied(writer.ask(Verb::Replace(replace)).await).expect("valid").revision, 1);
    writer
}

fn within(weight: &str, wish: WindowWish) -> Verb {
    Verb::Apply(Apply { window: wish, ..apply(vec![set(WEIGHT, weight)]) })
}

fn minute() -> WindowWish {
    WindowWish { confirm_within_ms: Some(60_000), ..WindowWish::default() }
}

fn join() -> WindowWish {
    WindowWish { join: true, ..WindowWish::default() }
}

fn window(act: WindowAct) -> Verb {
    Verb::Window(WindowQuery { act, revision: None })
}

async fn text(writer: &Writer) -> (u64, String) {
    match writer.ask(Verb::ConfigText).await {
        Ok(Reply::ConfigText { revision, text }) => (revision, text),
        other => panic!("no text: {other:?}"),
    }
}

async fn opened(writer: &Writer, weight: &str) -> WindowStatus {
    let applied = applied(writer.ask(within(weight, minute())).await).expect("committed");
    applied.window.expect("a window")
}

#[test]
fn what_nobody_confirms_is_taken_back_at_the_deadline() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let before = text(&writer).await.1;
        let mut events = writer.feed.subscribe();
        let window = opened(&writer, "7").await;
        assert_eq!((window.revision, window.back_to, window.revisions), (2, 1, vec![2]));
        writer.pass(59_800).await;
        assert!(writer.status().await.window.is_some());
        writer.pass(300).await;
        assert_eq!(text(&writer).await, (3, before));
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 100);
        assert_eq!(writer.status().await.window, None);
        let mut told = Vec::new();
        while let Ok(happened) = events.try_recv() {
            match &happened.what {
                What::Window(news) => told.push(news.what.clone()),
                What::Committed(commit) if commit.revision == 3 => {
                    assert!(commit.reason.as_deref().is_some_and(|why| why.contains("nobody confirmed it within 1m")));
                }
                _ => {}
            }
        }
        let [WindowEvent::Opened, WindowEvent::Back { revision: 3, .. }] = told[..] else { panic!("{told:?}") };
    });
}

#[test]
fn what_is_confirmed_stays_after_the_deadline_and_a_restart() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let first = writer(dir.path()).await;
        opened(&first, "7").await;
        let Ok(Reply::Window(window)) = first.ask(window(WindowAct::Confirm)).await else { panic!("confirmed") };
        assert_eq!(window.revision, 2);
        first.pass(61_000).await;
        assert_eq!(text(&first).await.0, 2);
        first.stop().await;
        let second = restarted(dir.path()).await;
        second.pass(61_000).await;
        assert_eq!((text(&second).await.0, second.status().await.window), (2, None));
    });
}

#[test]
fn a_window_goes_on_after_a_restart_and_is_taken_back_first_when_its_time_is_over() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let first = writer(dir.path()).await;
        let before = text(&first).await.1;
        let window = opened(&first, "7").await;
        first.stop().await;
        let second = restarted(dir.path()).await;
        let status = second.status().await;
        let known = status.window.expect("still open");
        assert_eq!((known.revision, known.deadline_ms), (2, window.deadline_ms));
        second.stop().await;
        // Its time passes while no daemon runs.
        crate::store::tests::edit_window(dir.path(), "\"deadline_ms\":", "\"deadline_ms\":1,\"was\":");
        let third = restarted(dir.path()).await;
        assert_eq!(text(&third).await, (3, before.clone()));
        assert_eq!(third.published.load().groups[0].backends[0].settings.weight, 100);
        third.pass(1_500).await;
        third.stop().await;
        let fourth = restarted(dir.path()).await;
        assert_eq!((text(&fourth).await, fourth.status().await.window), ((3, before), None));
        let Ok(Reply::History { commits }) = fourth.ask(Verb::History { limit: 9, before: None }).await else {
            panic!("no history")
        };
        assert_eq!(commits.iter().map(|commit| commit.revision).collect::<Vec<_>>(), [3, 2, 1]);
    });
}

#[test]
fn a_commit_beside_the_window_is_refused_and_one_that_joins_shares_its_fate() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let before = text(&writer).await.1;
        opened(&writer, "7").await;
        let error = writer.apply(vec![set(WEIGHT, "8")]).await.expect_err("a window is open");
        assert_eq!((error.code, error.revision), (ErrorCode::WindowOpen, Some(2)));
        assert!(error.hint.is_some_and(|hint| hint.contains("poise confirm 2") && hint.contains("--join")));
        let dry = Verb::Apply(Apply { dry_run: true, ..apply(vec![set(WEIGHT, "8")]) });
        assert_eq!(writer.ask(dry).await.expect_err("told before").code, ErrorCode::WindowOpen);
        writer.pass(30_000).await;
        let joined = applied(writer.ask(within("8", join())).await).expect("joined").window.expect("a window");
        assert_eq!((joined.revision, joined.revisions, joined.back_to), (3, vec![2, 3], 1));
        let again = WindowWish { confirm_within_ms: Some(60_000), ..join() };
        applied(writer.ask(within("9", again)).await).expect("joined, its time begins anew");
        writer.pass(40_000).await;
        assert_eq!(text(&writer).await.0, 4);
        writer.pass(21_000).await;
        assert_eq!(text(&writer).await, (5, before));
    });
}

#[test]
fn an_operator_takes_it_back_extends_it_or_names_a_revision_that_is_not_the_newest() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let before = text(&writer).await.1;
        let none = writer.ask(window(WindowAct::Confirm)).await.expect_err("none is open");
        assert_eq!(none.code, ErrorCode::NotFound);
        assert_eq!(writer.ask(within("7", join())).await.expect_err("none is open").code, ErrorCode::Conflict);
        opened(&writer, "7").await;
        let stale = Verb::Window(WindowQuery { act: WindowAct::Confirm, revision: Some(1) });
        let stale = writer.ask(stale).await.expect_err("another revision");
        assert_eq!((stale.code, stale.revision), (ErrorCode::Conflict, Some(2)));
        let Ok(Reply::Window(_)) = writer.ask(window(WindowAct::Extend { for_ms: 120_000 })).await else { panic!() };
        writer.pass(100_000).await;
        assert_eq!(text(&writer).await.0, 2);
        let back = applied(writer.ask(window(WindowAct::Back)).await).expect("back");
        assert_eq!((back.revision, back.changed), (3, true));
        assert_eq!(text(&writer).await, (3, before));
    });
}

#[test]
fn what_a_window_cannot_be_is_refused_before_anything_changes() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let trips = |text: &str| vec![text.parse().expect("a wire")];
        for (wish, code) in [
            (WindowWish { confirm_within_ms: Some(9_999), ..WindowWish::default() }, ErrorCode::Invalid),
            (WindowWish { confirm_within_ms: Some(86_400_001), ..WindowWish::default() }, ErrorCode::Invalid),
            (WindowWish { trips: trips("5xx>1%"), ..WindowWish::default() }, ErrorCode::Invalid),
            (WindowWish { trips: trips("gone:5xx>1%"), ..minute() }, ErrorCode::NotFound),
            (WindowWish { trips: vec!["up<1".parse().expect("a wire"); 17], ..minute() }, ErrorCode::Invalid),
        ] {
            assert_eq!(writer.ask(within("7", wish)).await.expect_err("refused").code, code);
        }
        assert_eq!((text(&writer).await.0, writer.status().await.window), (1, None));
    });
}

#[test]
fn a_wire_takes_the_commit_back_before_the_deadline() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let before = text(&writer).await.1;
        let wish = WindowWish { trips: vec!["app:5xx>1%".parse().expect("a wire")], ..minute() };
        applied(writer.ask(within("7", wish)).await).expect("committed");
        writer.pass(2_000).await;
        assert_eq!(text(&writer).await.0, 2);
        let plan = writer.published.load_full();
        plan.groups[0].backends[0].live.worker(0).responses[4].add(50);
        drop(plan);
        writer.pass(2_100).await;
        assert_eq!(text(&writer).await, (3, before));
        let Ok(Reply::History { commits }) = writer.ask(Verb::History { limit: 1, before: None }).await else {
            panic!("no history")
        };
        let reason = commits[0].reason.clone().unwrap_or_default();
        assert!(reason.contains("5xx>1%: 50 of 50 responses"), "{reason}");
    });
}

#[test]
fn a_disk_that_refuses_keeps_nothing_that_nobody_confirmed() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let before = text(&writer).await.1;
        opened(&writer, "7").await;
        let state = dir.path().join("state");
        refuse_revision(&state, 3);
        writer.pass(61_000).await;
        assert_eq!(writer.published.load().groups[0].backends[0].settings.weight, 100);
        assert_eq!(text(&writer).await, (3, before.clone()));
        let error = writer.apply(vec![set(WEIGHT, "8")]).await.expect_err("the disk refuses");
        assert_eq!(error.code, ErrorCode::Storage);
        allow_revision(&state, 3);
        assert_eq!(writer.apply(vec![set(WEIGHT, "8")]).await.expect("stored with what was not").revision, 4);
        writer.stop().await;
        let again = restarted(dir.path()).await;
        let Ok(Reply::History { commits }) = again.ask(Verb::History { limit: 9, before: None }).await else {
            panic!("no history")
        };
        assert_eq!(commits.iter().map(|commit| commit.revision).collect::<Vec<_>>(), [4, 3, 2, 1]);
    });
}

#[test]
fn an_address_that_is_taken_meanwhile_is_told_and_tried_again() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let moved = Apply { window: minute(), ..apply(vec![set("listeners.web.bind", "127.0.0.1:9")]) };
        applied(writer.ask(Verb::Apply(moved)).await).expect("committed");
        let old = Bind::Ip("127.0.0.1:8080".parse().expect("an address"));
        writer.ports.taken.borrow_mut().insert(old.clone());
        writer.pass(61_500).await;
        let status = writer.status().await;
        assert!(status.window.and_then(|window| window.trouble).is_some_and(|why| why.contains("127.0.0.1:8080")));
        assert_eq!(status.revision, 2);
        writer.ports.taken.borrow_mut().remove(&old);
        writer.pass(1_500).await;
        let status = writer.status().await;
        assert_eq!((status.revision, status.window, &status.listeners[0].bind), (3, None, &old));
    });
}
