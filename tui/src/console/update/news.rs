//! What the daemon says, and when it falls silent. Every text from it is made safe here or in
//! `state::model`, once, before anything can show it.

use poise_ipc::Config;
use poise_ipc::message::Role;
use poise_ipc::message::{
    CertificateEvent, Event, EventBody, LayerNews, LogFilter, LogLevel, LogQuery, Reply, ServerMessage, Verb, Welcome,
    WindowEvent, WindowNews,
};
use poise_ipc::status::{DrainOutcome, Status};
use poise_ipc::text::settings;

use super::super::msg::Effect;
use super::super::state::layer::kind as layer_kind;
use super::super::state::model::{Model, admit};
use super::super::state::overlay::{Overlay, Question, Sheet};
use super::super::state::screen::Screen;
use super::super::state::{Asked, LinkState, Paint, Peer, RECENT_MAX, State, Tone};
use super::{ask, card, changes, commit, edit, explain, is_asked, keep_in_view, layer, log, say};
use crate::console::safe_line;

pub(super) fn connected(state: &mut State, welcome: &Welcome, effects: &mut Vec<Effect>) {
    state.link = LinkState::Live;
    state.asked.clear();
    state.subscribed = None;
    // Numbers of refused messages begin anew with a daemon.
    state.errors.clear();
    state.errors_asked_at = None;
    state.changes.is_begun = false;
    let peer = Peer {
        host: safe_line(&welcome.host),
        role: welcome.role,
        user: safe_line(&welcome.user),
        daemon_id: safe_line(&welcome.daemon_id),
    };
    let known = state.peer.as_ref().is_some_and(|before| before.daemon_id == peer.daemon_id);
    if !known {
        state.reading.is_resumed = false;
        state.draft.clear();
        state.changes.clear();
        effects.push(Effect::LoadDraft { daemon_id: peer.daemon_id.clone() });
    }
    if state.read_only && welcome.role > Role::View {
        ask(state, Asked::Nothing, Verb::StepDown { role: Role::View }, effects);
    }
    state.peer = Some(peer);
    recent(state, effects);
    state.paint(Paint::Now);
}

pub(super) fn lost(state: &mut State, reason: &str, at_ms: u64) {
    let reason = safe_line(reason);
    let committing = state.asked.values().any(|asked| matches!(asked, Asked::Commit(_) | Asked::Return));
    state.asked.clear();
    state.reading.is_resumed |= matches!(state.subscribed, Some(Some(_)));
    state.reading.newest = 0;
    state.subscribed = None;
    state.link = match std::mem::replace(&mut state.link, LinkState::Live) {
        LinkState::Stale { since_ms, .. } => LinkState::Stale { since_ms, reason },
        LinkState::Connecting { .. } => LinkState::Connecting { reason: Some(reason) },
        LinkState::Live => LinkState::Stale { since_ms: at_ms, reason },
    };
    commit::unforeseen(state);
    if committing {
        state.overlay = state.overlay.take().filter(|overlay| !is_commit(overlay));
        say(
            state,
            Tone::Alarm,
            "the link was lost while committing: what was applied shows on return, the draft is kept",
        );
    }
    state.paint(Paint::Now);
}

fn is_commit(overlay: &Overlay) -> bool {
    matches!(overlay, Overlay::Ask(ask) if matches!(ask.question, Question::Commit { .. }))
}

pub(super) fn server(state: &mut State, message: ServerMessage, effects: &mut Vec<Effect>) {
    match message {
        ServerMessage::Event(event) => happened(state, event, effects),
        ServerMessage::Reply { id, reply } => {
            let asked = state.asked.remove(&id).unwrap_or(Asked::Nothing);
            replied(state, asked, reply, effects);
        }
        ServerMessage::Error { id, error } => match state.asked.remove(&id) {
            Some(Asked::Commit(_)) => commit::commit_refused(state, &error, true, effects),
            Some(Asked::Return) => commit::commit_refused(state, &error, false, effects),
            Some(Asked::Explain(group)) => explain::told(state, &group, Err(&error)),
            Some(Asked::Aftermath(revision)) => changes::came(state, revision, Err(&error)),
            Some(Asked::Forecast) => commit::foreseen(state, Err(&error)),
            Some(Asked::Layer) => {
                commit::close(state);
                say(state, Tone::Alarm, &format!("refused: {}", commit::sentence(&error)));
            }
            Some(Asked::Log(_) | Asked::Older(..) | Asked::Newer(..) | Asked::Seek(_) | Asked::Jump(..)) => {
                log::refused(state, &commit::sentence(&error));
            }
            Some(asked @ (Asked::Why(_) | Asked::Probe(_))) => card::refused(state, &asked, &commit::sentence(&error)),
            _ => say(state, Tone::Alarm, &format!("refused: {}", commit::sentence(&error))),
        },
    }
}

