//! The operator's file over restarts and reloads: taken when it alone has changed, never guessed.

use std::path::{Path, PathBuf};

use poise_ipc::merge::Conflict;
use poise_ipc::message::{Decision, ErrorCode, Reply, Take, Verb};

use super::support::*;
use crate::control::reconcile::StartError;

struct Place {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("poise.toml");
        let place = Self { dir, file };
        place.write(TEXT);
        place
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.file, text).expect("written");
    }

    /// The usual text with another weight of `b`.
    fn write_weight(&self, weight: u16) {
        self.write(&TEXT.replace("weight = 50", &format!("weight = {weight}")));
    }

    async fn start(&self) -> Writer {
        self.try_start(Some(&self.file)).await.expect("starts")
    }

    async fn try_start(&self, file: Option<&Path>) -> Result<Writer, StartError> {
        Writer::start(self.dir.path(), file, FakePorts::default()).await
    }
}

/// Weight of `b`, revision, drift.
async fn seen(writer: &Writer) -> (u16, u64, bool) {
    let status = writer.status().await;
    (status.groups[0].backends[1].weight, status.revision, status.daemon.drift)
}

async fn reload(writer: &Writer, take: Option<Take>) -> Result<(u64, bool), ErrorCode> {
    let outcome = applied(writer.ask(Verb::Reload { take, decide: Vec::new(), dry_run: false }).await);
    outcome.map(|applied| (applied.revision, applied.changed)).map_err(|error| error.code)
}

const EDIT: &str = "groups.app.backends.b.weight";

#[test]
fn the_first_start_takes_the_file_and_a_later_one_keeps_the_edits() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.start().await;
        assert_eq!(seen(&writer).await, (50, 1, false));
        writer.apply(vec![set(EDIT, "7")]).await.expect("valid");
        writer.stop().await;
        assert_eq!(seen(&place.start().await).await, (7, 2, false));
    });
}

#[test]
fn a_file_that_alone_has_changed_is_taken_at_the_next_start_or_reload() {
    let place = Place::new();
    on_runtime(async {
        place.start().await.stop().await;
        place.write_weight(60);
        let writer = place.start().await;
        assert_eq!(seen(&writer).await, (60, 2, false));
        place.write_weight(70);
        assert_eq!(reload(&writer, None).await, Ok((3, true)));
        assert_eq!(seen(&writer).await, (70, 3, false));
    });
}

#[test]
fn when_both_have_changed_the_running_configuration_stays_until_a_side_is_chosen() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.start().await;
        writer.apply(vec![set(EDIT, "7")]).await.expect("valid");
        place.write_weight(60);
        let error = writer
            .ask(Verb::Reload { take: None, decide: Vec::new(), dry_run: false })
            .await
            .expect_err("both have changed");
        assert_eq!(seen(&writer).await, (7, 2, true));
        assert_eq!((error.code, error.edits), (ErrorCode::Drift, vec![set(EDIT, "60")]));
        writer.stop().await;

        let writer = place.start().await;
        assert_eq!(seen(&writer).await, (7, 2, true));
        let Ok(Reply::Drift { file: Some(_), edits, .. }) = writer.ask(Verb::Drift).await else { panic!("no drift") };
        assert_eq!(edits, [set(EDIT, "60")]);
        assert_eq!(reload(&writer, Some(Take::Running)).await, Ok((2, false)));
        assert_eq!(seen(&writer).await, (7, 2, false));
        assert_eq!(reload(&writer, None).await, Ok((2, false)));
        assert_eq!(reload(&writer, Some(Take::File)).await, Ok((3, true)));
        assert_eq!(seen(&writer).await, (60, 3, false));
    });
}

#[test]
fn an_invalid_file_stops_the_first_start_but_no_later_one() {
    let place = Place::new();
    place.write("[groups.app]\nscheduler = \"x\"\nweight = 1\n");
    on_runtime(async {
        let Err(StartError::Invalid { faults, .. }) = place.try_start(Some(&place.file)).await else {
            panic!("started")
        };
        assert_eq!(faults.len(), 2);
        place.write(TEXT);
        place.start().await.stop().await;
        place.write("[groups.app]\nscheduler = \"x\"\n");
        let writer = place.start().await;
        assert_eq!(seen(&writer).await, (50, 1, true));
        assert_eq!(reload(&writer, None).await, Err(ErrorCode::Invalid));
    });
}

