//! The screen Changes: commits are asked for page by page; a selected one is opened, or returned to.

use poise_ipc::edit::Edit;
use poise_ipc::message::{Aftermath, Commit, ErrorReply, Planned, Verb};

use super::super::msg::Effect;
use super::super::state::changes::PAGE;
use super::super::state::model::admit;
use super::super::state::overlay::{Answer, Overlay};
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::edit::refused;
use super::{ask, commit, is_asked, say};
use crate::console::safe_line;

/// Asks for the newest commits when they are first shown.
pub(super) fn follow(state: &mut State, effects: &mut Vec<Effect>) {
    if state.screen == Screen::Changes && state.link == LinkState::Live && !state.changes.is_begun {
        state.changes.is_begun = true;
        ask(state, Asked::History(None), Verb::History { limit: PAGE, before: None }, effects);
    }
}

/// Moves the selection; asks for more at the end.
pub(super) fn move_by(state: &mut State, delta: isize) {
    state.changes.move_by(delta);
}

/// Asks for the commits before those that are known, when the last of them is reached.
pub(super) fn older(state: &mut State, effects: &mut Vec<Effect>) {
    let at_end = state.changes.move_by(0);
    let Some(last) = state.changes.commits().last().map(|commit| commit.revision) else { return };
    let asked = Asked::History(Some(last));
    if at_end && !state.changes.is_whole && state.link == LinkState::Live && !is_asked(state, &asked) {
        ask(state, asked, Verb::History { limit: PAGE, before: Some(last) }, effects);
    }
}

/// Commits came, those before a revision or the newest.
pub(super) fn told(state: &mut State, before: Option<u64>, commits: Vec<Commit>) {
    if before.is_none() {
        state.changes.begin(commits.last().map_or(0, |oldest| oldest.revision));
    }
    state.changes.is_whole |= commits.len() < PAGE as usize;
    state.changes.take(commits.into_iter().map(admit::commit).collect());
    state.paint(Paint::Now);
}

/// Shows what the selected commit changed, and what came of it.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(revision) = state.changes.selected().map(|commit| commit.revision) else { return };
    let is_live = state.link == LinkState::Live;
    let aftermath = if is_live { Answer::Asked } else { Answer::None };
    state.overlay = Some(Overlay::Revision { revision, selected: 0, aftermath });
    if is_live {
        ask(state, Asked::Aftermath(revision), Verb::Aftermath { revision: Some(revision) }, effects);
    }
}

/// The daemon says what came of a commit, or why it does not know.
pub(super) fn came(state: &mut State, wanted: u64, told: Result<Aftermath, &ErrorReply>) {
    let Some(Overlay::Revision { revision, aftermath, .. }) = &mut state.overlay else { return };
    if *revision == wanted {
        *aftermath = match told {
            Ok(told) => Answer::Told(Box::new(told)),
            Err(error) => Answer::Refused(safe_line(&error.message)),
        };
        state.paint(Paint::Data);
    }
}

/// Asks for the configuration of the selected revision, to bring it back.
pub(super) fn back_to_selected(state: &mut State, effects: &mut Vec<Effect>) {
    if refused(state) {
        return;
    }
    let Some(revision) = state.changes.selected().map(|commit| commit.revision) else { return };
    if state.link != LinkState::Live {
        say(state, Tone::Alarm, "not connected: try again later");
    } else if state.model.as_ref().is_some_and(|model| model.status().revision == revision) {
        say(
            state,
            Tone::Plain,
            &format!("rev {revision} is running; select an older one, Enter and z take one value back"),
        );
    } else {
        ask(state, Asked::Past(revision), Verb::ConfigAt { revision }, effects);
    }
}

/// The configuration of a revision came: what would bring it back is asked about.
pub(super) fn past(state: &mut State, revision: u64, text: String, effects: &mut Vec<Effect>) {
    // Whoever has opened something else meanwhile is not interrupted.
    if state.overlay.is_none() && state.screen == Screen::Changes {
        commit::bring_back(state, format!("rollback to {revision}"), Planned::Text(text), effects);
    }
}

/// Asks what it would do to take back one edit of a commit, with everything of the commit at its path or below.
pub(super) fn take_back(state: &mut State, revision: u64, selected: usize, effects: &mut Vec<Effect>) {
    if refused(state) {
        return;
    }
    let Some(commit) = state.changes.commit(revision) else { return };
    let Some(path) = commit.edits.get(selected).map(|edit| edit.path().to_owned()) else { return };
    let wanted: Vec<Edit> = commit.inverse.iter().filter(|edit| edit.path() == path).cloned().collect();
    if wanted.is_empty() {
        say(state, Tone::Plain, "nothing of it stands alone: roll back to the revision before it");
    } else {
        commit::bring_back(state, format!("take back {path} of {revision}"), Planned::Edits(wanted), effects);
    }
}