fn replied(state: &mut State, asked: Asked, reply: Reply, effects: &mut Vec<Effect>) {
    match (asked, reply) {
        (_, Reply::Status(status)) => take_status(state, *status, effects),
        (Asked::Commit(sent), Reply::Applied(applied)) => commit::committed(state, &sent, &applied, effects),
        (Asked::Return, Reply::Applied(applied)) => commit::done(state, &applied),
        (Asked::Layer, reply) => layer::done(state, &reply),
        (Asked::History(before), Reply::History { commits }) => changes::told(state, before, commits),
        (Asked::Past(revision), Reply::ConfigText { text, .. }) => changes::past(state, revision, text, effects),
        (Asked::Explain(group), Reply::Balance(answer)) => explain::told(state, &group, Ok(*answer)),
        (Asked::Aftermath(revision), Reply::Aftermath(told)) => changes::came(state, revision, Ok(*told)),
        (Asked::Forecast, Reply::Plan(forecast)) => commit::foreseen(state, Ok(*forecast)),
        (
            asked @ (Asked::Log(_) | Asked::Older(..) | Asked::Newer(..) | Asked::Seek(_) | Asked::Jump(..)),
            Reply::Logs { rows, .. },
        ) => {
            log::answered(state, asked, rows, effects);
        }
        (Asked::Why(path) | Asked::Probe(path), reply) => card::answered(state, &path, reply),
        (Asked::Errors, Reply::Errors(page)) => {
            state.errors.lost_count = page.skipped_total;
            page.rows.into_iter().for_each(|row| state.errors.take(row));
            state.paint(Paint::Data);
        }
        (Asked::Recent, Reply::Logs { rows, .. }) => {
            state.recent = rows.into();
            state.paint(Paint::Data);
        }
        (Asked::Settings(paths), Reply::Config { config, .. }) => {
            if let Some(Overlay::Settings { sheets, .. }) = &mut state.overlay {
                *sheets = paths.into_iter().filter_map(|path| sheet(&config, path)).collect();
            }
            state.paint(Paint::Now);
        }
        (_, Reply::Hello(welcome)) => {
            if let Some(peer) = &mut state.peer {
                peer.role = welcome.role;
            }
            state.paint(Paint::Now);
        }
        _ => {}
    }
}

fn sheet(config: &Config, path: String) -> Option<Sheet> {
    let mut settings = settings(config, &path)?;
    for setting in &mut settings {
        setting.value = setting.value.take().map(|value| safe_line(&value));
    }
    Some(Sheet { path, settings })
}

fn window(state: &mut State, news: &WindowNews) {
    if let Some(model) = &mut state.model {
        let is_open = matches!(news.what, WindowEvent::Opened | WindowEvent::Changed);
        model.confirm(is_open.then(|| news.window.clone()));
    }
    // Who was about to answer has nothing to answer any more, or something else.
    if matches!(&state.overlay, Some(Overlay::Ask(ask)) if matches!(ask.question, Question::Window { .. })) {
        state.overlay = None;
    }
    match news.what {
        // The line that counts down says it.
        WindowEvent::Opened | WindowEvent::Changed => state.paint(Paint::Now),
        WindowEvent::Confirmed { .. } => say(state, Tone::Plain, &news.sentence()),
        WindowEvent::Back { .. } => say(state, Tone::Alarm, &news.sentence()),
    }
}

fn layered(state: &mut State, news: &LayerNews) {
    match news {
        LayerNews::Changed(layer) if layer.ramp.is_some() => {}
        LayerNews::Began(one) => say(state, Tone::Plain, &format!("{} {} begins", layer_kind(one), one.id)),
        news => say(state, Tone::Plain, &news.sentence()),
    }
}