#[test]
fn a_file_that_is_named_but_absent_stops_the_first_start() {
    let place = Place::new();
    on_runtime(async {
        let absent = place.dir.path().join("absent.toml");
        assert!(matches!(place.try_start(Some(&absent)).await, Err(StartError::Unreadable { .. })));
    });
}

#[test]
fn without_a_file_a_reload_is_refused_and_there_is_no_drift() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.try_start(None).await.expect("starts empty");
        assert_eq!(reload(&writer, None).await, Err(ErrorCode::NotFound));
        let Ok(Reply::Drift { file: None, edits, values, .. }) = writer.ask(Verb::Drift).await else {
            panic!("a drift")
        };
        assert_eq!((edits, values), (vec![], vec![]));
    });
}

#[test]
fn a_comment_is_no_change_and_no_drift() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.start().await;
        writer.apply(vec![set(EDIT, "7")]).await.expect("valid");
        place.write(&format!("# tidied\n{TEXT}"));
        assert_eq!(reload(&writer, None).await, Ok((2, false)));
        assert_eq!(seen(&writer).await, (7, 2, false));
    });
}

const OTHER: &str = "groups.app.backends.a.weight";

/// Weights of `a` and `b`.
async fn weights(writer: &Writer) -> [u16; 2] {
    let status = writer.status().await;
    [0, 1].map(|at| status.groups[0].backends[at].weight)
}

#[test]
fn what_both_have_changed_comes_together_at_a_reload_and_at_a_start() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.start().await;
        writer.apply(vec![set(OTHER, "7")]).await.expect("valid");
        place.write_weight(60);
        assert_eq!(reload(&writer, None).await, Ok((3, true)));
        assert_eq!(weights(&writer).await, [7, 60]);
        assert!(!writer.status().await.daemon.drift);
        place.write_weight(70);
        writer.apply(vec![set(OTHER, "8")]).await.expect("valid");
        writer.stop().await;
        let writer = place.start().await;
        assert_eq!(weights(&writer).await, [8, 70]);
    });
}

#[test]
fn a_conflict_names_the_path_with_its_three_values_and_is_decided_by_path() {
    let place = Place::new();
    on_runtime(async {
        let writer = place.start().await;
        writer.apply(vec![set(EDIT, "7"), set(OTHER, "8")]).await.expect("valid");
        place.write(
            &TEXT.replace("weight = 50", "weight = 60").replace("\"10.0.0.1:80\"", "\"10.0.0.1:80\", weight = 9"),
        );
        let ask = |decide: &[(&str, Take)], dry_run| {
            let decide = decide.iter().map(|(path, take)| Decision { path: (*path).to_owned(), take: *take }).collect();
            writer.ask(Verb::Reload { take: None, decide, dry_run })
        };
        let error = ask(&[], false).await.expect_err("both have changed two values");
        let some = |value: &str| Some(value.to_owned());
        let conflict = |path: &str, [base, theirs, mine]: [&str; 3]| Conflict {
            path: path.to_owned(),
            base: some(base),
            theirs: some(theirs),
            mine: some(mine),
        };
        let both = [conflict(OTHER, ["100", "9", "8"]), conflict(EDIT, ["50", "60", "7"])];
        assert_eq!(error.conflicts, both);
        let error = ask(&[(EDIT, Take::File)], false).await.expect_err("one is left");
        assert_eq!(error.conflicts, both[..1]);
        assert_eq!(weights(&writer).await, [8, 7]);
        let Ok(Reply::Drift { values, conflicts, .. }) = writer.ask(Verb::Drift).await else { panic!("no drift") };
        assert_eq!((values.len(), conflicts.as_slice()), (2, both.as_slice()));

        let decided = [("groups.app.backends.a", Take::Running), ("groups", Take::File)];
        let tried = applied(ask(&decided, true).await).expect("it says what it would do");
        assert_eq!((tried.edits, weights(&writer).await), (vec![set(EDIT, "60")], [8, 7]));
        applied(ask(&decided, false).await).expect("all is decided");
        assert_eq!(weights(&writer).await, [8, 60], "the decision that names the most of a path counts");
    });
}
