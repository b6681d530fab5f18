//! Dialogs over a screen: questions, what overlaps, what is wrong, sheets of settings and figures.

use poise_ipc::message::WindowAct;
use poise_ipc::model::AdminState;
use poise_ipc::persistence::PersistenceCounters;

use super::canvas::Canvas;
use super::number::wrapped;
use super::theme::Role;
use super::{card, changes, commit, explain, figures, frame, help, layers};
use crate::console::keymap::Place;
use crate::console::layout::Area;
use crate::console::state::State;
use crate::console::state::draft::{Overlap, Values};
use crate::console::state::model::Model;
use crate::console::state::overlay::{Ask, Overlay, Question, Sheet};

/// Widest dialog.
const WIDTH: u16 = 78;

pub(super) fn draw(state: &State, overlay: &Overlay, canvas: &mut Canvas<'_>) {
    let screen = Area { x: 0, y: 0, width: canvas.buffer.area.width, height: canvas.buffer.area.height };
    match overlay {
        Overlay::Filter { .. } | Overlay::Field(_) => {}
        Overlay::Layers { .. } | Overlay::Explain { .. } | Overlay::Revision { .. } => {
            list(state, overlay, canvas, screen);
        }
        Overlay::Help { filter, selected } => help::draw(state, (filter, *selected), canvas, screen),
        Overlay::Diff { top } => {
            let base = format!("base rev {}", state.draft.base_revision());
            let lines = commit::diff_lines(state);
            paper(
                canvas,
                screen,
                &Paper {
                    title: "staged edits",
                    note: &base,
                    lines,
                    top: Top::From(*top),
                    keys: "Esc closes   c commit",
                },
            );
        }
        Overlay::Faults { lines, top } => {
            let lines = lines.iter().map(|line| (line.clone(), Role::Fail)).collect();
            let keys = "Esc closes; the draft is kept";
            paper(
                canvas,
                screen,
                &Paper { title: "the daemon refused this", note: "", lines, top: Top::From(*top), keys },
            );
        }
        Overlay::Ask(ask) => draw_ask(state, ask, canvas, screen),
        Overlay::Figures { object, top } => {
            let title = figures::title(object, state.model.as_ref());
            let lines = state.model.as_ref().map(|model| figures::lines(object, model)).unwrap_or_default();
            paper(
                canvas,
                screen,
                &Paper { title: &title, note: "live", lines, top: Top::From(*top), keys: "Esc closes" },
            );
        }
        Overlay::Card(open) => {
            let width = screen.width.min(WIDTH).saturating_sub(4);
            let (title, lines) = (card::title(open, state.model.as_ref()), card::lines(state, open, width));
            let keys = "Esc closes   H checks now";
            paper(canvas, screen, &Paper { title: &title, note: "live", lines, top: Top::From(open.top), keys });
        }
        Overlay::Settings { sheets, top } => {
            let titles: Vec<_> = sheets.iter().map(|sheet| sheet.path.as_str()).collect();
            let title = if titles.is_empty() { "asking the daemon...".to_owned() } else { titles.join(" and ") };
            let (lines, keys) = (settings_lines(sheets, state.model.as_ref()), "Esc closes; poise set changes one");
            paper(canvas, screen, &Paper { title: &title, note: "", lines, top: Top::From(*top), keys });
        }
    }
}

/// Settings, those at their default muted; under those of a listener what its cookies have come to.
fn settings_lines(sheets: &[Sheet], model: Option<&Model>) -> Vec<(String, Role)> {
    let mut lines = Vec::new();
    for sheet in sheets {
        if !lines.is_empty() {
            lines.push((String::new(), Role::Plain));
        }
        lines.push((sheet.path.clone(), Role::Accent));
        for setting in &sheet.settings {
            let value = setting.value.as_deref().unwrap_or("-");
            let text = format!("  {:<30} {value}", setting.key);
            lines.push((text, if setting.is_default { Role::Muted } else { Role::Plain }));
        }
        let name = sheet.path.strip_prefix("listeners.");
        let listeners = model.map(|model| model.status().listeners.as_slice()).unwrap_or_default();
        let listener = listeners.iter().find(|listener| name == Some(listener.name.as_str()));
        lines.extend(listener.into_iter().flat_map(|listener| cookie_lines(&listener.counters.persistence)));
    }
    lines
}

