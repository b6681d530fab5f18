//! The screen Changes: the commits, newest first, and what the selected one changed.

use std::ops::Range;

use poise_ipc::edit::Edit;
use poise_ipc::message::{Aftermath, Commit};

use super::canvas::Canvas;
use super::number::span;
use super::theme::Role;
use super::{frame, time};
use crate::console::layout::{self, Area};
use crate::console::state::State;
use crate::console::state::changes::before;
use crate::console::state::model::Model;
use crate::console::state::overlay::Answer;
use crate::told::plan as told;

/// A line with its look.
type Line = (String, Role);

/// Columns for time, user and the number of edits.
const TIME_WIDTH: u16 = 20;
const USER_WIDTH: u16 = 10;
const EDITS_WIDTH: u16 = 6;
/// Width from which on the client is shown.
const CLIENT_FROM: u16 = 100;
const CLIENT_WIDTH: u16 = 18;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) -> Option<Range<u16>> {
    let parts = layout::changes(state.size.0, state.size.1);
    summary(state, canvas, parts.summary);
    let selected = state.changes.selected().map(|commit| commit.revision);
    let page = state.changes.page(usize::from(parts.list.height));
    if page.is_empty() {
        let text = if state.changes.is_whole { "nothing was committed yet" } else { "asking the daemon..." };
        canvas.text(parts.list, (1, 0), text, Role::Muted);
        return None;
    }
    for (line, commit) in (0u16..).zip(page) {
        let end = row(state, canvas, (parts.list, line), commit);
        if selected == Some(commit.revision) {
            canvas.text(parts.list, (0, line), ">", Role::Plain);
            frame::selected(canvas, parts.list, line, 1..end);
        }
    }
    if let Some(commit) = state.changes.selected() {
        below(commit, canvas, parts.edits);
    }
    None
}

fn summary(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    let more = if state.changes.is_whole { "" } else { " and older ones" };
    let known = state.changes.commits().len();
    let mut text = format!("{known} commits{more}");
    if let Some(model) = &state.model {
        match model.status().layers.len() {
            0 => {}
            1 => text.push_str("   1 lease or ramp is in force: l"),
            many => text.extend(["   ", &many.to_string(), " leases and ramps are in force: l"]),
        }
    }
    canvas.text(area, (1, 0), &text, Role::Muted);
}

/// Paints one commit; says where its number ends.
fn row(state: &State, canvas: &mut Canvas<'_>, (area, line): (Area, u16), commit: &Commit) -> u16 {
    let now_ms = state.model.as_ref().map_or(0, Model::now_ms);
    let is_open = state.model.as_ref().and_then(|model| model.status().window.as_ref());
    let waits = is_open.is_some_and(|window| window.revisions.contains(&commit.revision));
    let number = format!("{:>6}", commit.revision);
    let end = canvas.text(area, (1, line), &number, if waits { Role::Warn } else { Role::Plain });
    let mut column = end + 2;
    canvas.text(area, (column, line), &time::clock(commit.at_ms, now_ms, &state.zone), Role::Muted);
    column += TIME_WIDTH;
    canvas.fitted(area, (column, line), USER_WIDTH - 1, &commit.author.user);
    column += USER_WIDTH;
    if area.width >= CLIENT_FROM {
        canvas.fitted(area, (column, line), CLIENT_WIDTH - 1, &commit.author.client);
        column += CLIENT_WIDTH;
    }
    canvas.right(area, (column + EDITS_WIDTH - 2, line), &commit.edits.len().to_string(), Role::Plain);
    column += EDITS_WIDTH;
    let mut text = if waits { "to be confirmed: ".to_owned() } else { String::new() };
    text += &match (&commit.reason, commit.edits.first()) {
        (Some(reason), _) => reason.clone(),
        (None, Some(edit)) => edit.to_string(),
        (None, None) => String::new(),
    };
    canvas.fitted(area, (column, line), area.width.saturating_sub(column + 1), &text);
    end
}