fn happened(state: &mut State, event: Event, effects: &mut Vec<Effect>) {
    state.clock_offset_ms = event.at_ms.saturating_sub(state.now_ms);
    match event.body {
        EventBody::Snapshot(status) => take_status(state, *status, effects),
        EventBody::Committed(commit) => {
            let sent = state.asked.values().any(|asked| matches!(asked, Asked::Commit(_) | Asked::Return));
            let mine = sent || state.own_revision == Some(commit.revision);
            if !mine {
                let count = commit.edits.len();
                let text = format!("rev {} by {}: {count} edits", commit.revision, commit.author.user);
                say(state, Tone::Plain, &text);
            }
            state.changes.take(vec![admit::commit(commit)]);
        }
        EventBody::Transition(turned) => {
            if let Some(model) = &mut state.model {
                model.turned(&turned.group, &turned.backend, turned.to, event.at_ms);
            }
            recent(state, effects);
            state.paint(Paint::Now);
        }
        EventBody::FailOpen { group, active } => {
            if let Some(model) = &mut state.model {
                model.fail_open(&group, active);
            }
            state.paint(Paint::Now);
        }
        EventBody::Checked(row) => log::heard(state, row),
        EventBody::Drained(drained) => {
            let outcome = match drained.outcome {
                DrainOutcome::Empty => "is empty".to_owned(),
                DrainOutcome::Deadline => format!("has had its time, {} open", drained.open),
            };
            say(state, Tone::Plain, &format!("{}/{} {outcome}", drained.group, drained.backend));
        }
        EventBody::Certificate(news) => {
            let tone = if news.what == CertificateEvent::Loaded { Tone::Plain } else { Tone::Alarm };
            let left = news.days_left.map_or_else(String::new, |days| format!(", {days} days left"));
            say(state, tone, &format!("certificate {} is {}{left}", news.certificate, news.what.word()));
        }
        EventBody::Flapping(news) => {
            let what = if news.active { "comes and goes" } else { "has settled" };
            let tone = if news.active { Tone::Alarm } else { Tone::Plain };
            say(state, tone, &format!("{}/{} {what}: {} transitions", news.group, news.backend, news.transitions));
        }
        EventBody::Ejected(news) => {
            let (path, why) = (format!("{}/{}", news.group, news.backend), news.ejection.why);
            if news.ejection.active {
                say(state, Tone::Alarm, &format!("{path} is ejected by traffic: {why}"));
            } else {
                say(state, Tone::Plain, &format!("{path} is used again after its ejection"));
            }
        }
        EventBody::Window(news) => window(state, &news),
        EventBody::Layer(news) => layered(state, &news),
        EventBody::Counters(counters) => {
            if let Some(model) = &mut state.model {
                model.moved(event.at_ms, counters);
            }
            explain::moved(state, effects);
            rearrange(state);
        }
        EventBody::Lost { count } => {
            state.log.lost_count += count;
            if state.screen == Screen::Health && !is_asked(state, &Asked::Log(state.wanted_rows())) {
                log::back_fill(state, effects);
            }
            state.paint(Paint::Data);
        }
    }
}

/// Time has passed without news.
pub(super) fn age(state: &mut State) {
    let now_ms = state.now_ms + state.clock_offset_ms;
    if let Some(model) = &mut state.model {
        model.age(now_ms);
    }
    rearrange(state);
}

/// Brings the lists up to date with the data, unless they must hold still.
fn rearrange(state: &mut State) {
    if !state.is_frozen() {
        if let Some(model) = &state.model {
            state.balance.arrange(model, false);
        }
        keep_in_view(state);
    }
    state.paint(Paint::Data);
}

fn take_status(state: &mut State, status: Status, effects: &mut Vec<Effect>) {
    state.clock_offset_ms = status.at_ms.saturating_sub(state.now_ms);
    match &mut state.model {
        Some(model) => model.replace(status),
        None => state.model = Some(Model::new(status)),
    }
    if let Some(model) = &state.model {
        let newer = model.status().revision != state.draft.base_revision();
        if newer && state.draft.drop_done(model) > 0 {
            edit::save(state, effects);
        }
    }
    rearrange(state);
    state.paint(Paint::Now);
}

/// Asks for the newest transitions, one query at a time.
fn recent(state: &mut State, effects: &mut Vec<Effect>) {
    if is_asked(state, &Asked::Recent) || state.link != LinkState::Live {
        return;
    }
    let filter = LogFilter { only: LogLevel::Transitions, ..LogFilter::default() };
    let query = LogQuery { filter, before_seq: None, limit: RECENT_MAX };
    ask(state, Asked::Recent, Verb::Logs(query), effects);
}
