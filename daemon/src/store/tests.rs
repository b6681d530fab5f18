//! What must hold of the store: commits are on the disk when acknowledged, one daemon per state,
//! and files that are not ours stay as they are.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use poise_ipc::edit::Edit;
use poise_ipc::message::Author;

use super::*;

/// A disk that stands still until this is dropped: nothing can be written meanwhile.
pub(crate) fn hold_disk(dir: &Path) -> impl Drop + use<> {
    let other = rusqlite::Connection::open(database_path(dir)).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    other
}

/// Makes the store refuse to write the commit of a revision.
pub(crate) fn refuse_revision(dir: &Path, revision: i64) {
    let other = rusqlite::Connection::open(database_path(dir)).expect("opens");
    let row = "INSERT INTO revisions VALUES (?1, 0, 0, '', 0, NULL, '[]', '[]', '')";
    other.execute(row, [revision]).expect("written");
}

/// Makes the store write it again.
pub(crate) fn allow_revision(dir: &Path, revision: i64) {
    let other = rusqlite::Connection::open(database_path(dir)).expect("opens");
    other.execute("DELETE FROM revisions WHERE revision = ?1", [revision]).expect("written");
}

/// Changes the text of the stored confirm window.
pub(crate) fn edit_window(dir: &Path, from: &str, to: &str) {
    let other = rusqlite::Connection::open(database_path(&dir.join("state"))).expect("opens");
    let edited = other.execute("UPDATE confirm_window SET body = replace(body, ?1, ?2)", [from, to]).expect("written");
    assert_eq!(edited, 1, "a window is stored");
}

/// How many parts of persistence entries would be there after a kill.
pub(crate) fn entry_parts(dir: &Path) -> u32 {
    let other = rusqlite::Connection::open(database_path(dir)).expect("opens");
    let in_force = "SELECT count(*) FROM entries JOIN entries_in_force USING (generation)";
    other.query_row(in_force, [], |row| row.get(0)).expect("read")
}

fn open(dir: &Path) -> (Store, Stored) {
    Store::open(StateDir::hold(dir).expect("held"), HISTORY_MAX_DEFAULT).expect("opens")
}

fn refused(dir: &Path) -> StoreError {
    Store::open(StateDir::hold(dir).expect("held"), HISTORY_MAX_DEFAULT).map(|_| ()).expect_err("must be refused")
}

fn change(revision: u64) -> Change {
    let set = |value: u64| Edit::Set { path: "groups.app.backends.app-1.weight".to_owned(), value: value.to_string() };
    Change {
        commit: Commit {
            revision,
            at_ms: 1_000 + revision,
            author: Author::new(1_000, "ada", 42),
            reason: Some("release".to_owned()),
            edits: vec![set(revision)],
            inverse: vec![set(revision - 1)],
        },
        running: Running {
            revision,
            text: format!("# revision {revision}\n"),
            identities: "{}".to_owned(),
            taken: Some("# file\n".to_owned()),
        },
        gone: Vec::new(),
        names: Vec::new(),
        earlier: Vec::new(),
        window: WindowChange::Keep,
        layers: None,
    }
}

fn store(store: &Store, change: Change) {
    store.commit(change).blocking_recv().expect("answered").expect("stored");
}

fn history(store: &Store, limit: u32) -> Vec<Commit> {
    let (send, receive) = oneshot::channel();
    store.history(limit, None, move |outcome| send.send(outcome).expect("waits"));
    receive.blocking_recv().expect("answered").expect("read")
}

#[test]
fn a_new_state_has_an_identity_and_a_key_that_stay() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, made) = open(dir.path());
    assert!(made.running.is_none() && made.health.is_empty());
    assert_eq!(made.daemon_id.len(), 32);
    drop(first);
    let (_second, kept) = open(dir.path());
    assert_eq!((kept.daemon_id, kept.cookie_key), (made.daemon_id, made.cookie_key));
    assert_ne!(kept.cookie_key, [0; 16]);
}

#[test]
fn an_acknowledged_commit_is_there_after_a_restart_without_a_clean_stop() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    store(&first, change(1));
    store(&first, change(2));
    // A copy of the files as they are now is what SIGKILL would leave.
    let copy = tempfile::tempdir().expect("dir");
    for file in ["poise.db", "poise.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).expect("copied");
    }
    let (second, stored) = open(copy.path());
    assert_eq!(stored.running, Some(change(2).running));
    assert_eq!(history(&second, 10), [change(2).commit, change(1).commit]);
    assert_eq!(history(&second, 1), [change(2).commit]);
}

#[test]
fn the_history_keeps_its_newest_commits_only() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    for revision in [1, 2, 3, 3 + u64::from(HISTORY_MAX_DEFAULT)] {
        store(&first, change(revision));
    }
    let kept: Vec<u64> = history(&first, HISTORY_MAX_DEFAULT).iter().map(|commit| commit.revision).collect();
    assert_eq!(kept, [1_003]);
}

#[test]
fn a_history_of_large_commits_is_cut_to_what_a_reply_may_hold() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    for revision in 1..=3 {
        let mut large = change(revision);
        large.commit.edits = vec![Edit::Remove { path: "x".repeat(HISTORY_LEN_MAX / 2) }];
        store(&first, large);
    }
    assert_eq!(history(&first, 10).len(), 1);
}

