//! Committing: the dialog with what the daemon expects, the answer, and the confirm window.
//!
//! Only what was confirmed in its dialog is sent, with the revision that it was made on.

use poise_ipc::message::{
    Applied, Apply, ErrorCode, ErrorReply, Forecast, PlanQuery, Planned, Verb, WindowAct, WindowQuery,
};

use super::super::msg::Effect;
use super::super::state::draft::SavedDraft;
use super::super::state::model::admit;
use super::super::state::overlay::{Answer, Ask, Field, Overlay, Proposal, Question, Typed};
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::edit::{refused, save};
use super::{ask, say};
use crate::console::safe_line;

/// Opens the dialog that commits, or the one that settles a conflict first.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    if refused(state) {
        return;
    }
    let Some(model) = &state.model else { return };
    if state.draft.is_empty() {
        say(state, Tone::Plain, "nothing is staged");
    } else if state.link != LinkState::Live {
        say(state, Tone::Alarm, "not connected; the draft is kept");
    } else if state.draft.base_revision() == model.status().revision {
        propose(state, effects);
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
        propose(state, effects);
    }
}

/// Shows what the draft is, while the daemon is asked what it expects of it.
fn propose(state: &mut State, effects: &mut Vec<Effect>) {
    let wanted = Planned::Edits(state.draft.edits());
    let query = PlanQuery { wanted, if_revision: Some(state.draft.base_revision()) };
    show(state, Proposal::Draft, query, effects);
}

/// Shows what would bring back what was: the daemon says which edits that takes.
pub(super) fn bring_back(state: &mut State, words: String, wanted: Planned, effects: &mut Vec<Effect>) {
    show(state, Proposal::Return { words }, PlanQuery { wanted, if_revision: None }, effects);
}

pub(super) fn show(state: &mut State, what: Proposal, query: PlanQuery, effects: &mut Vec<Effect>) {
    let question = Question::Commit { what, forecast: Answer::Asked, sent: false };
    state.overlay = Some(Overlay::Ask(Ask::new(question)));
    state.paint(Paint::Now);
    // An answer to an earlier question is not one to this.
    state.asked.retain(|_, asked| *asked != Asked::Forecast);
    ask(state, Asked::Forecast, Verb::Plan(query), effects);
}

/// The daemon says what it expects, or why it would refuse.
pub(super) fn foreseen(state: &mut State, told: Result<Forecast, &ErrorReply>) {
    let answer = match told {
        Ok(told) => Answer::Told(Box::new(admit::forecast(told))),
        Err(error) => Answer::Refused(safe_line(&sentence(error))),
    };
    expect(state, answer);
}

/// The link was lost: nobody will say any more what to expect.
pub(super) fn unforeseen(state: &mut State) {
    expect(state, Answer::Refused("the link was lost before it said; ask again".to_owned()));
}

/// Shows an answer in the dialog that waits for one, even if its reason is being typed.
fn expect(state: &mut State, answer: Answer<Forecast>) {
    let ask = match &mut state.overlay {
        Some(Overlay::Ask(ask)) => ask,
        Some(Overlay::Field(Field { what: Typed::Reason(ask), .. })) => ask,
        _ => return,
    };
    if let Question::Commit { forecast, .. } = &mut ask.question
        && matches!(forecast, Answer::Asked)
    {
        *forecast = answer;
        state.paint(Paint::Now);
    }
}

