//! What keys do on a screen. Keys of dialogs are in `dialog`, keys typed into fields in `field`.

use poise_ipc::message::{LogLevel, Verb};
use poise_ipc::name::Name;

use super::super::key::Key;
use super::super::keymap::{Action, Place};
use super::super::msg::Effect;
use super::super::state::log::{Look, Row, Rows};
use super::super::state::overlay::{Ask, Object, Overlay, Question};
use super::super::state::overview::Line;
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, State, Tone};
use super::{
    arrange, ask, card, changes, dialog, edit, explain, field, is_typing, keep_in_view, layer, log, say, show,
};
use crate::console::layout;

/// Within this time a second Ctrl-C quits.
const INTERRUPT_AGAIN_MS: u64 = 1_000;

pub(super) fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    if state.message.take().is_some() {
        state.paint(Paint::Now);
    }
    if key == Key::Ctrl('c') {
        interrupt(state, effects);
        return;
    }
    state.interrupted_ms = None;
    if is_typing(state.overlay.as_ref()) {
        field::press(state, key, effects);
    } else if state.overlay.is_some() {
        dialog::press(state, key, effects);
    } else if let Some(action) = state.keymap.action(key, state.screen.place()) {
        act(state, action, key, effects);
    }
}

/// Ctrl-C closes what is open; twice in a second it quits as `q` does.
fn interrupt(state: &mut State, effects: &mut Vec<Effect>) {
    let before = state.interrupted_ms.replace(state.now_ms);
    if let Some(overlay) = state.overlay.take() {
        field::cancelled(state, overlay);
        state.paint(Paint::Now);
        return;
    }
    if before.is_some_and(|at_ms| state.now_ms - at_ms <= INTERRUPT_AGAIN_MS) {
        quit(state, effects);
    } else {
        say(state, Tone::Plain, "Ctrl-C again quits");
    }
}

fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    if state.draft.is_empty() {
        effects.push(Effect::Quit);
    } else {
        open(state, Overlay::Ask(Ask::new(Question::Quit)));
    }
}

fn open(state: &mut State, overlay: Overlay) {
    state.overlay = Some(overlay);
    state.paint(Paint::Now);
}

/// Carries out an action of a screen.
pub(super) fn act(state: &mut State, action: Action, key: Key, effects: &mut Vec<Effect>) {
    state.paint(Paint::Now);
    if edit::act(state, action, effects) || layer::act(state, action) || mark(state, action) {
        return;
    }
    if walk(state, action) {
        if state.screen == Screen::Changes {
            changes::older(state, effects);
        }
        return;
    }
    if look(state, action) || search(state, action, effects) {
        return arrange(state);
    }
    match action {
        Action::Quit => quit(state, effects),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Repaint => effects.push(Effect::Repaint),
        Action::Refresh => refresh(state, effects),
        Action::Help => open(state, Overlay::Help { filter: tui_input::Input::default(), selected: 0 }),
        Action::Filter => field::open_filter(state),
        Action::Screen => number(state, key),
        Action::LastScreen => show(state, state.last_screen),
        Action::Next => next(state, false),
        Action::Previous => next(state, true),
        Action::Open if state.screen == Screen::Health => card::open(state, effects),
        Action::Open if state.screen == Screen::Changes => changes::open(state, effects),
        Action::Past => changes::back_to_selected(state, effects),
        Action::Explain => explain::open(state, effects),
        Action::Open => drill(state),
        Action::Check => card::check(state, effects),
        Action::Settings => settings(state, effects),
        Action::Figures => {
            if let Some(object) = object(state) {
                open(state, Overlay::Figures { object, top: 0 });
            }
        }
        Action::Back => back(state),
        Action::Pause => pause(state),
        _ => {}
    }
}

fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    if state.link == LinkState::Live {
        ask(state, Asked::Status, Verb::Status, effects);
        say(state, Tone::Plain, "asked for everything again");
    } else {
        say(state, Tone::Alarm, "not connected; it is tried again all the time");
    }
}

fn pause(state: &mut State) {
    state.paused = !state.paused;
    say(state, Tone::Plain, if state.paused { "paused: data is not painted, p resumes" } else { "painting again" });
}

fn number(state: &mut State, key: Key) {
    let Key::Char(digit) = key else { return };
    let at = digit.to_digit(10).and_then(|number| (number as usize).checked_sub(1));
    if let Some(screen) = at.and_then(|at| Screen::ALL.get(at)) {
        show(state, *screen);
        state.came_from = None;
        keep_in_view(state);
    }
}

