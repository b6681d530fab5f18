//! Drafts survive the process.

use poise_ipc::model::AdminState;
use poise_ipc::name::BackendPath;
use tokio::sync::mpsc;

use super::{Disk, REPORTS_MAX, load, state_folder, store};
use crate::console::state::draft::{SavedDraft, Staged, Values};

fn draft(weight: u16) -> SavedDraft {
    let values = |weight| Values { weight, state: AdminState::Enabled };
    let path: BackendPath = "app/app-1".parse().unwrap();
    SavedDraft {
        version: 1,
        base_revision: 7,
        staged: vec![(3, Staged { path, base: values(100), mine: values(weight) })],
    }
}

#[test]
fn a_draft_comes_back_as_it_was_and_an_empty_one_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/poise");
    store(&state, "abc-1", &draft(60)).unwrap();
    assert_eq!(load(&state, "abc-1"), Some(draft(60)));
    assert_eq!(load(&state, "other"), None);
    store(&state, "abc-1", &SavedDraft { staged: Vec::new(), ..draft(60) }).unwrap();
    assert_eq!(load(&state, "abc-1"), None);
    store(&state, "abc-1", &SavedDraft { staged: Vec::new(), ..draft(60) }).unwrap();
}

#[test]
fn a_daemons_name_cannot_lead_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), "../../etc/x", &draft(60)).unwrap();
    assert!(folder.path().join("draft-etcx.json").exists());
}

#[test]
fn what_is_no_draft_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("draft-abc.json"), "{ not json").unwrap();
    assert_eq!(load(folder.path(), "abc"), None);
}

#[test]
fn dropping_the_disk_waits_for_the_newest_draft() {
    let folder = tempfile::tempdir().unwrap();
    let (reports, _kept) = mpsc::channel(REPORTS_MAX);
    let disk = Disk::start(folder.path().to_owned(), reports).unwrap();
    for weight in 1..=50 {
        disk.save("abc".to_owned(), draft(weight));
    }
    drop(disk);
    assert_eq!(load(folder.path(), "abc"), Some(draft(50)));
}

#[test]
fn a_failed_write_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (reports, mut told) = mpsc::channel(REPORTS_MAX);
    let disk = Disk::start(file.join("below"), reports).unwrap();
    disk.save("abc".to_owned(), draft(1));
    drop(disk);
    assert!(told.try_recv().is_ok());
}

#[test]
fn the_folder_follows_the_environment() {
    let env = |pairs: &'static [(&str, &str)]| {
        move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let folder = |pairs| state_folder(env(pairs)).display().to_string();
    assert_eq!(folder(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), "/s/poise");
    assert_eq!(folder(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), "/h/.local/state/poise");
}
