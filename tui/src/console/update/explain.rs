//! Why the shares of a group are as they are: asked when it is opened and while it is looked at, and mended.

use poise_ipc::message::{BalanceAnswer, BalanceQuery, ErrorReply, Planned, Verb};
use poise_ipc::name::Name;

use super::super::msg::Effect;
use super::super::state::overlay::{Answer, Overlay};
use super::super::state::overview::Line;
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::edit::refused;
use super::{ask, commit, is_asked, say};
use crate::console::safe_line;

/// How far back it looks, in milliseconds.
const WINDOW_MS: u64 = 600_000;

/// The group of what is selected.
fn group(state: &State) -> Option<Name> {
    let model = state.model.as_ref()?;
    if state.screen == Screen::Balance {
        return state.balance.selected.and_then(|id| model.backend(id)).map(|(group, _)| group.name.clone());
    }
    match state.overview.selected(model)? {
        Line::Listener(listener) => listener.group.clone(),
        Line::Route(_, route) => route.groups.first().cloned(),
        Line::Heads => None,
    }
}

/// Opens the explanation of the group of what is selected.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(group) = group(state) else { return say(state, Tone::Plain, "it leads to no group") };
    if state.link != LinkState::Live {
        return say(state, Tone::Alarm, "not connected: the daemon keeps the books");
    }
    state.overlay = Some(Overlay::Explain { group: group.clone(), answer: Answer::Asked, selected: 0 });
    state.paint(Paint::Now);
    send(state, group, effects);
}

fn send(state: &mut State, group: Name, effects: &mut Vec<Effect>) {
    let query = BalanceQuery { of: group.clone(), window_ms: WINDOW_MS };
    ask(state, Asked::Explain(group), Verb::Balance(query), effects);
}

/// News of counters came: what is explained has moved on.
pub(super) fn moved(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Overlay::Explain { group, .. }) = &state.overlay {
        let group = group.clone();
        if !is_asked(state, &Asked::Explain(group.clone())) {
            send(state, group, effects);
        }
    }
}

/// The daemon has explained it, or says why not.
pub(super) fn told(state: &mut State, of: &Name, said: Result<BalanceAnswer, &ErrorReply>) {
    let Some(Overlay::Explain { group, answer, selected }) = &mut state.overlay else { return };
    if group != of {
        return;
    }
    *answer = match said {
        Ok(mut told) => {
            for cause in &mut told.causes {
                cause.remedy = safe_line(&cause.remedy);
                cause.evidence.iter_mut().for_each(|line| *line = safe_line(line));
            }
            *selected = (*selected).min(told.causes.len().saturating_sub(1));
            Answer::Told(Box::new(told))
        }
        Err(error) => Answer::Refused(safe_line(&error.message)),
    };
    state.paint(Paint::Data);
}

/// Asks what the mend of the selected cause would do.
pub(super) fn mend(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Overlay::Explain { answer: Answer::Told(told), selected, .. }) = &state.overlay else { return };
    let Some(cause) = told.causes.get(*selected) else { return };
    let (words, mend) = (format!("mend {} of {}", cause.cause, told.group), cause.mend.clone());
    if refused(state) {
    } else if mend.is_empty() {
        say(state, Tone::Plain, "no edit mends it; what to do stands there");
    } else {
        commit::bring_back(state, words, Planned::Edits(mend), effects);
    }
}