/// The next group on Balance, the next screen elsewhere.
fn next(state: &mut State, back: bool) {
    if state.screen == Screen::Balance {
        if let Some(model) = &state.model {
            state.balance.cycle_scope(model, back);
        }
        state.balance.top = 0;
        arrange(state);
        return;
    }
    let count = Screen::ALL.len();
    let at = Screen::ALL.iter().position(|s| *s == state.screen).unwrap_or(0);
    show(state, Screen::ALL[(at + if back { count - 1 } else { 1 }) % count]);
}

/// Opens the group of what is selected.
fn drill(state: &mut State) {
    let Some(model) = &state.model else { return };
    let group = match (state.screen, state.overview.selected(model)) {
        (Screen::Overview, Some(Line::Listener(listener))) => listener.group.clone(),
        (Screen::Overview, Some(Line::Route(_, route))) => route.groups.first().cloned(),
        _ => state.balance.selected.and_then(|id| model.backend(id)).map(|(group, _)| group.name.clone()),
    };
    let Some(group) = group else {
        return say(state, Tone::Plain, "it leads to no group");
    };
    if state.screen != Screen::Balance {
        let from = state.screen;
        show(state, Screen::Balance);
        state.came_from = Some(from);
        state.balance.selected = None;
    }
    state.balance.scope = Some(group);
    arrange(state);
}

/// What is selected, as figures name it.
fn object(state: &State) -> Option<Object> {
    if state.screen == Screen::Balance {
        return state.balance.selected.map(Object::Backend);
    }
    match state.overview.selected(state.model.as_ref()?)? {
        Line::Listener(listener) => Some(Object::Listener(listener.name.clone())),
        Line::Route(listener, route) => Some(Object::Route(listener.name.clone(), route.name.clone())),
        Line::Heads => None,
    }
}

/// Asks for the settings of what is selected and of the groups that it leads to.
fn settings(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(model) = &state.model else { return };
    let paths = match object(state) {
        Some(Object::Listener(name) | Object::Route(name, None)) => {
            let found = model.status().listeners.iter().find(|listener| listener.name == name);
            with_groups(format!("listeners.{name}"), found.into_iter().flat_map(|listener| &listener.group))
        }
        Some(Object::Route(listener, Some(name))) => {
            let routes = model.status().listeners.iter().find(|l| l.name == listener).map(|l| &l.routes);
            let found = routes.into_iter().flatten().find(|route| route.name.as_ref() == Some(&name));
            let groups = found.into_iter().flat_map(|route| &route.groups);
            with_groups(format!("listeners.{listener}.routes.{name}"), groups)
        }
        Some(Object::Backend(id)) => match model.backend(id) {
            Some((group, backend)) => {
                with_groups(format!("groups.{}.backends.{}", group.name, backend.name), std::iter::once(&group.name))
            }
            None => return,
        },
        None => return,
    };
    if state.link != LinkState::Live {
        say(state, Tone::Alarm, "not connected: settings come from the daemon");
        return;
    }
    open(state, Overlay::Settings { sheets: Vec::new(), top: 0 });
    ask(state, Asked::Settings(paths), Verb::Config, effects);
}

fn with_groups<'a>(first: String, groups: impl Iterator<Item = &'a Name>) -> Vec<String> {
    std::iter::once(first).chain(groups.map(|group| format!("groups.{group}"))).collect()
}

/// Esc: marks, then the filter, then the group, then the screen before.
fn back(state: &mut State) {
    let on_balance = state.screen == Screen::Balance;
    let filtered = match state.screen {
        Screen::Balance => !state.balance.filter.is_empty(),
        Screen::Health => !state.log.filter.is_empty(),
        Screen::Errors => !state.errors.filter.is_empty(),
        Screen::Overview | Screen::Certificates | Screen::Changes => false,
    };
    if on_balance && !(state.balance.marks.is_empty() && state.balance.range_from.is_none()) {
        state.balance.marks.clear();
        state.balance.range_from = None;
    } else if filtered {
        field::set_filter(state, "");
    } else if let Some(screen) = state.came_from.take() {
        state.balance.scope = None;
        show(state, screen);
        arrange(state);
    } else if on_balance && state.balance.scope.take().is_some() {
        arrange(state);
    }
}

