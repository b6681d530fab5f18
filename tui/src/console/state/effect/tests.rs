//! What a draft is said to do where backups stand by.

use poise_ipc::model::AdminState;

use super::{Draft, Level, checks, wants_after};
use crate::console::fixture::status;
use crate::console::state::draft::Values;
use crate::console::state::model::Model;

/// Group `static` with its last backend as a backup.
fn model() -> Model {
    let mut status = status(1, 0);
    let backup = status.groups[1].backends.last_mut().expect("it has five");
    (backup.backup, backup.effective_weight) = (true, 0);
    Model::new(status)
}

fn draining(ids: &[u64]) -> (Model, Draft) {
    let (model, mut draft) = (model(), Draft::default());
    draft.stage(&model, ids, |values| Values { state: AdminState::Draining, ..values });
    (model, draft)
}

#[test]
fn a_backup_is_somebody_to_fail_over_to() {
    let ids: Vec<u64> = model().status().groups[1].backends.iter().map(|backend| backend.id).collect();
    let (model, draft) = draining(&ids[..2]);
    let check = &checks(&draft, &model)[0];
    assert_eq!((check.level, check.text.as_str()), (Level::Fine, "static: 1 of 5 take new work, 1 as backup"));
    assert_eq!(wants_after(&draft, &model.status().groups[1]), [0.0, 0.0, 0.0, 100.0, 0.0]);
}

#[test]
fn a_backup_takes_over_when_the_draft_leaves_nobody_else() {
    let ids: Vec<u64> = model().status().groups[1].backends.iter().map(|backend| backend.id).collect();
    let (model, draft) = draining(&ids[..4]);
    let check = &checks(&draft, &model)[0];
    assert_eq!(check.level, Level::Alarm);
    assert_eq!(check.text, "static: nobody but 1 of 5, as backup, takes new work");
    assert_eq!(wants_after(&draft, &model.status().groups[1]), [0.0, 0.0, 0.0, 0.0, 100.0]);
}