/// Requests by what their cookie said, where there are any.
fn cookie_lines(counted: &PersistenceCounters) -> Vec<(String, Role)> {
    let told = [
        ("kept by cookie", counted.kept_total, Role::Plain),
        ("new", counted.new_total, Role::Plain),
        ("moved, backend unusable", counted.redispatched_total, Role::Warn),
        ("refused, may not move", counted.refused_total, Role::Fail),
        ("idle for too long", counted.idle_expired_total, Role::Plain),
        ("bound for too long", counted.life_expired_total, Role::Plain),
        ("token of no backend", counted.unknown_total, Role::Plain),
        ("forged", counted.forged_total, Role::Warn),
        ("cookies set", counted.set_total, Role::Plain),
        ("cookies left, too long", counted.too_long_total, Role::Warn),
    ];
    let told = told.into_iter().filter(|(_, number, _)| *number > 0);
    told.map(|(word, number, role)| (format!("  {word:<30} {number}"), role)).collect()
}

/// A sheet with something selected in it.
fn list(state: &State, overlay: &Overlay, canvas: &mut Canvas<'_>, screen: Area) {
    let (title, place, (lines, seen)) = match overlay {
        Overlay::Layers { selected } => ("leases and ramps".to_owned(), Place::Layers, layers::lines(state, *selected)),
        Overlay::Explain { group, answer, selected } => {
            (format!("why the shares of {group} are as they are"), Place::Explain, explain::lines(answer, *selected))
        }
        Overlay::Revision { revision, selected, aftermath } => {
            let (mut lines, seen) = changes::edits(state, *revision, *selected);
            lines.extend(changes::aftermath(aftermath));
            (format!("what rev {revision} changed"), Place::Revision, (lines, seen))
        }
        _ => return,
    };
    let note = if place == Place::Revision { "" } else { "live" };
    let keys = state.keymap.dialog_line(place).replacen("Esc cancel", "Esc closes", 1);
    paper(canvas, screen, &Paper { title: &title, note, lines, top: Top::With(seen), keys: &keys });
}

fn draw_ask(state: &State, ask: &Ask, canvas: &mut Canvas<'_>, screen: Area) {
    let place = ask.place();
    let keys = state.keymap.dialog_line(place);
    let count = state.draft.len();
    match &ask.question {
        Question::Commit { what, forecast, sent } => {
            let (title, note) = commit::title(state, what);
            let keys = if *sent { "sent..." } else { &keys };
            let lines = commit::lines(state, what, forecast);
            paper(canvas, screen, &Paper { title: &title, note: &note, lines, top: Top::From(ask.top), keys });
        }
        Question::Discard => {
            let mut lines = vec![(format!("discard {count} staged edits? undo does not bring them back"), Role::Warn)];
            lines.extend(
                state
                    .draft
                    .iter()
                    .map(|(_, staged)| (format!("{} {}", staged.path, commit::change(staged)), Role::Plain)),
            );
            paper(canvas, screen, &Paper { title: "discard", note: "", lines, top: Top::From(ask.top), keys: &keys });
        }
        Question::Quit => {
            let text = format!("{count} edits are staged; the draft is kept and is back next time");
            let lines = vec![(text, Role::Plain)];
            paper(canvas, screen, &Paper { title: "quit", note: "", lines, top: Top::From(ask.top), keys: &keys });
        }
        Question::Window { act, revision } => {
            let lines = commit::window_lines(state, *act);
            let title = if *act == WindowAct::Confirm { "keep it" } else { "take it back" };
            let note = format!("rev {revision}");
            paper(canvas, screen, &Paper { title, note: &note, lines, top: Top::From(ask.top), keys: &keys });
        }
        Question::EndLayer(id) => {
            let found =
                state.model.as_ref().and_then(|model| model.status().layers.iter().find(|layer| layer.id == *id));
            let lines = layers::ending(found, state);
            paper(canvas, screen, &Paper { title: "end it", note: "", lines, top: Top::From(ask.top), keys: &keys });
        }
        Question::Conflict { overlaps, mine, selected } => conflict(state, canvas, screen, (overlaps, mine, *selected)),
    }
}

/// A sheet of lines with a title and its keys.
struct Paper<'a> {
    title: &'a str,
    note: &'a str,
    lines: Vec<(String, Role)>,
    top: Top,
    keys: &'a str,
}

/// What of the lines shows.
#[derive(Clone, Copy)]
enum Top {
    /// Those from this one on, or the last page.
    From(usize),
    /// This one is to be seen: the selected one.
    With(usize),
}

/// Columns that what follows of a broken line begins at.
const INDENT: usize = 4;