/// Moves of the selection; says whether the action was one.
fn walk(state: &mut State, action: Action) -> bool {
    let (width, height) = state.size;
    let page = match state.screen {
        Screen::Overview => layout::overview(width, height).list.height,
        Screen::Balance => layout::balance(width, height).list.height,
        Screen::Health | Screen::Certificates => layout::health(width, height).list.height,
        Screen::Errors => layout::errors(width, height).list.height,
        Screen::Changes => layout::changes(width, height).list.height,
    };
    let lines = usize::from(page);
    let page = isize::try_from(page.saturating_sub(1).max(1)).unwrap_or(1);
    let delta = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -page,
        Action::PageDown => page,
        Action::Top => isize::MIN / 2,
        Action::Bottom => isize::MAX / 2,
        _ => return false,
    };
    match state.screen {
        Screen::Overview => {
            if let Some(model) = &state.model {
                state.overview.move_by(model, delta);
            }
        }
        Screen::Balance => state.balance.move_by(delta),
        Screen::Health => {
            state.reading.is_refused = false;
            walk_log(&mut state.log, action, (delta, lines));
        }
        Screen::Errors => walk_log(&mut state.errors, action, (delta, lines)),
        Screen::Certificates => walk_certificates(state, delta),
        Screen::Changes => changes::move_by(state, delta),
    }
    keep_in_view(state);
    true
}

fn walk_certificates(state: &mut State, delta: isize) {
    let known = state.model.as_ref().map_or(0, |model| model.status().certificates.len());
    state.certificates_top = state.certificates_top.saturating_add_signed(delta).min(known.saturating_sub(1));
}

fn walk_log<R: Row>(log: &mut Rows<R>, action: Action, (delta, lines): (isize, usize)) {
    match action {
        Action::Top => log.to_top(lines),
        Action::Bottom => log.follow(),
        _ => log.move_by(delta, lines),
    }
}

/// Marks of rows; says whether the action was one.
fn mark(state: &mut State, action: Action) -> bool {
    let balance = &mut state.balance;
    match action {
        Action::Mark => {
            if let Some(id) = balance.selected {
                if !balance.marks.remove(&id) {
                    balance.marks.insert(id);
                }
                balance.move_by(1);
            }
        }
        Action::Range => {
            balance.range_from = if balance.range_from.is_some() { None } else { balance.selected };
            balance.marks.extend(balance.range_from);
        }
        Action::MarkAll => {
            let shown: Vec<u64> = balance.shown().collect();
            if shown.iter().all(|id| balance.marks.contains(id)) {
                balance.marks.clear();
            } else {
                balance.marks.extend(shown);
            }
        }
        _ => return false,
    }
    keep_in_view(state);
    true
}

/// Changes of what a list shows; says whether the action was one.
fn look(state: &mut State, action: Action) -> bool {
    match action {
        Action::Sort => state.balance.sort = state.balance.sort.next(),
        Action::SortReverse => state.balance.reverse = !state.balance.reverse,
        Action::Window => state.balance.window = state.balance.window.next(),
        Action::Follow if state.screen == Screen::Errors => state.errors.follow(),
        Action::Follow => state.log.follow(),
        Action::Failures => {
            state.log.failures_only = !state.log.failures_only;
        }
        _ => return false,
    }
    true
}

/// Looks for failures and changes in the health log; says whether the action was one.
fn search(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (below, only) = match action {
        Action::NextFailure => (true, LogLevel::Failures),
        Action::PreviousFailure => (false, LogLevel::Failures),
        Action::NextTransition => (true, LogLevel::Transitions),
        Action::PreviousTransition => (false, LogLevel::Transitions),
        _ => return false,
    };
    let height = state.log_height();
    // From the end there is nothing below: both directions begin with the newest one.
    let below = below && matches!(state.log.look, Look::Paused { .. });
    if state.log.seek(below, height, |row| only.takes(row)) {
        return true;
    }
    if !below {
        log::seek(state, only, effects);
    } else if state.log.cut {
        say(state, Tone::Plain, "none below among the rows here; End goes to the newest");
    } else {
        say(
            state,
            Tone::Plain,
            if only == LogLevel::Failures { "no further failure" } else { "no further change of health" },
        );
    }
    true
}

/// Carries out what was chosen in the list of keys.
pub(super) fn choose(state: &mut State, action: Action, key: Key, places: &[Place], effects: &mut Vec<Effect>) {
    if places.contains(&Place::All) || places.contains(&state.screen.place()) {
        act(state, action, key, effects);
    } else {
        say(state, Tone::Plain, "that key works elsewhere");
    }
}
