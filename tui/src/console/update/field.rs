//! What keys do while something is typed: the filter, a weight, the list of keys.
//!
//! Pasted text goes here and nowhere else; outside a field it is dropped, so that a paste never
//! acts as keys.

use poise_ipc::limits::WEIGHT;
use poise_ipc::message::LayerAct;
use tui_input::{Input, InputRequest};

use super::super::key::Key;
use super::super::msg::Effect;
use super::super::state::draft::Values;
use super::super::state::filter::Filter;
use super::super::state::overlay::{Field, Overlay, Typed};
use super::super::state::screen::Screen;
use super::super::state::{Paint, State};
use super::{arrange, edit, keys, layer};

/// Characters that a field takes.
const FIELD_LEN_MAX: usize = 120;

pub(super) fn open_filter(state: &mut State) {
    let before = current_filter(state).to_owned();
    state.overlay = Some(Overlay::Filter { input: Input::new(before.clone()), before });
    state.paint(Paint::Now);
}

/// Opens a field that holds `text`.
pub(super) fn open(state: &mut State, what: Typed, text: &str) {
    state.overlay = Some(Overlay::Field(Field { what, input: Input::new(text.to_owned()), error: None }));
    state.paint(Paint::Now);
}

/// Opens the field for the reason of the commit whose dialog is in front.
pub(super) fn open_reason(state: &mut State) {
    if let Some(Overlay::Ask(ask)) = state.overlay.take() {
        let before = state.wish.reason().unwrap_or_default().to_owned();
        open(state, Typed::Reason(Box::new(ask)), &before);
    }
}

fn current_filter(state: &State) -> &str {
    match state.screen {
        Screen::Health => state.log.filter.text(),
        Screen::Errors => state.errors.filter.text(),
        _ => state.balance.filter.text(),
    }
}

/// Filters the list in front.
pub(super) fn set_filter(state: &mut State, text: &str) {
    match state.screen {
        Screen::Health => state.log.filter = Filter::new(text),
        Screen::Errors => state.errors.filter = Filter::new(text),
        _ => state.balance.filter = Filter::new(text),
    }
    arrange(state);
    state.paint(Paint::Now);
}

pub(super) fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    state.paint(Paint::Now);
    let Some(mut overlay) = state.overlay.take() else { return };
    match key {
        Key::Esc => return cancelled(state, overlay),
        Key::Enter => return entered(state, overlay, effects),
        Key::Up | Key::Down | Key::Tab => select(state, &mut overlay, key != Key::Up),
        _ => {
            if let Some(request) = request(key) {
                insert(&mut overlay, request);
            }
        }
    }
    refilter(state, &overlay);
    state.overlay = Some(overlay);
}

/// Takes back what an abandoned field changed.
pub(super) fn cancelled(state: &mut State, overlay: Overlay) {
    match overlay {
        Overlay::Filter { before, .. } => set_filter(state, &before),
        Overlay::Field(Field { what: Typed::Reason(ask), .. }) => state.overlay = Some(Overlay::Ask(*ask)),
        Overlay::Field(Field { what: Typed::Extend(_), .. }) => state.overlay = Some(Overlay::Layers { selected: 0 }),
        _ => {}
    }
}

fn request(key: Key) -> Option<InputRequest> {
    Some(match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        Key::Ctrl('u') => InputRequest::DeleteLine,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        _ => return None,
    })
}

fn insert(overlay: &mut Overlay, request: InputRequest) {
    let (Overlay::Help { filter: input, .. } | Overlay::Filter { input, .. } | Overlay::Field(Field { input, .. })) =
        overlay
    else {
        return;
    };
    if !matches!(request, InputRequest::InsertChar(_)) || input.value().chars().count() < FIELD_LEN_MAX {
        input.handle(request);
    }
    match overlay {
        Overlay::Help { selected, .. } => *selected = 0,
        Overlay::Field(field) => field.error = None,
        _ => {}
    }
}

fn select(state: &State, overlay: &mut Overlay, down: bool) {
    if let Overlay::Help { filter, selected } = overlay {
        let count = state.keymap.search(filter.value()).len();
        *selected = if down { (*selected + 1).min(count.saturating_sub(1)) } else { selected.saturating_sub(1) };
    }
}

fn refilter(state: &mut State, overlay: &Overlay) {
    if let Overlay::Filter { input, .. } = overlay
        && input.value() != current_filter(state)
    {
        set_filter(state, input.value());
    }
}

fn entered(state: &mut State, overlay: Overlay, effects: &mut Vec<Effect>) {
    match overlay {
        Overlay::Field(field) => take(state, field, effects),
        Overlay::Help { filter, selected } => {
            let chosen = state.keymap.search(filter.value()).get(selected).map(|b| (*b).clone());
            if let Some(binding) = chosen
                && let Some(key) = binding.keys.first()
            {
                keys::choose(state, binding.action, *key, &binding.places, effects);
            }
        }
        _ => {}
    }
}

/// Takes what was typed; what is wrong with it is said, and it stays to be mended.
fn take(state: &mut State, field: Field, effects: &mut Vec<Effect>) {
    let text = field.input.value().trim();
    let taken = match &field.what {
        Typed::Weight(targets) => take_weight(state, text, targets, effects),
        Typed::Reason(ask) => {
            state.wish.set_reason(text);
            state.overlay = Some(Overlay::Ask((**ask).clone()));
            Ok(())
        }
        Typed::Lease(backends) => layer::typed_lease(state, text, backends, effects),
        Typed::Ramp(backend) => layer::typed_ramp(state, text, backend, effects),
        Typed::Extend(id) => crate::console::state::layer::time(Some(text)).map(|for_ms| {
            layer::send(state, *id, LayerAct::Extend { for_ms }, effects);
        }),
    };
    if let Err(error) = taken {
        state.overlay = Some(Overlay::Field(Field { error: Some(error), ..field }));
    }
}

fn take_weight(state: &mut State, text: &str, targets: &[u64], effects: &mut Vec<Effect>) -> Result<(), String> {
    let weight = text.parse::<u16>().ok().filter(|weight| WEIGHT.contains(weight));
    let weight = weight.ok_or_else(|| format!("a weight is a number from {} to {}", WEIGHT.start(), WEIGHT.end()))?;
    edit::stage_on(state, targets, effects, |values| Values { weight, ..values });
    Ok(())
}

/// Takes pasted text into the open field; line ends and controls are dropped.
pub(super) fn paste(state: &mut State, text: &str) {
    let Some(mut overlay) = state.overlay.take() else { return };
    for c in text.chars().filter(|c| !c.is_control()).take(FIELD_LEN_MAX) {
        insert(&mut overlay, InputRequest::InsertChar(c));
    }
    refilter(state, &overlay);
    state.overlay = Some(overlay);
    state.paint(Paint::Now);
}