#[test]
fn health_is_kept_until_its_backend_is_removed() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    let row =
        |id, health| HealthRow { backend: BackendId(id), health, since_ms: 7, score: 8, score_ms: 9, is_out: true };
    first.health(vec![row(1, Health::Up), row(2, Health::Up)]).expect("queued");
    first.health(vec![row(1, Health::Down)]).expect("queued");
    drop(first);
    let (second, mut stored) = open(dir.path());
    stored.health.sort_by_key(|row| row.backend);
    assert_eq!(stored.health, [row(1, Health::Down), row(2, Health::Up)]);
    store(&second, Change { gone: vec![BackendId(1)], ..change(1) });
    drop(second);
    assert_eq!(open(dir.path()).1.health, [row(2, Health::Up)]);
}

#[test]
fn what_names_stand_for_is_kept_with_the_commit_and_when_it_moves() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    let row = |host: &str, address: [u8; 4]| NameRow { host: host.to_owned(), address: address.into() };
    let (db, old) = (row("db.test", [10, 0, 0, 1]), row("old.test", [10, 0, 0, 2]));
    store(&first, Change { names: vec![db.clone(), old], ..change(1) });
    store(&first, Change { names: vec![db.clone()], ..change(2) });
    drop(first);
    let (second, stored) = open(dir.path());
    assert_eq!(stored.names, [db], "names that no configuration holds are forgotten");
    let moved = row("db.test", [10, 0, 0, 9]);
    assert!(second.names(vec![moved.clone()]));
    drop(second);
    assert_eq!(open(dir.path()).1.names, [moved]);
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_this_one() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    store(&first, change(1));
    drop(first);
    let other = rusqlite::Connection::open(database_path(dir.path())).expect("opens");
    let later = "DROP TABLE names; DROP TABLE entries; DROP TABLE entries_in_force; \
        ALTER TABLE health DROP COLUMN score; ALTER TABLE health DROP COLUMN score_ms; \
        ALTER TABLE health DROP COLUMN is_out; DROP TABLE confirm_window; DROP TABLE layers; \
        DROP TABLE audit; ALTER TABLE revisions DROP COLUMN client; PRAGMA user_version = 1";
    other.execute_batch(later).expect("written");
    drop(other);
    let (second, stored) = open(dir.path());
    assert_eq!(stored.running, Some(change(1).running));
    store(&second, change(2));
}

#[test]
fn the_text_of_a_taken_file_is_kept() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    store(&first, change(1));
    first.taken("# other\n".to_owned()).blocking_recv().expect("answered").expect("stored");
    drop(first);
    assert_eq!(open(dir.path()).1.running.and_then(|running| running.taken).as_deref(), Some("# other\n"));
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused_and_names_the_first() {
    let dir = tempfile::tempdir().expect("dir");
    let held = StateDir::hold(dir.path()).expect("held");
    let said = StateDir::hold(dir.path()).expect_err("refused").to_string();
    assert!(said.contains(&format!("(pid {})", std::process::id())), "{said}");
    drop(held);
    StateDir::hold(dir.path()).expect("free again");
}

#[test]
fn the_state_is_readable_by_its_owner_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let state = dir.path().join("deep/state");
    let (first, _) = open(&state);
    store(&first, change(1));
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in ["poise.db", "poise.db-wal", "poised.lock"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_file_that_is_no_database_of_poise_is_refused_and_left_alone() {
    for content in [b"not a database".to_vec(), vec![7; 8_192]] {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::write(database_path(dir.path()), &content).expect("written");
        assert!(matches!(refused(dir.path()), StoreError::Foreign { .. }));
        assert_eq!(std::fs::read(database_path(dir.path())).expect("there"), content);
    }
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    drop(open(dir.path()).0);
    let mut content = std::fs::read(database_path(dir.path())).expect("there");
    content[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(database_path(dir.path()), &content).expect("written");
    assert!(matches!(refused(dir.path()), StoreError::TooNew { found: 99, .. }));
    assert_eq!(std::fs::read(database_path(dir.path())).expect("there"), content);
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    for revision in 1..=50 {
        store(&first, change(revision));
    }
    drop(first);
    let mut content = std::fs::read(database_path(dir.path())).expect("there");
    content[4_096..].fill(0x5a);
    std::fs::write(database_path(dir.path()), &content).expect("written");
    assert!(matches!(refused(dir.path()), StoreError::Damaged { .. }));
    assert_eq!(std::fs::read(database_path(dir.path())).expect("there"), content);
}

#[test]
fn a_first_start_that_was_killed_before_its_first_page_is_made_again() {
    let dir = tempfile::tempdir().expect("dir");
    std::fs::write(database_path(dir.path()), b"").expect("written");
    assert!(open(dir.path()).1.running.is_none());
}

#[test]
fn a_commit_that_cannot_be_written_is_refused_and_a_later_one_works() {
    let dir = tempfile::tempdir().expect("dir");
    let (first, _) = open(dir.path());
    store(&first, change(1));
    // The same revision again breaks the primary key, as any failing write would.
    let refused = first.commit(change(1)).blocking_recv().expect("answered");
    assert!(matches!(refused, Err(StoreError::Database { .. })));
    store(&first, change(2));
    assert_eq!(history(&first, 10).len(), 2);
}
