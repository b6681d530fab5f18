//! What a rollback changes, of all or of some objects.

use poise_ipc::apply::apply;

use super::super::fixture::config;
use super::edits;
use poise_ipc::edit::Edit;

#[test]
fn a_rollback_leads_back_whole_or_at_some_paths_only() {
    let before = config();
    let changed = vec![
        Edit::set("groups.app.backends.app-1.weight", "7"),
        Edit::set("groups.app.scheduler", "wlc"),
        Edit::remove("listeners.db"),
    ];
    let now = apply(&before, &changed).expect("valid");
    assert_eq!(apply(&now, &edits(&now, &before, &[])).expect("valid"), before);
    let some = edits(&now, &before, &["groups.app.backends.app-1".to_owned(), "listeners".to_owned()]);
    let paths: Vec<_> = some.iter().map(Edit::path).collect();
    assert_eq!(paths, ["listeners.db", "groups.app.backends.app-1.weight"]);
}
