//! Staging, undoing and committing edits. Everything goes to the draft first; only a commit that
//! was confirmed in its dialog is sent, with the revision that the draft was made on.

use poise_ipc::limits::WEIGHT;
use poise_ipc::message::{Applied, Apply, ErrorCode, ErrorReply, Verb, WindowWish};
use poise_ipc::model::AdminState;

use super::super::keymap::Action;
use super::super::msg::Effect;
use super::super::state::draft::{Draft, SavedDraft, Values};
use super::super::state::overlay::{Ask, Overlay, Question};
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::{ask, field, say};
use crate::console::safe_line;

/// Carries out an action on the draft; says whether it was one.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::WeightUp => stage(state, effects, |v| add_weight(v, 1)),
        Action::WeightDown => stage(state, effects, |v| add_weight(v, -1)),
        Action::WeightUpTen => stage(state, effects, |v| add_weight(v, 10)),
        Action::WeightDownTen => stage(state, effects, |v| add_weight(v, -10)),
        Action::WeightType => {
            if let Some(targets) = targets(state) {
                field::open_weight(state, targets);
            }
        }
        Action::Drain => switch(state, AdminState::Draining, effects),
        Action::DrainHard => switch(state, AdminState::DrainingHard, effects),
        Action::Maintain => switch(state, AdminState::Disabled, effects),
        Action::Undo => step(state, Draft::undo, "nothing to undo", effects),
        Action::Redo => step(state, Draft::redo, "nothing to redo", effects),
        Action::Diff => show_diff(state),
        Action::Commit => open_commit(state, effects),
        Action::Discard => open_discard(state),
        _ => return false,
    }
    true
}

fn add_weight(values: Values, delta: i16) -> Values {
    Values { weight: values.weight.saturating_add_signed(delta).clamp(*WEIGHT.start(), *WEIGHT.end()), ..values }
}

/// Switches the admin state on for all targets, or back to enabled when all have it already.
fn switch(state: &mut State, wanted: AdminState, effects: &mut Vec<Effect>) {
    let Some(model) = &state.model else { return };
    let state_of = |id: u64| match state.draft.get(id) {
        Some(staged) => Some(staged.mine.state),
        None => model.backend(id).map(|(_, backend)| backend.state),
    };
    let all = state.balance.targets().into_iter().all(|id| state_of(id) == Some(wanted));
    let to = if all { AdminState::Enabled } else { wanted };
    stage(state, effects, |values| Values { state: to, ..values });
}

/// Why nothing may be edited, said to the operator.
fn refused(state: &mut State) -> bool {
    if state.may_edit() {
        return false;
    }
    let why = if state.read_only { "this console is read-only" } else { "your role is view: changes need operate" };
    say(state, Tone::Alarm, why);
    true
}

fn targets(state: &mut State) -> Option<Vec<u64>> {
    if refused(state) {
        return None;
    }
    let targets = state.balance.targets();
    if targets.is_empty() {
        say(state, Tone::Plain, "no backend is selected");
        return None;
    }
    Some(targets)
}

fn stage(state: &mut State, effects: &mut Vec<Effect>, change: impl Fn(Values) -> Values) {
    if let Some(targets) = targets(state) {
        stage_on(state, &targets, effects, change);
    }
}

/// Stages new values for these backends.
pub(super) fn stage_on(state: &mut State, ids: &[u64], effects: &mut Vec<Effect>, change: impl Fn(Values) -> Values) {
    let Some(model) = &state.model else { return };
    if state.draft.stage(model, ids, change) {
        save(state, effects);
        if ids.len() > 1 {
            say(state, Tone::Plain, &format!("staged on {} marked", ids.len()));
        }
    } else {
        say(state, Tone::Plain, &format!("no change: a weight is {} to {}", WEIGHT.start(), WEIGHT.end()));
    }
}

fn step(state: &mut State, go: fn(&mut Draft) -> bool, otherwise: &str, effects: &mut Vec<Effect>) {
    if go(&mut state.draft) {
        save(state, effects);
    } else {
        say(state, Tone::Plain, otherwise);
    }
}

/// Keeps the draft on disk.
pub(super) fn save(state: &mut State, effects: &mut Vec<Effect>) {
    state.paint(Paint::Now);
    if let Some(peer) = &state.peer {
        effects.push(Effect::SaveDraft { daemon_id: peer.daemon_id.clone(), draft: state.draft.saved() });
    }
}

/// Takes the draft from the disk, unless something was staged meanwhile.
pub(super) fn restore(state: &mut State, saved: Option<SavedDraft>) {
    let Some(saved) = saved.filter(|saved| !saved.staged.is_empty() && state.draft.is_empty()) else { return };
    state.draft = Draft::restored(saved);
    let count = state.draft.len();
    say(state, Tone::Plain, &format!("{count} staged edits are back; d shows them, X discards them"));
}

