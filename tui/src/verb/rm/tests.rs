//! What is removed has to be there, by name or by path.

use poise_ipc::edit::Edit;

use super::super::fixture::config;
use super::{Failure, edits};
use crate::exit::Exit;

fn removed(words: &[&str]) -> Result<Vec<Edit>, Failure> {
    edits(&config(), &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}

#[test]
fn names_become_paths() {
    assert_eq!(
        removed(&["backend", "app/app-1", "app/app-2"]).unwrap(),
        [Edit::remove("groups.app.backends.app-1"), Edit::remove("groups.app.backends.app-2")]
    );
    assert_eq!(removed(&["group", "data"]).unwrap(), [Edit::remove("groups.data")]);
    assert_eq!(removed(&["listener", "web"]).unwrap(), [Edit::remove("listeners.web")]);
}

#[test]
fn paths_are_taken_as_they_are() {
    let paths = ["groups.app.backends.app-2.state", "listeners.db"];
    assert_eq!(removed(&paths).unwrap(), paths.map(Edit::remove));
}

#[test]
fn what_is_not_there_is_not_found() {
    let missing: [&[&str]; 6] = [
        &["backend", "app/nope"],
        &["group", "nope"],
        &["listener", "nope"],
        &["groups.nope"],
        &["groups.app.nope"],
        &["nope"],
    ];
    for words in missing {
        assert_eq!(removed(words).unwrap_err().exit, Exit::NotFound, "{words:?}");
    }
}

#[test]
fn a_kind_without_name_and_a_backend_without_group_are_matters_of_usage() {
    assert_eq!(removed(&["backend"]).unwrap_err().exit, Exit::Usage);
    assert_eq!(removed(&["backend", "app-1"]).unwrap_err().exit, Exit::Usage);
}
