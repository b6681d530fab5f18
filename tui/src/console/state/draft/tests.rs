//! The draft against the configuration it is about.

use poise_ipc::model::AdminState;
use proptest::prelude::*;

use super::{Draft, Values};
use crate::console::fixture::status;
use crate::console::state::model::Model;

fn model(revision: u64) -> Model {
    Model::new(status(revision, 0))
}

fn weight(weight: u16) -> impl Fn(Values) -> Values {
    move |values| Values { weight, ..values }
}

#[test]
fn staging_what_is_already_so_is_no_edit() {
    let mut draft = Draft::default();
    assert!(!draft.stage(&model(1), &[1], weight(100)));
    assert!(draft.stage(&model(1), &[1], weight(60)) && draft.len() == 1);
    assert!(draft.stage(&model(1), &[1], weight(100)) && draft.is_empty());
    assert!(draft.undo() && draft.len() == 1);
}

#[test]
fn an_unknown_backend_cannot_be_staged() {
    assert!(!Draft::default().stage(&model(1), &[9_999], weight(1)));
}

#[test]
fn a_commit_takes_out_what_was_sent_and_keeps_what_came_after() {
    let mut draft = Draft::default();
    draft.stage(&model(1), &[1, 2], weight(60));
    let sent = draft.saved();
    draft.stage(&model(1), &[2], weight(70));
    draft.committed(&sent, 2);
    assert_eq!(draft.iter().map(|(id, s)| (id, s.base.weight, s.mine.weight)).collect::<Vec<_>>(), [(2, 60, 70)]);
    assert_eq!(draft.base_revision(), 2);
}

#[test]
fn a_backend_that_is_gone_is_an_overlap_and_leaves_with_the_rebase() {
    let mut draft = Draft::default();
    draft.stage(&model(1), &[1, 2], weight(60));
    let mut newer = status(2, 0);
    newer.groups[0].backends.remove(0);
    let newer = Model::new(newer);
    assert_eq!(draft.overlaps(&newer).iter().map(|o| (o.id, o.theirs)).collect::<Vec<_>>(), [(1, None)]);
    draft.rebase(&newer, &[1]);
    assert_eq!(draft.iter().map(|(id, _)| id).collect::<Vec<_>>(), [2]);
}

fn values() -> impl Strategy<Value = Values> {
    let states = prop::sample::select(vec![AdminState::Enabled, AdminState::Draining, AdminState::Disabled]);
    (0u16..4, states).prop_map(|(weight, state)| Values { weight, state })
}

proptest! {
    #[test]
    fn undo_and_redo_are_each_others_inverse(steps in prop::collection::vec((prop::collection::vec(1u64..8, 1..4), values()), 1..20)) {
        let model = model(1);
        let mut draft = Draft::default();
        let mut seen = vec![draft.saved().staged];
        for (ids, values) in steps {
            if draft.stage(&model, &ids, |_| values) {
                seen.push(draft.saved().staged);
            }
        }
        for before in seen.iter().rev().skip(1) {
            prop_assert!(draft.undo());
            prop_assert_eq!(&draft.saved().staged, before);
        }
        prop_assert!(!draft.undo());
        for after in &seen[1..] {
            prop_assert!(draft.redo());
            prop_assert_eq!(&draft.saved().staged, after);
        }
    }

    #[test]
    fn a_rebase_leaves_only_edits_that_change_something_and_no_overlap(mine in values(), theirs in values(), keep in any::<bool>()) {
        let mut draft = Draft::default();
        draft.stage(&model(1), &[1], |_| mine);
        let base = Values { weight: 100, state: AdminState::Enabled };
        let mut newer = status(2, 0);
        (newer.groups[0].backends[0].weight, newer.groups[0].backends[0].state) = (theirs.weight, theirs.state);
        let newer = Model::new(newer);
        let overlapped = !draft.overlaps(&newer).is_empty();
        draft.rebase(&newer, if keep { &[1] } else { &[] });
        prop_assert!(draft.overlaps(&newer).is_empty());
        let result = draft.get(1).map_or(theirs, |staged| staged.mine);
        prop_assert!(draft.get(1).is_none_or(|staged| staged.base == theirs && staged.mine != theirs));
        // A value only I changed is mine, one only they changed is theirs.
        if !overlapped || keep {
            prop_assert!(mine.weight == base.weight || result.weight == mine.weight);
            prop_assert!(mine.state == base.state || result.state == mine.state);
        }
        prop_assert!(mine.weight != base.weight || result.weight == theirs.weight);
        prop_assert!(mine.state != base.state || result.state == theirs.state);
    }
}
