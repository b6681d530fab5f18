//! Staging and undoing edits. Everything goes to the draft first; `commit` sends it.

use poise_ipc::limits::WEIGHT;
use poise_ipc::message::WindowAct;
use poise_ipc::model::AdminState;

use super::super::keymap::Action;
use super::super::msg::Effect;
use super::super::state::draft::{Draft, SavedDraft, Values};
use super::super::state::overlay::{Ask, Overlay, Question, Typed};
use super::super::state::{Paint, State, Tone};
use super::{commit, field, say};

/// Carries out an action on the draft; says whether it was one.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::WeightUp => stage(state, effects, |v| add_weight(v, 1)),
        Action::WeightDown => stage(state, effects, |v| add_weight(v, -1)),
        Action::WeightUpTen => stage(state, effects, |v| add_weight(v, 10)),
        Action::WeightDownTen => stage(state, effects, |v| add_weight(v, -10)),
        Action::WeightType => {
            if let Some(targets) = targets(state) {
                field::open(state, Typed::Weight(targets), "");
            }
        }
        Action::Drain => switch(state, AdminState::Draining, effects),
        Action::DrainHard => switch(state, AdminState::DrainingHard, effects),
        Action::Maintain => switch(state, AdminState::Disabled, effects),
        Action::Undo => step(state, Draft::undo, "nothing to undo", effects),
        Action::Redo => step(state, Draft::redo, "nothing to redo", effects),
        Action::Diff => show_diff(state),
        Action::Commit => commit::open(state, effects),
        Action::Discard => open_discard(state),
        Action::Keep => commit::ask_about_window(state, WindowAct::Confirm),
        Action::RollBack => commit::ask_about_window(state, WindowAct::Back),
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
        None => model.backend(id).map(|(_, backend)| Values::of(backend).state),
    };
    let all = state.balance.targets().into_iter().all(|id| state_of(id) == Some(wanted));
    let to = if all { AdminState::Enabled } else { wanted };
    stage(state, effects, |values| Values { state: to, ..values });
}

/// Why nothing may be edited, said to the operator.
pub(super) fn refused(state: &mut State) -> bool {
    let Some(why) = state.edits_refused() else { return false };
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
