//! What keys do in dialogs. Cancel has the focus: Enter and Esc cancel, only the key that the key
//! map names answers, and nothing does until the dialog has been seen.

use poise_ipc::message::LayerAct;

use super::super::key::Key;
use super::super::keymap::Action;
use super::super::msg::Effect;
use super::super::state::overlay::{Answer, Ask, Overlay, Question};
use super::super::state::{Paint, State};
use super::{card, changes, commit, edit, explain, field, layer};

/// Lines that a page of a dialog goes.
const PAGE: usize = 8;

pub(super) fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let now_ms = state.now_ms;
    let place = state.place();
    state.paint(Paint::Now);
    match &mut state.overlay {
        Some(Overlay::Ask(ask)) if !ask.listens(now_ms) => {}
        Some(Overlay::Ask(ask)) => {
            let action = state.keymap.action(key, place);
            match (action, key) {
                (Some(Action::Confirm), _) => confirm(state, effects),
                (Some(Action::Within), _) => state.wish.turn_within(),
                (Some(Action::Trip), _) => state.wish.turn_errors(),
                (Some(Action::Reason), _) => field::open_reason(state),
                (Some(Action::Mark), _) => choose_side(ask),
                (_, Key::Esc | Key::Enter | Key::Char('q' | 'n')) => state.overlay = None,
                _ => scroll_question(ask, key),
            }
        }
        Some(Overlay::Diff { top }) => match key {
            Key::Char('c') => {
                state.overlay = None;
                commit::open(state, effects);
            }
            Key::Esc | Key::Enter | Key::Char('q' | 'd') => state.overlay = None,
            _ => scroll(top, key),
        },
        Some(Overlay::Layers { selected }) => {
            let known = state.model.as_ref().map_or(0, |model| model.status().layers.len());
            match (state.keymap.action(key, place), key) {
                (Some(action), _) => {
                    let at = *selected;
                    layer::change(state, action, at, effects);
                }
                (_, Key::Esc | Key::Enter | Key::Char('q' | 'l')) => state.overlay = None,
                _ => select(selected, key, known),
            }
        }
        Some(Overlay::Revision { revision, selected, .. }) => {
            let known = state.changes.commit(*revision).map_or(0, |commit| commit.edits.len());
            match (state.keymap.action(key, place), key) {
                (Some(Action::Past), _) => {
                    let (revision, at) = (*revision, *selected);
                    changes::take_back(state, revision, at, effects);
                }
                (_, Key::Esc | Key::Enter | Key::Char('q')) => state.overlay = None,
                _ => select(selected, key, known),
            }
        }
        Some(Overlay::Explain { answer, selected, .. }) => {
            let known = if let Answer::Told(told) = answer { told.causes.len() } else { 0 };
            match (state.keymap.action(key, place), key) {
                (Some(Action::Mend), _) => explain::mend(state, effects),
                (_, Key::Esc | Key::Enter | Key::Char('q' | 'e')) => state.overlay = None,
                _ => select(selected, key, known),
            }
        }
        Some(Overlay::Card(_)) => card::press(state, key, effects),
        Some(Overlay::Faults { top, .. } | Overlay::Settings { top, .. } | Overlay::Figures { top, .. }) => match key {
            Key::Esc | Key::Enter | Key::Char('q' | 'i' | 'f') => state.overlay = None,
            _ => scroll(top, key),
        },
        _ => {}
    }
}

fn confirm(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Overlay::Ask(Ask { question, .. })) = &mut state.overlay else { return };
    match question {
        Question::Commit { sent: true, .. } => {}
        Question::Commit { .. } => commit::send(state, effects),
        Question::Discard => {
            state.overlay = None;
            edit::discard(state, effects);
        }
        Question::Quit => effects.push(Effect::Quit),
        Question::Window { act, revision } => {
            let (act, revision) = (*act, *revision);
            state.overlay = None;
            commit::end_window(state, act, revision, effects);
        }
        Question::EndLayer(id) => {
            let id = *id;
            state.overlay = None;
            layer::send(state, id, LayerAct::Cancel, effects);
        }
        Question::Conflict { overlaps, mine, .. } => {
            let keep: Vec<u64> = overlaps.iter().zip(mine).filter(|(_, mine)| **mine).map(|(o, _)| o.id).collect();
            state.overlay = None;
            commit::settle(state, &keep, effects);
        }
    }
}

fn choose_side(ask: &mut Ask) {
    if let Question::Conflict { mine, selected, .. } = &mut ask.question
        && let Some(side) = mine.get_mut(*selected)
    {
        *side = !*side;
    }
}

fn scroll_question(ask: &mut Ask, key: Key) {
    match (&mut ask.question, key) {
        (Question::Conflict { selected, .. }, Key::Up | Key::Char('k')) => *selected = selected.saturating_sub(1),
        (Question::Conflict { selected, mine, .. }, Key::Down | Key::Char('j')) => {
            *selected = (*selected + 1).min(mine.len().saturating_sub(1));
        }
        _ => scroll(&mut ask.top, key),
    }
}

/// Selects among so many lines.
fn select(selected: &mut usize, key: Key, count: usize) {
    scroll(selected, key);
    *selected = (*selected).min(count.saturating_sub(1));
}

/// Scrolls; the view stops at the end, so `top` may only exceed it by what one more page would.
pub(super) fn scroll(top: &mut usize, key: Key) {
    *top = match key {
        Key::Up | Key::Char('k') => top.saturating_sub(1),
        Key::Down | Key::Char('j') => top.saturating_add(1),
        Key::PageUp => top.saturating_sub(PAGE),
        Key::PageDown => top.saturating_add(PAGE),
        Key::Home | Key::Char('g') => 0,
        _ => *top,
    };
}
