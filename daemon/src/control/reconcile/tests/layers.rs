//! Leases and ramps: in force above what is configured, gone when their time is over, and never lost.

use poise_ipc::message::{
    Apply, ErrorCode, LayerAct, LayerEnd, LayerQuery, LayerStatus, LeaseQuery, RampQuery, Replace, Reply, Verb,
    WindowWish,
};
use poise_ipc::model::AdminState;

use super::support::*;
use crate::store::tests::{allow_revision, refuse_revision};

const WEIGHT: &str = "groups.app.backends.a.weight";
const STATE: &str = "groups.app.backends.a.state";

async fn restarted(dir: &std::path::Path) -> Writer {
    Writer::start(dir, None, FakePorts::default()).await.expect("starts")
}

async fn writer(dir: &std::path::Path) -> Writer {
    let writer = restarted(dir).await;
    let window = WindowWish::default();
    let replace = Replace { text: TEXT.to_owned(), if_revision: Some(0), dry_run: false, reason: None, window };
    applied(writer.ask(Verb::Replace(replace)).await).expect("valid");
    writer
}

fn lease(path: &str, value: &str, for_ms: u64) -> LeaseQuery {
    LeaseQuery { edits: vec![set(path, value)], for_ms, reason: Some("INC-42".to_owned()), dry_run: false }
}

fn ramp(to: u16, over_ms: u64) -> RampQuery {
    RampQuery {
        backend: "app/a".parse().expect("a path"),
        from: Some(0),
        to,
        over_ms,
        steps: None,
        aborts: Vec::new(),
        reason: None,
        dry_run: false,
    }
}

async fn began(writer: &Writer, verb: Verb) -> LayerStatus {
    match writer.ask(verb).await {
        Ok(Reply::Layer(layer)) => *layer,
        other => panic!("no layer: {other:?}"),
    }
}

fn act(id: u64, act: LayerAct) -> Verb {
    Verb::Layer(LayerQuery { id, act })
}

fn weight(writer: &Writer) -> u16 {
    writer.published.load().groups[0].backends[0].settings.weight
}

fn state(writer: &Writer) -> AdminState {
    writer.published.load().groups[0].backends[0].settings.state
}

async fn last_end(writer: &Writer) -> LayerEnd {
    writer.status().await.layers_ended.pop().expect("one has ended").how
}

#[test]
fn a_lease_is_in_force_until_its_end_and_what_was_edited_meanwhile_is_there_then() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let layer = began(&writer, Verb::Lease(lease(WEIGHT, "7", 60_000))).await;
        assert_eq!((layer.id, layer.author.user.as_str(), layer.reason.as_deref()), (1, "ada", Some("INC-42")));
        let value = &layer.values[0];
        assert_eq!((value.configured.as_deref(), value.in_force.as_deref()), (Some("100"), Some("7")));
        let status = writer.status().await;
        let backend = &status.groups[0].backends[0];
        assert_eq!((weight(&writer), status.revision, backend.weight), (7, 1, 7));
        assert_eq!(backend.configured.expect("told apart").weight, 100);
        writer.apply(vec![set(WEIGHT, "40")]).await.expect("committed");
        assert_eq!(weight(&writer), 7);
        writer.pass(60_100).await;
        assert_eq!((weight(&writer), writer.status().await.layers.len()), (40, 0));
        assert_eq!(last_end(&writer).await, LayerEnd::Expired);
        assert_eq!(writer.status().await.groups[0].backends[0].configured, None);
    });
}

#[test]
fn a_lease_outlives_a_restart_and_an_end_while_nobody_runs() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let first = writer(dir.path()).await;
        began(&first, Verb::Lease(lease(STATE, "draining", 3_600_000))).await;
        began(&first, Verb::Lease(lease(WEIGHT, "3", 1_000))).await;
        first.stop().await;
        let second = restarted(dir.path()).await;
        assert_eq!(state(&second), AdminState::Draining);
        second.pass(1_200).await;
        assert_eq!((state(&second), weight(&second)), (AdminState::Draining, 100));
        second.stop().await;
        let third = restarted(dir.path()).await;
        assert_eq!(third.status().await.layers.len(), 1);
        let next = began(&third, Verb::Lease(lease(WEIGHT, "3", 1_000))).await;
        assert_eq!(next.id, 3, "a number is never given twice");
    });
}

