//! The operator's file over restarts and reloads: taken when it alone has changed, never guessed.

use std::path::{Path, PathBuf};

use poise_ipc::message::{ErrorCode, Reply, Take, Verb};

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
    let outcome = applied(writer.ask(Verb::Reload { take }).await);
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
        let error = writer.ask(Verb::Reload { take: None }).await.expect_err("both have changed");
        assert_eq!(seen(&writer).await, (7, 2, true));
        assert_eq!((error.code, error.edits), (ErrorCode::Drift, vec![set(EDIT, "60")]));
        writer.stop().await;

        let writer = place.start().await;
        assert_eq!(seen(&writer).await, (7, 2, true));
        let Ok(Reply::Drift { file: Some(_), edits }) = writer.ask(Verb::Drift).await else { panic!("no drift") };
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
        assert_eq!(writer.ask(Verb::Drift).await, Ok(Reply::Drift { file: None, edits: Vec::new() }));
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