/// Sends what was confirmed.
pub(super) fn send(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Overlay::Ask(Ask { question: Question::Commit { what, forecast, sent }, .. })) = &mut state.overlay else {
        return;
    };
    let (edits, base, words) = match (what, forecast) {
        (Proposal::Lease(query), _) => {
            let verb = Verb::Lease(query.clone());
            *sent = true;
            return ask(state, Asked::Layer, verb, effects);
        }
        (Proposal::Ramp(query), _) => {
            let verb = Verb::Ramp(query.clone());
            *sent = true;
            return ask(state, Asked::Layer, verb, effects);
        }
        (Proposal::Draft, _) => (state.draft.edits(), state.draft.base_revision(), None),
        (Proposal::Return { words }, Answer::Told(told)) => (told.edits.clone(), told.revision, Some(words.clone())),
        (Proposal::Return { .. }, _) => return,
    };
    let is_draft = words.is_none();
    let revision = state.model.as_ref().map(|model| model.status().revision);
    if state.link != LinkState::Live || revision != Some(base) {
        state.overlay = None;
        if is_draft {
            open(state, effects);
        } else {
            say(state, Tone::Alarm, "the configuration has changed meanwhile: ask again");
        }
        return;
    }
    *sent = true;
    let apply = Apply {
        edits,
        if_revision: Some(base),
        dry_run: false,
        reason: state.wish.reason().map(str::to_owned).or(words),
        window: state.wish.request(state.model.as_ref().and_then(|model| model.status().window.as_ref())),
    };
    let asked = if is_draft { Asked::Commit(state.draft.saved()) } else { Asked::Return };
    ask(state, asked, Verb::Apply(apply), effects);
}

pub(super) fn close(state: &mut State) {
    if matches!(&state.overlay, Some(Overlay::Ask(ask)) if matches!(ask.question, Question::Commit { .. })) {
        state.overlay = None;
    }
}

/// The daemon made the commit of the draft.
pub(super) fn committed(state: &mut State, sent: &SavedDraft, applied: &Applied, effects: &mut Vec<Effect>) {
    state.draft.committed(sent, applied.revision);
    save(state, effects);
    done(state, applied);
}

/// The daemon made a commit.
pub(super) fn done(state: &mut State, applied: &Applied) {
    close(state);
    state.own_revision = Some(applied.revision);
    state.wish.forget_reason();
    let text = match applied.edits.len() {
        _ if !applied.changed => "nothing to change: it is so already".to_owned(),
        1 => format!("rev {}: 1 edit is live", applied.revision),
        count => format!("rev {}: {count} edits are live", applied.revision),
    };
    say(state, Tone::Plain, &text);
}

/// The daemon refused the commit; the draft is kept.
pub(super) fn commit_refused(state: &mut State, error: &ErrorReply, is_draft: bool, effects: &mut Vec<Effect>) {
    close(state);
    if error.code == ErrorCode::Conflict {
        ask(state, Asked::Status, Verb::Status, effects);
        let revision = error.revision.map_or_else(String::new, |revision| format!(" at rev {revision}"));
        let next = if is_draft { "c compares" } else { "look again" };
        say(state, Tone::Alarm, &format!("someone else committed{revision}: nothing was applied, {next}"));
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

/// Opens the dialog that ends the confirm window.
pub(super) fn ask_about_window(state: &mut State, act: WindowAct) {
    if refused(state) {
        return;
    }
    let open = state.model.as_ref().and_then(|model| model.status().window.as_ref());
    match open.map(|window| window.revision) {
        None => say(state, Tone::Plain, "nothing waits for a confirmation"),
        Some(_) if state.link != LinkState::Live => say(state, Tone::Alarm, "not connected; the daemon keeps the time"),
        Some(revision) => state.overlay = Some(Overlay::Ask(Ask::new(Question::Window { act, revision }))),
    }
}

/// Keeps what the window has, or takes it back, if it is still the one that was asked about.
pub(super) fn end_window(state: &mut State, act: WindowAct, revision: u64, effects: &mut Vec<Effect>) {
    let open = state.model.as_ref().and_then(|model| model.status().window.as_ref());
    if open.map(|window| window.revision) != Some(revision) {
        return say(state, Tone::Alarm, "the window has changed meanwhile: look again");
    }
    ask(state, Asked::Nothing, Verb::Window(WindowQuery { act, revision: Some(revision) }), effects);
    say(state, Tone::Plain, if act == WindowAct::Confirm { "keeping it..." } else { "taking it back..." });
}
