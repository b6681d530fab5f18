//! The dialog of a commit, a rollback, a lease or a ramp: what it changes, what the daemon expects of it,
//! and how it is to be kept.

use std::fmt::Write as _;

use poise_ipc::message::{BackendForecast, Fate, Forecast, GroupForecast, WindowAct};
use poise_ipc::model::AdminState;

use super::number::{percent, span};
use super::theme::Role;
use crate::console::state::State;
use crate::console::state::draft::Staged;
use crate::console::state::effect::{self, Level};
use crate::console::state::overlay::{Answer, Proposal};
use crate::told::plan as told;

/// A line with its look.
type Line = (String, Role);

/// Title and note of the dialog.
pub(super) fn title(state: &State, what: &Proposal) -> (String, String) {
    let to = state.peer.as_ref().map_or_else(String::new, |peer| format!(" on {} as {}", peer.host, peer.user));
    let running = state.model.as_ref().map_or(0, |model| model.status().revision);
    match what {
        Proposal::Draft => (format!("commit{to}"), format!("base rev {}", state.draft.base_revision())),
        Proposal::Return { words } => (format!("{words}{to}"), format!("rev {running}")),
        Proposal::Lease(_) => (format!("hold for a time{to}"), format!("rev {running}")),
        Proposal::Ramp(_) => (format!("ramp{to}"), format!("rev {running}")),
    }
}

/// Everything between the title and the keys.
pub(super) fn lines(state: &State, what: &Proposal, forecast: &Answer<Forecast>) -> Vec<Line> {
    let mut lines = match what {
        Proposal::Draft => staged_lines(state),
        Proposal::Return { .. } => match forecast {
            Answer::Told(told) if told.edits.is_empty() => vec![("it is so already".to_owned(), Role::Plain)],
            Answer::Told(told) => told.edits.iter().map(|edit| (edit.to_string(), Role::Plain)).collect(),
            _ => Vec::new(),
        },
        Proposal::Lease(query) => {
            let mut lines: Vec<_> = query.edits.iter().map(|edit| (edit.to_string(), Role::Plain)).collect();
            let back = "then what is configured is in force again, whatever was edited meanwhile";
            lines.push((format!("for {}; {back}", span(query.for_ms)), Role::Accent));
            lines.extend(query.reason.iter().map(|reason| (format!("because: {reason}"), Role::Plain)));
            lines
        }
        Proposal::Ramp(query) => {
            let from = query.from.map_or_else(|| "its weight".to_owned(), |from| from.to_string());
            let over = span(query.over_ms);
            let mut lines = vec![(format!("{} from {from} to {} over {over}", query.backend, query.to), Role::Plain)];
            let wires: Vec<_> = query.aborts.iter().map(ToString::to_string).collect();
            if !wires.is_empty() {
                lines
                    .push((format!("aborted, with the configured weight back, at {}", wires.join(", ")), Role::Accent));
            }
            lines.extend(query.reason.iter().map(|reason| (format!("because: {reason}"), Role::Plain)));
            lines
        }
    };
    if matches!(what, Proposal::Draft | Proposal::Return { .. }) {
        let open = state.model.as_ref().and_then(|model| model.status().window.as_ref());
        lines.push((state.wish.words(open), Role::Accent));
        lines.extend(state.wish.reason().map(|reason| (format!("because: {reason}"), Role::Accent)));
    }
    lines.extend(expected(forecast, matches!(what, Proposal::Ramp(_))));
    lines
}

/// What the daemon expects of it, by the state and the work of now.
fn expected(forecast: &Answer<Forecast>, at_the_end: bool) -> Vec<Line> {
    let told = match forecast {
        Answer::None => return Vec::new(),
        Answer::Asked => return vec![("asking the daemon what to expect...".to_owned(), Role::Muted)],
        Answer::Refused(why) => return vec![(format!("!   the daemon would refuse it: {why}"), Role::Fail)],
        Answer::Told(told) => told,
    };
    let head = if at_the_end { "expected when it has arrived:" } else { "expected:" };
    let mut lines = vec![(head.to_owned(), Role::Muted)];
    for group in &told.groups {
        lines.push((format!("  {}", told::outlook(group)), outlook_role(group)));
        lines.extend(
            group.backends.iter().filter_map(|one| backend(group, one)).map(|(text, role)| (format!("  {text}"), role)),
        );
    }
    lines.extend(told.listeners.iter().map(|listener| (format!("  {}", told::listener(listener)), Role::Plain)));
    let appear = told.findings.iter().map(|f| (format!("  !  {}: {}", f.subject, f.message), Role::Warn));
    let go = told.findings_gone.iter().map(|f| (format!("  gone: {}: {}", f.subject, f.message), Role::Ok));
    lines.extend(appear.chain(go));
    if lines.len() == 1 && !told.edits.is_empty() {
        lines.push(("  no listener, share or client is touched".to_owned(), Role::Plain));
    }
    lines
}

