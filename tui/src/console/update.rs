//! What happens on a message: the only place where the state changes.
//!
//! A pure function of state, time and message; what has to be done outside comes back as effects.
//! It never paints, reads a file or talks to anybody.

mod card;
mod changes;
mod commit;
mod dialog;
mod edit;
mod explain;
mod field;
mod keys;
mod layer;
mod log;
mod news;

use poise_ipc::errors::ErrorQuery;
use poise_ipc::message::{LogFilter, LogLevel, Request, Subscribe, Topic, Verb};

use super::msg::{Effect, Msg};
use super::state::log::Look;
use super::state::overlay::Overlay;
use super::state::screen::Screen;
use super::state::{Asked, LinkState, Paint, State, Tone};
use super::{layout, safe_line};

/// Time between two events with counters.
const COUNTERS_INTERVAL_MS: u32 = 1_000;
/// Refused messages asked for at once.
const ERROR_ROWS: u32 = 256;

/// Applies a message at a time of the console's clock.
pub fn update(state: &mut State, now_ms: u64, msg: Msg) -> Vec<Effect> {
    state.now_ms = now_ms;
    let mut effects = Vec::new();
    match msg {
        Msg::Key(key) => keys::press(state, key, &mut effects),
        Msg::Paste(text) => field::paste(state, &text),
        Msg::Resize(width, height) => resize(state, width, height),
        Msg::Connected(welcome) => news::connected(state, &welcome, &mut effects),
        Msg::Lost { reason, at_ms } => news::lost(state, &reason, at_ms),
        Msg::Server(message) => news::server(state, *message, &mut effects),
        Msg::DraftLoaded(saved) => edit::restore(state, saved),
        Msg::DraftFailed(reason) => say(state, Tone::Alarm, &format!("draft not kept on disk: {reason}")),
        Msg::Painted => {
            if let Some(ask) = state.unseen_question() {
                ask.painted_ms = Some(now_ms);
            }
        }
        Msg::Aged => news::age(state),
    }
    follow_subscription(state, &mut effects);
    follow_errors(state, &mut effects);
    log::follow(state, &mut effects);
    changes::follow(state, &mut effects);
    effects
}

fn resize(state: &mut State, width: u16, height: u16) {
    state.size = (width, height);
    keep_in_view(state);
    state.paint(Paint::Now);
}

/// Scrolls lists so that what is selected is on the screen.
fn keep_in_view(state: &mut State) {
    let (width, height) = state.size;
    state.balance.scroll(usize::from(layout::balance(width, height).list.height));
    state.changes.scroll(usize::from(layout::changes(width, height).list.height));
    let Some(model) = &state.model else { return };
    state.overview.scroll(model, usize::from(layout::overview(width, height).list.height));
}

/// Makes the lists anew after the operator changed what they show.
fn arrange(state: &mut State) {
    if let Some(model) = &state.model {
        state.balance.arrange(model, true);
    }
    keep_in_view(state);
}

fn say(state: &mut State, tone: Tone, text: &str) {
    state.message = Some((tone, safe_line(text)));
    state.paint(Paint::Now);
}

/// Sends a request and remembers what for.
fn ask(state: &mut State, asked: Asked, verb: Verb, effects: &mut Vec<Effect>) {
    let id = state.next_id;
    state.next_id += 1;
    state.asked.insert(id, asked);
    effects.push(Effect::Send(Request { id, verb }));
}

fn is_asked(state: &State, asked: &Asked) -> bool {
    state.asked.values().any(|a| a == asked)
}

/// Goes to a screen.
fn show(state: &mut State, screen: Screen) {
    if state.screen != screen {
        state.last_screen = state.screen;
        state.screen = screen;
        state.balance.range_from = None;
        state.overlay = None;
    }
    state.paint(Paint::Now);
}

/// Changes the subscription when what is shown needs other verdicts, and fills the log when it does.
fn follow_subscription(state: &mut State, effects: &mut Vec<Effect>) {
    let wanted = state.wanted_verdicts();
    // A filter is of use to the daemon when it is typed; until then it hides rows here.
    if state.link != LinkState::Live || state.subscribed.as_ref() == Some(&wanted) || state.is_filtering() {
        return;
    }
    state.subscribed = Some(wanted.clone());
    let mut topics = vec![Topic::Config, Topic::Health, Topic::Counters];
    topics.extend(wanted.as_ref().map(|_| Topic::Checks));
    let none = LogFilter { only: LogLevel::Transitions, ..LogFilter::default() };
    let filter = wanted.clone().unwrap_or(none);
    let subscribe = Subscribe { topics, interval_ms: COUNTERS_INTERVAL_MS, filter };
    let is_log = wanted.is_some();
    ask(state, Asked::Subscribe(wanted), Verb::Subscribe(subscribe), effects);
    if is_log {
        log::begin(state, effects);
    }
}

/// Asks for refused messages that are not known yet, while they are shown and something has ended badly.
fn follow_errors(state: &mut State, effects: &mut Vec<Effect>) {
    if state.errors.cut && state.errors.look == Look::Follow {
        // What came while the eye rested on a full list was not kept.
        state.errors.clear();
        state.errors_asked_at = None;
    }
    let Some(model) = state.model.as_ref().filter(|_| state.screen == Screen::Errors) else { return };
    let now = model.ended_badly_total();
    let is_due = state.errors_asked_at != Some(now) && !is_asked(state, &Asked::Errors);
    if is_due && state.link == LinkState::Live && state.may_see_errors() {
        state.errors_asked_at = Some(now);
        let query = ErrorQuery { listener: None, limit: ERROR_ROWS, after_seq: state.errors.newest() };
        ask(state, Asked::Errors, Verb::Errors(query), effects);
    }
}

/// Whether an overlay takes keys as text.
fn is_typing(overlay: Option<&Overlay>) -> bool {
    matches!(overlay, Some(Overlay::Help { .. } | Overlay::Filter { .. } | Overlay::Field(_)))
}

#[cfg(test)]
mod tests;
