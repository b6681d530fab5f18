//! The card of a backend: asks how it was and, when told to, for a probe now.

use poise_ipc::BackendPath;
use poise_ipc::health::{BackendQuery, WhyQuery};
use poise_ipc::message::{Reply, Verb};

use super::super::key::Key;
use super::super::keymap::Action;
use super::super::msg::Effect;
use super::super::state::overlay::{Answer, Card, Overlay};
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::{ask, dialog, is_asked, say};
use crate::console::safe_line;

/// Opens the card of what is selected, as of the selected row of the log.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let Some((path, at_ms)) = selected(state) else { return say(state, Tone::Plain, "no backend is selected") };
    if state.link != LinkState::Live {
        return say(state, Tone::Alarm, "not connected: what was comes from the daemon");
    }
    let card = Card { path: path.clone(), why: Answer::Asked, probe: Answer::None, top: 0 };
    state.overlay = Some(Overlay::Card(Box::new(card)));
    let query = WhyQuery { group: path.group.clone(), backend: path.backend.clone(), at_ms };
    ask(state, Asked::Why(path), Verb::Why(query), effects);
    state.paint(Paint::Now);
}

/// Opens the card and probes.
pub(super) fn check(state: &mut State, effects: &mut Vec<Effect>) {
    open(state, effects);
    probe(state, effects);
}

fn selected(state: &State) -> Option<(BackendPath, Option<u64>)> {
    if state.screen == Screen::Health {
        let row = state.log.selected()?;
        return Some((BackendPath::new(row.group.clone(), row.backend.clone()), Some(row.last_ms)));
    }
    let (group, backend) = state.model.as_ref()?.backend(state.balance.selected?)?;
    Some((BackendPath::new(group.name.clone(), backend.name.clone()), None))
}

fn probe(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Overlay::Card(card)) = &mut state.overlay else { return };
    let path = card.path.clone();
    card.probe = Answer::Asked;
    card.top = 0;
    // One at a time: a backend that does not answer is not asked by every press of the key.
    if !is_asked(state, &Asked::Probe(path.clone())) {
        let query = BackendQuery { group: path.group.clone(), backend: path.backend.clone() };
        ask(state, Asked::Probe(path), Verb::Probe(query), effects);
    }
}

pub(super) fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let is_check = state.keymap.action(key, state.screen.place()) == Some(Action::Check);
    match key {
        _ if is_check => probe(state, effects),
        Key::Esc | Key::Enter | Key::Char('q') => state.overlay = None,
        _ => {
            if let Some(Overlay::Card(card)) = &mut state.overlay {
                dialog::scroll(&mut card.top, key);
            }
        }
    }
}

/// Takes an answer, if the card that asked is still open.
pub(super) fn answered(state: &mut State, path: &BackendPath, reply: Reply) {
    let Some(card) = open_card(state, path) else { return };
    match reply {
        Reply::Why(why) => card.why = Answer::Told(why),
        Reply::Probed(probed) => card.probe = Answer::Told(probed),
        _ => {}
    }
    state.paint(Paint::Now);
}

/// The daemon does not say: the card does why.
pub(super) fn refused(state: &mut State, asked: &Asked, sentence: &str) {
    let (path, sentence) = match asked {
        Asked::Why(path) | Asked::Probe(path) => (path, safe_line(sentence)),
        _ => return,
    };
    let Some(card) = open_card(state, path) else { return };
    match asked {
        Asked::Why(_) => card.why = Answer::Refused(sentence),
        _ => card.probe = Answer::Refused(sentence),
    }
    state.paint(Paint::Now);
}

fn open_card<'a>(state: &'a mut State, path: &BackendPath) -> Option<&'a mut Card> {
    match &mut state.overlay {
        Some(Overlay::Card(card)) if card.path == *path => Some(card),
        _ => None,
    }
}