#[test]
fn the_lease_that_began_last_is_on_top_and_the_other_comes_out_again() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        began(&writer, Verb::Lease(lease(WEIGHT, "7", 60_000))).await;
        let top = began(&writer, Verb::Lease(lease(WEIGHT, "9", 10_000))).await;
        assert_eq!(weight(&writer), 9);
        let under = &writer.status().await.layers[0].values[0];
        assert_eq!((under.held.as_str(), under.in_force.as_deref()), ("7", Some("9")));
        writer.pass(10_100).await;
        assert_eq!(weight(&writer), 7);
        began(&writer, act(1, LayerAct::Extend { for_ms: 100_000 })).await;
        writer.pass(99_000).await;
        assert_eq!(weight(&writer), 7);
        began(&writer, act(1, LayerAct::Cancel)).await;
        assert_eq!(weight(&writer), 100);
        let LayerEnd::Cancelled { by } = last_end(&writer).await else { panic!("cancelled") };
        assert_eq!(by.user, "ada");
        let gone = writer.ask(act(top.id, LayerAct::Cancel)).await.expect_err("it has ended");
        assert_eq!(gone.code, ErrorCode::NotFound);
    });
}

#[test]
fn a_lease_follows_its_backend_to_another_name_and_waits_while_it_is_gone() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        began(&writer, Verb::Lease(lease(STATE, "draining", 600_000))).await;
        let renamed = vec![
            poise_ipc::edit::Edit::remove("groups.app.backends.a"),
            set("groups.app.backends.c", "{ address = \"10.0.0.1:80\" }"),
        ];
        writer.apply(renamed).await.expect("renamed");
        let status = writer.status().await;
        assert_eq!(status.layers[0].values[0].path, "groups.app.backends.c.state");
        let c = status.groups[0].backends.iter().find(|backend| backend.name.as_str() == "c").expect("there");
        assert_eq!(c.state, AdminState::Draining);
        writer.apply(vec![poise_ipc::edit::Edit::remove("groups.app.backends.c")]).await.expect("removed");
        assert!(writer.status().await.layers[0].idle.is_some());
        writer.apply(vec![set("groups.app.backends.c", "{ address = \"10.0.0.9:80\" }")]).await.expect("added");
        assert_eq!(writer.status().await.layers[0].idle, None);
    });
}

#[test]
fn what_a_lease_cannot_hold_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        for (path, value, for_ms, code) in [
            ("groups.app.backends.a.address", "10.0.0.9:80", 60_000, ErrorCode::Invalid),
            ("groups.app.tls", "{ mode = \"verify\" }", 60_000, ErrorCode::Invalid),
            ("groups.app.backends.n", "{ address = \"10.0.0.9:80\" }", 60_000, ErrorCode::Invalid),
            ("listeners.web.bind", "127.0.0.1:1", 60_000, ErrorCode::Invalid),
            ("groups.app.backends.n.weight", "1", 60_000, ErrorCode::NotFound),
            (WEIGHT, "1001", 60_000, ErrorCode::Invalid),
            (WEIGHT, "1", 999, ErrorCode::Invalid),
            (WEIGHT, "1", 2_592_000_001, ErrorCode::Invalid),
        ] {
            let error = writer.ask(Verb::Lease(lease(path, value, for_ms))).await.expect_err(path);
            assert_eq!(error.code, code, "{path}: {}", error.message);
        }
        let none = LeaseQuery { edits: Vec::new(), ..lease(WEIGHT, "1", 60_000) };
        assert_eq!(writer.ask(Verb::Lease(none)).await.expect_err("nothing").code, ErrorCode::Invalid);
        let dry = LeaseQuery { dry_run: true, ..lease(WEIGHT, "1", 60_000) };
        assert_eq!(began(&writer, Verb::Lease(dry)).await.values[0].in_force.as_deref(), Some("1"));
        assert_eq!((weight(&writer), writer.status().await.layers.len()), (100, 0));
    });
}