fn paper(canvas: &mut Canvas<'_>, screen: Area, paper: &Paper<'_>) {
    let width = usize::from(screen.width.min(WIDTH).saturating_sub(4));
    let mut lines = Vec::new();
    let mut focus = 0;
    for (at, (text, role)) in paper.lines.iter().enumerate() {
        lines.extend(wrapped(text.clone(), width, INDENT).map(|text| (text, *role)));
        if matches!(paper.top, Top::With(selected) if selected == at) {
            focus = lines.len();
        }
    }
    let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = canvas.frame(screen.centred(WIDTH, wanted), paper.title, paper.note);
    let (list, keys) = inner.split_bottom(u16::try_from(wrapped(paper.keys.to_owned(), width, 0).count()).unwrap_or(1));
    let (list, gap) = list.split_bottom(u16::from(list.height > 2));
    let room = usize::from(list.height);
    let top = match paper.top {
        Top::From(top) => top.min(lines.len().saturating_sub(room)),
        Top::With(_) => focus.saturating_sub(room),
    };
    for (line, (text, role)) in (0..list.height).zip(&lines[top..]) {
        canvas.text(list, (0, line), text, *role);
    }
    let below = lines.len().saturating_sub(top + room);
    key_line(canvas, keys, paper.keys);
    if below > 0 {
        canvas.right(gap, (gap.width, 0), &format!("{below} more below"), Role::Muted);
    }
}

/// The keys of a dialog; Cancel has the focus.
fn key_line(canvas: &mut Canvas<'_>, area: Area, keys: &str) {
    for (line, text) in (0..).zip(wrapped(keys.to_owned(), usize::from(area.width), 0)) {
        match text.strip_prefix("Esc cancel") {
            Some(rest) => {
                let end = canvas.text(area, (0, line), "[ Cancel ]", Role::Plain);
                frame::selected(canvas, area, line, 0..end);
                canvas.text(area, (end, line), rest, Role::Accent);
            }
            None => drop(canvas.text(area, (0, line), &text, Role::Accent)),
        }
    }
}

fn conflict(
    state: &State,
    canvas: &mut Canvas<'_>,
    screen: Area,
    (overlaps, mine, selected): (&[Overlap], &[bool], usize),
) {
    let height = u16::try_from(overlaps.len()).unwrap_or(u16::MAX).saturating_add(8);
    let revision = state.model.as_ref().map_or(0, |model| model.status().revision);
    let note = format!("rev {} > {revision}", state.draft.base_revision());
    let inner = canvas.frame(screen.centred(WIDTH, height), "another commit changed what you staged", &note);
    canvas.text(inner, (0, 0), "the rest of the draft is kept; choose what wins here", Role::Plain);
    canvas.text(inner, (2, 1), "BACKEND            BASE          THEIRS        MINE", Role::Muted);
    let (rest, keys) = inner.split_bottom(1);
    let (rest, who) = rest.split_bottom(u16::from(rest.height > 4));
    canvas.text(who, (0, 0), &overlaps.get(selected).map_or_else(String::new, |one| whose(state, one)), Role::Accent);
    let (_, list) = rest.split_top(2);
    let room = usize::from(list.height.saturating_sub(1).max(1));
    let top = (selected + 1).saturating_sub(room);
    for (line, at) in (0u16..).zip(top..overlaps.len().min(top + room)) {
        let overlap = &overlaps[at];
        let theirs = overlap.theirs.map_or_else(|| "gone".to_owned(), values);
        let wins = if mine[at] && overlap.theirs.is_some() { "mine" } else { "theirs" };
        let path = overlap.path.to_string();
        let (base, own) = (values(overlap.base), values(overlap.mine));
        let text = format!("{path:<18} {base:<13} {theirs:<13} {own:<13} {wins} wins");
        let end = canvas.text(list, (2, line), &text, if mine[at] { Role::Staged } else { Role::Plain });
        if at == selected {
            canvas.text(list, (0, line), ">", Role::Plain);
            frame::selected(canvas, list, line, 0..end.min(2 + u16::try_from(path.len()).unwrap_or(0)));
        }
    }
    key_line(canvas, keys, &state.keymap.dialog_line(Place::Conflict));
}

/// Who has given it another value, and why, as far as it was heard.
fn whose(state: &State, overlap: &Overlap) -> String {
    let path = poise_ipc::edit::backend_path(&overlap.path);
    let Some(commit) = state.changes.last_at(&path, state.draft.base_revision()) else { return String::new() };
    let reason = commit.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} by {}, rev {}{reason}", overlap.path, commit.author.user, commit.revision)
}

fn values(values: Values) -> String {
    match values.state {
        AdminState::Enabled => values.weight.to_string(),
        state => format!("{} {}", values.weight, state.word()),
    }
}