/// Who made a commit, and with what.
fn who(commit: &Commit) -> String {
    let author = &commit.author;
    if author.client.is_empty() { author.user.clone() } else { format!("{} with {}", author.user, author.client) }
}

/// What the selected commit changed, as far as there is room.
fn below(commit: &Commit, canvas: &mut Canvas<'_>, area: Area) {
    if area.height < 2 {
        return;
    }
    canvas.rule(area, 0);
    canvas.text(area, (1, 0), &format!(" rev {} by {} ", commit.revision, who(commit)), Role::Accent);
    let room = usize::from(area.height - 1);
    for (line, edit) in (1u16..).zip(commit.edits.iter().take(room)) {
        canvas.text(area, (1, line), &sentence(commit, edit), Role::Plain);
    }
    let hidden = commit.edits.len().saturating_sub(room);
    if hidden > 0 {
        canvas.right(area, (area.width, 0), &format!(" {hidden} more, Enter shows all "), Role::Muted);
    }
}

/// An edit with the value that it replaced.
fn sentence(commit: &Commit, edit: &Edit) -> String {
    let path = edit.path();
    let was = before(commit, path);
    match (edit, was) {
        (Edit::Set { value, .. }, Some(was)) => format!("{path}  {was} -> {value}"),
        (Edit::Set { value, .. }, None) => format!("{path}  new: {value}"),
        (Edit::Remove { .. }, Some(was)) => format!("{path}  removed, was {was}"),
        (Edit::Remove { .. }, None) => format!("{path}  removed"),
    }
}

/// What came of a commit, beside what was expected.
pub(super) fn aftermath(answer: &Answer<Aftermath>) -> Vec<Line> {
    let told = match answer {
        Answer::None => return Vec::new(),
        Answer::Asked => return vec![("asking the daemon what came of it...".to_owned(), Role::Muted)],
        Answer::Refused(why) => return vec![(why.clone(), Role::Muted)],
        Answer::Told(told) => told,
    };
    let expected = told.forecast.entries_moved();
    let moved = told.entries_moved;
    let ago = span(told.span_ms);
    let mut lines = vec![
        (String::new(), Role::Plain),
        (format!("{ago} later; clients that moved: {moved}, expected {expected}"), Role::Muted),
    ];
    for seen in &told.groups {
        let group = told.forecast.groups.iter().find(|group| group.group == seen.group);
        for backend in &seen.backends {
            let wanted = group.and_then(|group| group.backends.iter().find(|one| one.backend == backend.backend));
            let wanted = wanted.and_then(|one| one.after_permille);
            let name = format!("{}/{}", seen.group, backend.backend);
            let (wanted, got) = (told::share(wanted), told::share(backend.share_permille));
            let text = format!("{name:<18} expected {wanted:>6}, got {got:>6}, {} taken", backend.picks);
            let errors = if backend.errors > 0 { format!(", {} errors", backend.errors) } else { String::new() };
            lines.push((text + &errors, if backend.errors > 0 { Role::Warn } else { Role::Plain }));
        }
    }
    lines
}

/// Every edit of a commit for its dialog, and which line is the selected one.
pub(super) fn edits(state: &State, revision: u64, selected: usize) -> (Vec<Line>, usize) {
    let Some(commit) = state.changes.commit(revision) else { return (Vec::new(), 0) };
    let head = [Some(format!("by {}", who(commit))), commit.reason.clone()];
    let mut lines: Vec<Line> = head.into_iter().flatten().map(|text| (text, Role::Muted)).collect();
    let above = lines.len();
    lines.extend(commit.edits.iter().enumerate().map(|(at, edit)| {
        let (mark, role) = if at == selected { (">", Role::Accent) } else { (" ", Role::Plain) };
        (format!("{mark} {}", sentence(commit, edit)), role)
    }));
    (lines, above + selected)
}