fn show_diff(state: &mut State) {
    if state.draft.is_empty() {
        say(state, Tone::Plain, "nothing is staged");
    } else {
        state.overlay = Some(Overlay::Diff { top: 0 });
    }
}

fn open_discard(state: &mut State) {
    if state.draft.is_empty() {
        say(state, Tone::Plain, "nothing is staged");
    } else {
        state.overlay = Some(Overlay::Ask(Ask::new(Question::Discard)));
    }
}

/// Discards the draft.
pub(super) fn discard(state: &mut State, effects: &mut Vec<Effect>) {
    state.draft.clear();
    save(state, effects);
    say(state, Tone::Plain, "the draft is discarded");
}

/// Opens the dialog that commits, or the one that settles a conflict first.
pub(super) fn open_commit(state: &mut State, effects: &mut Vec<Effect>) {
    if refused(state) {
        return;
    }
    let Some(model) = &state.model else { return };
    if state.draft.is_empty() {
        say(state, Tone::Plain, "nothing is staged");
    } else if state.link != LinkState::Live {
        say(state, Tone::Alarm, "not connected; the draft is kept");
    } else if state.draft.base_revision() == model.status().revision {
        state.overlay = Some(Overlay::Ask(Ask::new(Question::Commit { sent: false })));
    } else {
        let overlaps = state.draft.overlaps(model);
        if overlaps.is_empty() {
            settle(state, &[], effects);
            return;
        }
        let mine = vec![false; overlaps.len()];
        let question = Question::Conflict { overlaps, mine, selected: 0 };
        state.overlay = Some(Overlay::Ask(Ask::new(question)));
    }
    state.paint(Paint::Now);
}

/// Puts the draft onto the newest revision and asks for the commit of what is left.
pub(super) fn settle(state: &mut State, keep: &[u64], effects: &mut Vec<Effect>) {
    let Some(model) = &state.model else { return };
    state.draft.rebase(model, keep);
    save(state, effects);
    if state.draft.is_empty() {
        say(state, Tone::Plain, "nothing is left to commit");
    } else {
        state.overlay = Some(Overlay::Ask(Ask::new(Question::Commit { sent: false })));
    }
}

/// Sends the draft, now that it was confirmed.
pub(super) fn send_commit(state: &mut State, effects: &mut Vec<Effect>) {
    let revision = state.model.as_ref().map(|model| model.status().revision);
    if state.link != LinkState::Live || revision != Some(state.draft.base_revision()) {
        state.overlay = None;
        open_commit(state, effects);
        return;
    }
    let apply = Apply {
        edits: state.draft.edits(),
        if_revision: Some(state.draft.base_revision()),
        dry_run: false,
        reason: None,
        window: WindowWish::default(),
    };
    if let Some(Overlay::Ask(question)) = &mut state.overlay {
        question.question = Question::Commit { sent: true };
    }
    let sent = Asked::Commit(state.draft.saved());
    ask(state, sent, Verb::Apply(apply), effects);
}

fn close_commit(state: &mut State) {
    if matches!(&state.overlay, Some(Overlay::Ask(ask)) if matches!(ask.question, Question::Commit { .. })) {
        state.overlay = None;
    }
}

/// The daemon made the commit.
pub(super) fn committed(state: &mut State, sent: &SavedDraft, applied: &Applied, effects: &mut Vec<Effect>) {
    close_commit(state);
    state.own_revision = Some(applied.revision);
    state.draft.committed(sent, applied.revision);
    save(state, effects);
    let text = match applied.edits.len() {
        _ if !applied.changed => "nothing to change: it is so already".to_owned(),
        1 => format!("rev {}: 1 edit is live", applied.revision),
        count => format!("rev {}: {count} edits are live", applied.revision),
    };
    say(state, Tone::Plain, &text);
}

/// The daemon refused the commit; the draft is kept.
pub(super) fn commit_refused(state: &mut State, error: &ErrorReply, effects: &mut Vec<Effect>) {
    close_commit(state);
    if error.code == ErrorCode::Conflict {
        ask(state, Asked::Status, Verb::Status, effects);
        let revision = error.revision.map_or_else(String::new, |revision| format!(" at rev {revision}"));
        say(state, Tone::Alarm, &format!("someone else committed{revision}: nothing was applied, c compares"));
        return;
    }
    if !error.faults.is_empty() {
        let lines = error.faults.iter().map(|fault| safe_line(&fault.to_string())).collect();
        state.overlay = Some(Overlay::Faults { lines, top: 0 });
    }
    say(state, Tone::Alarm, &format!("refused: {}", sentence(error)));
}

/// A refusal with its hint.
pub(super) fn sentence(error: &ErrorReply) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}