#[test]
fn a_ramp_moves_the_weight_in_steps_and_configures_it_when_it_arrives() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let layer = began(&writer, Verb::Ramp(ramp(50, 50_000))).await;
        assert_eq!((weight(&writer), layer.ramp.expect("a ramp").steps), (0, 50));
        writer.pass(25_000).await;
        assert_eq!((weight(&writer), writer.status().await.revision), (25, 1));
        began(&writer, act(1, LayerAct::Hold)).await;
        writer.pass(60_000).await;
        assert_eq!(weight(&writer), 25);
        began(&writer, act(1, LayerAct::Resume)).await;
        writer.pass(25_300).await;
        let status = writer.status().await;
        assert_eq!((weight(&writer), status.revision, status.layers.len()), (50, 2, 0));
        assert_eq!(last_end(&writer).await, LayerEnd::Arrived { revision: 2 });
        writer.stop().await;
        assert_eq!(weight(&restarted(dir.path()).await), 50);
    });
}

#[test]
fn a_wire_ends_a_ramp_with_the_configured_weight_in_force() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let wires = vec!["5xx>1%".parse().expect("a wire"), "p99>300ms".parse().expect("a wire")];
        began(&writer, Verb::Ramp(RampQuery { aborts: wires, ..ramp(50, 50_000) })).await;
        writer.pass(5_000).await;
        assert_eq!(weight(&writer), 5);
        writer.published.load().groups[0].backends[1].live.worker(0).responses[4].add(40);
        writer.pass(2_100).await;
        assert_eq!((weight(&writer), writer.status().await.revision), (100, 1));
        let LayerEnd::Aborted { why } = last_end(&writer).await else { panic!("aborted") };
        assert!(why.contains("40 of 40 responses 5xx"), "{why}");
    });
}

#[test]
fn a_ramp_that_arrives_waits_for_a_window_and_for_the_disk() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        began(&writer, Verb::Ramp(ramp(50, 5_000))).await;
        let window = WindowWish { confirm_within_ms: Some(20_000), ..WindowWish::default() };
        let other = Apply { window, ..apply(vec![set("groups.app.backends.b.weight", "9")]) };
        applied(writer.ask(Verb::Apply(other)).await).expect("committed");
        writer.pass(10_000).await;
        let status = writer.status().await;
        let trouble = status.layers[0].ramp.as_ref().and_then(|ramp| ramp.trouble.clone());
        assert!(trouble.is_some_and(|why| why.contains("confirm window")) && weight(&writer) == 50);
        let state_dir = dir.path().join("state");
        refuse_revision(&state_dir, 4);
        writer.pass(14_000).await;
        assert_eq!((writer.status().await.revision, weight(&writer)), (3, 50));
        assert_eq!(writer.status().await.layers.len(), 1);
        allow_revision(&state_dir, 4);
        writer.pass(4_500).await;
        assert_eq!((writer.status().await.revision, writer.status().await.layers.len()), (4, 0));
    });
}

#[test]
fn one_backend_has_one_ramp_and_what_a_ramp_cannot_be_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    on_still_runtime(async {
        let writer = writer(dir.path()).await;
        let refused = async |query| writer.ask(Verb::Ramp(query)).await.expect_err("refused").code;
        assert_eq!(refused(ramp(1_001, 5_000)).await, ErrorCode::Invalid);
        assert_eq!(refused(ramp(10, 999)).await, ErrorCode::Invalid);
        assert_eq!(refused(RampQuery { steps: Some(0), ..ramp(10, 5_000) }).await, ErrorCode::Invalid);
        let nobody = RampQuery { backend: "app/nobody".parse().expect("a path"), ..ramp(10, 5_000) };
        assert_eq!(refused(nobody).await, ErrorCode::NotFound);
        began(&writer, Verb::Ramp(ramp(10, 5_000))).await;
        assert_eq!(refused(ramp(20, 5_000)).await, ErrorCode::Conflict);
        let lease = writer.ask(act(1, LayerAct::Extend { for_ms: 5_000 })).await.expect_err("a ramp");
        assert_eq!(lease.code, ErrorCode::Invalid);
    });
}