fn outlook_role(group: &GroupForecast) -> Role {
    match &group.after {
        Some(after) if after.takers == 0 || after.failing_open => Role::Fail,
        Some(after) if after.takers == 1 && after.backends > 1 => Role::Warn,
        _ => Role::Plain,
    }
}

/// A backend that something happens to.
fn backend(group: &GroupForecast, one: &BackendForecast) -> Option<Line> {
    let moves = one.moved();
    let is_touched =
        one.before_permille != one.after_permille || moves > 0 || one.refused > 0 || one.fate != Fate::Stays;
    if !is_touched {
        return None;
    }
    let name = format!("{}/{}", group.group, one.backend);
    let mut text =
        format!("{name:<18} {:>6} -> {:>6}", told::share(one.before_permille), told::share(one.after_permille));
    if moves > 0 {
        let _ = write!(text, "  {moves} of {} clients move", one.entries);
    }
    if one.open > 0 && one.fate != Fate::Stays || one.refused > 0 {
        let _ = write!(text, "  {} open: {}", one.open, told::fate(one));
    }
    Some((text, if moves > 0 || one.refused > 0 { Role::Warn } else { Role::Plain }))
}

fn staged_lines(state: &State) -> Vec<Line> {
    let Some(model) = &state.model else { return Vec::new() };
    let mut lines: Vec<_> =
        effect::lines(&state.draft, model).iter().map(|line| (sentence(line), Role::Plain)).collect();
    lines.push((String::new(), Role::Plain));
    for check in effect::checks(&state.draft, model) {
        lines.push(match check.level {
            Level::Fine => (format!("ok  {}", check.text), Role::Ok),
            Level::Alarm => (format!("!   {}", check.text), Role::Fail),
        });
    }
    lines
}

/// The draft with its effect, then as commands.
pub(super) fn diff_lines(state: &State) -> Vec<Line> {
    let mut lines = staged_lines(state);
    lines.push((String::new(), Role::Plain));
    let commands = state.draft.iter().flat_map(|(_, staged)| effect::commands(staged));
    lines.extend(commands.map(|command| (command, Role::Plain)));
    lines
}

/// A staged edit in few words: `100>60 drain`.
pub(super) fn change(staged: &Staged) -> String {
    let Staged { base, mine, .. } = staged;
    let weight = (base.weight != mine.weight).then(|| format!("{}>{}", base.weight, mine.weight));
    let state = (base.state != mine.state).then(|| state_word(mine.state).to_owned());
    [weight, state].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

const fn state_word(state: AdminState) -> &'static str {
    match state {
        AdminState::Enabled => "enable",
        AdminState::Draining => "drain",
        AdminState::DrainingHard => "drain hard",
        AdminState::Disabled => "maintenance",
    }
}

/// A staged edit with what it does to the share.
pub(super) fn sentence(line: &effect::Line) -> String {
    let want = match line.want {
        Some((before, after)) => format!("want {} -> {} %", percent(before), percent(after)),
        None => "the backend is gone".to_owned(),
    };
    format!("{:<18} {:<18} {want}", line.staged.path.to_string(), change(&line.staged))
}

/// What waits for a confirmation, and what an answer does.
pub(super) fn window_lines(state: &State, act: WindowAct) -> Vec<Line> {
    let Some(window) = state.model.as_ref().and_then(|model| model.status().window.as_ref()) else {
        return vec![("it has ended meanwhile".to_owned(), Role::Warn)];
    };
    let revisions: Vec<String> = window.revisions.iter().map(u64::to_string).collect();
    let what = format!("rev {} by {}", revisions.join(", "), window.author.user);
    let mut lines = vec![(what, Role::Plain)];
    lines.extend(window.reason.iter().map(|reason| (format!("because: {reason}"), Role::Plain)));
    lines.push(match act {
        WindowAct::Confirm => ("it stays, whatever comes".to_owned(), Role::Ok),
        _ => (format!("the configuration of rev {} is in force again", window.back_to), Role::Warn),
    });
    lines
}
