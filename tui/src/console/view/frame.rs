//! The lines around every screen: where we are, tabs, what needs a look, the selected backend, the
//! message or what is staged, keys. On terminals too small for them, one status line.

use std::fmt::Write as _;

use ratatui::style::Modifier;

use super::canvas::Canvas;
use super::number::{latency, span};
use super::theme::Role;
use super::{layers, overview, time};
use crate::console::layout::{self, Area};
use crate::console::state::layer;
use crate::console::state::model::{Condition, Model};
use crate::console::state::overlay::{Field, Overlay, Typed};
use crate::console::state::screen::Screen;
use crate::console::state::window;
use crate::console::state::{LinkState, State, Tone};
use poise_ipc::advice::Severity;
use poise_ipc::model::CheckProtocol;
use poise_ipc::name::BackendPath;
use poise_ipc::status::{BackendStatus, DrainStatus, GroupStatus};

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) {
    let parts = layout::frame(state.size.0, state.size.1);
    crumb(state, canvas, parts.crumb);
    tabs(state, canvas, parts.tabs);
    alert(state, canvas, parts.alert);
    detail(state, canvas, parts.detail);
    // Without a line of its own a message or field takes the first one.
    let line = if parts.message.is_empty() { parts.crumb } else { parts.message };
    message(state, canvas, line);
    let keys = state.keymap.footer(
        state.screen.place(),
        !state.draft.is_empty(),
        usize::from(parts.footer.width.saturating_sub(2)),
    );
    canvas.text(parts.footer, (1, 0), &keys, Role::Muted);
}

fn crumb(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    let (link, role) = link(state, canvas.caps.ascii);
    let link_width = u16::try_from(link.chars().count()).unwrap_or(u16::MAX);
    let link_at = area.width.saturating_sub(link_width + 1);
    let facts = facts(state);
    let room = usize::from(link_at.saturating_sub(2));
    // The way here is shortened before what is staged, the revision before the way.
    let paths = paths(state);
    let both = |path: &String, facts: &str| path.len() + 1 + facts.len() <= room;
    let fitting = |facts: &&str| paths.iter().any(|path| both(path, facts));
    let shown = facts.iter().map(String::as_str).find(fitting).unwrap_or("");
    let path = paths.iter().find(|path| both(path, shown)).or(paths.last()).map_or("", String::as_str);
    let end = canvas.text(area, (1, 0), path, Role::Accent);
    canvas.text(area, (link_at.max(end + 1), 0), &link, role);
    canvas.right(area, (link_at, 0), shown, Role::Plain);
}

/// The way to the screen in front, ever shorter.
fn paths(state: &State) -> [String; 3] {
    let host = state.peer.as_ref().map_or("poise", |peer| peer.host.as_str());
    let title = state.screen.title().to_lowercase();
    let short = format!("{host} > {title}");
    let scope = state.balance.scope.as_ref().map_or("all groups", |group| group.as_str());
    let long = if state.screen == Screen::Balance { format!("{host} > {scope} > {title}") } else { short.clone() };
    [long, short, title]
}

/// Revision, rights and draft, ever shorter.
fn facts(state: &State) -> [String; 3] {
    let staged = if state.draft.is_empty() { String::new() } else { format!("{} staged | ", state.draft.len()) };
    let paused = if state.paused { "PAUSED | " } else { "" };
    let rights = if state.may_edit() { "WRITE | " } else { "READ-ONLY | " };
    let revision = state.model.as_ref().map_or_else(String::new, |model| format!("rev {} | ", model.status().revision));
    let last = format!("{staged}{paused}");
    [format!("{revision}{rights}{last}"), format!("{rights}{last}"), last]
}

fn link(state: &State, ascii: bool) -> (String, Role) {
    match &state.link {
        LinkState::Live => (format!("{} live", if ascii { "*" } else { "●" }), Role::Ok),
        LinkState::Connecting { .. } => ("connecting".to_owned(), Role::Warn),
        LinkState::Stale { since_ms, .. } => {
            (format!("STALE since {}", time::clock(*since_ms, *since_ms, &state.zone)), Role::Fail)
        }
    }
}

fn tabs(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    let mut column = 1;
    let titles = titles(state.screen, usize::from(area.width));
    for ((number, screen), title) in (1..).zip(Screen::ALL).zip(titles) {
        if *screen == state.screen {
            let text = format!("[{number} {title}]");
            column = canvas.text(area, (column - 1, 0), &text, Role::Accent) + 1;
        } else {
            let text = format!("{number} {title}");
            column = canvas.text(area, (column, 0), text.trim_end(), Role::Muted) + 2;
        }
    }
    if column + 8 <= area.width {
        canvas.right(area, (area.width - 1, 0), "? help", Role::Muted);
    }
}

/// The titles of the tabs: in full, short, or only that of the screen in front, as they fit.
fn titles(front: Screen, width: usize) -> Vec<&'static str> {
    let full: Vec<_> = Screen::ALL.iter().map(|screen| screen.title()).collect();
    let short: Vec<_> = Screen::ALL.iter().map(|screen| screen.short_title()).collect();
    // Each has a digit and a blank before it and two blanks behind.
    let fits = |titles: &&Vec<&str>| titles.iter().map(|title| title.len() + 4).sum::<usize>() <= width + 1;
    let one = Screen::ALL.iter().map(|&screen| if screen == front { screen.short_title() } else { "" });
    [full, short].iter().find(fits).cloned().unwrap_or_else(|| one.collect())
}

/// What needs a look, the worst first.
pub(super) fn concerns(model: &Model) -> Vec<(Severity, String)> {
    let status = model.status();
    let mut concerns = Vec::new();
    for group in &status.groups {
        let down = group.backends.iter().filter(|b| Condition::of(b) == Condition::Down).count();
        if group.failing_open {
            let text = format!("{} fails open: {}", group.name, group.fail_open.words());
            concerns.push((Severity::Severe, text));
        } else if down > 0 {
            concerns.push((Severity::Warning, format!("{}: {down} of {} down", group.name, group.backends.len())));
        }
        if group.on_backups {
            concerns.push((Severity::Warning, format!("{}: its backups serve, nobody else can", group.name)));
        }
        for backend in group.backends.iter().filter(|b| Condition::of(b) == Condition::Damped) {
            let text = format!("{}/{}: kept out, it comes and goes", group.name, backend.name);
            concerns.push((Severity::Warning, text));
        }
        for backend in group.backends.iter().filter(|b| Condition::of(b) == Condition::Ejected) {
            let Some(ejection) = backend.health.ejection else { continue };
            let left_s = ejection.until_ms.saturating_sub(model.now_ms()).div_ceil(1_000);
            let text = format!("{}/{}: ejected for {left_s} s: {}", group.name, backend.name, ejection.why);
            concerns.push((Severity::Warning, text));
        }
        for backend in group.backends.iter().filter(|b| Condition::of(b) == Condition::Flap) {
            let changes = backend.health.transitions_10min;
            concerns.push((Severity::Warning, format!("{}/{}: {changes} changes in 10 min", group.name, backend.name)));
        }
    }
    if status.daemon.drift {
        let text = "the configuration file has changed: poise config reload --take file|running";
        concerns.push((Severity::Warning, text.to_owned()));
    }
    if let Some(failure) = status.hook.as_ref().and_then(|hook| hook.failure.as_ref()) {
        concerns.push((Severity::Warning, format!("the hook went wrong: {failure}")));
    }
    let findings = status.findings.iter().filter(|f| f.severity > Severity::Note);
    concerns.extend(findings.map(|f| (f.severity, format!("{}: {}", f.subject, f.message))));
    concerns.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    concerns
}

/// Columns below which nothing is begun of what happens to an open window otherwise.
const REST_WIDTH_MIN: u16 = 18;

fn alert(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    if let Some(((head, rest), role)) = confirmation(state) {
        let keys = if state.may_edit() { "   K keep   b take back" } else { "" };
        let end = canvas.text(area, (1, 0), &head, role);
        // What is left to do goes before what happens otherwise.
        let keys_width = u16::try_from(keys.len()).unwrap_or(0);
        let room = Area { width: area.width.saturating_sub(keys_width), ..area };
        let is_told = room.width.saturating_sub(end) >= REST_WIDTH_MIN;
        let end = if is_told { canvas.text(room, (end, 0), &rest, role) } else { end };
        canvas.text(area, (end, 0), keys, Role::Accent);
        return;
    }
    let concerns = state.model.as_ref().map(concerns).unwrap_or_default();
    let Some((severity, first)) = concerns.first() else { return canvas.rule(area, 0) };
    let role = if *severity == Severity::Severe { Role::Fail } else { Role::Warn };
    let count = if concerns.len() > 1 { format!("{} need a look: ", concerns.len()) } else { String::new() };
    canvas.text(area, (1, 0), &format!("! {count}{first}"), role);
}

/// The confirm window that is open.
fn confirmation(state: &State) -> Option<((String, String), Role)> {
    let model = state.model.as_ref()?;
    let window = model.status().window.as_ref()?;
    let role = if window::is_urgent(window, model.now_ms()) { Role::Fail } else { Role::Warn };
    Some((window::line(window, model.now_ms()), role))
}

fn detail(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    if let Some(model) = state.model.as_ref().filter(|_| state.screen == Screen::Overview) {
        return overview::detail(state, model, canvas, area);
    }
    let selected = state.balance.selected.filter(|_| state.screen == Screen::Balance);
    let found = state.model.as_ref().and_then(|model| model.backend(selected?).map(|found| (model, found)));
    let Some((model, (group, backend))) = found else { return canvas.rule(area, 0) };
    canvas.text(area, (1, 0), &about(group, backend, model.now_ms(), state), Role::Plain);
}

/// A backend in one sentence.
fn about(group: &GroupStatus, backend: &BackendStatus, now_ms: u64, state: &State) -> String {
    let health = &backend.health;
    let mut text = backend.name.to_string();
    // First, since they explain why it is not as configured.
    let path = BackendPath::new(group.name.clone(), backend.name.clone());
    for layer in layers::on(state, &path) {
        let _ = write!(text, "  {layer}");
    }
    if let Some(drain) = &backend.drain {
        // First, since it is what is waited for and narrow terminals cut the rest.
        let _ = write!(text, "  {}", progress(drain, now_ms));
    }
    let _ = write!(text, "  {}  {}", backend.address, health.health);
    if health.since_ms > 0 {
        let _ = write!(text, " since {}", time::clock(health.since_ms, now_ms, &state.zone));
    }
    match &health.last {
        _ if group.health_check.protocol == CheckProtocol::Off => text.push_str(", not checked"),
        Some(last) => {
            let _ = write!(text, ", {}", last.verdict);
            if last.verdict.failed() {
                let _ = write!(text, " x{}", health.streak);
            }
        }
        None => {}
    }
    if health.transitions_10min > 1 {
        let _ = write!(text, ", {} changes in 10 min", health.transitions_10min);
    }
    if backend.counters.connect_failures_total > 0 {
        let _ = write!(text, ", {} failed dials", backend.counters.connect_failures_total);
    }
    text
}

/// How far a drain has come, in few words.
fn progress(drain: &DrainStatus, now_ms: u64) -> String {
    let mut text = format!("{} open", drain.open);
    for (count, word) in [(drain.queued, "queued"), (drain.pinned, "bound")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    match drain.deadline_ms.checked_sub(now_ms).filter(|&left_ms| left_ms > 0) {
        Some(left_ms) => drop(write!(text, ", {} left", span(left_ms))),
        None => text.push_str(", time over"),
    }
    if let Some(end_ms) = drain.estimated_end_ms.filter(|&end_ms| end_ms > now_ms) {
        let _ = write!(text, ", empty in {}", span(end_ms - now_ms));
    }
    text
}

fn message(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    match &state.overlay {
        Some(Overlay::Filter { input, .. }) => {
            canvas.clear(area);
            let column = canvas.text(area, (1, 0), "filter: ", Role::Accent);
            canvas.input(area, (column, 0), input);
        }
        Some(Overlay::Field(open)) => field(state, canvas, area, open),
        _ => last_said(state, canvas, area),
    }
}

/// A field with what it asks for; what is wrong stands behind it, or above where there is no room.
fn field(state: &State, canvas: &mut Canvas<'_>, area: Area, open: &Field) {
    canvas.clear(area);
    let several = |paths: &[BackendPath]| match paths {
        [one] => one.to_string(),
        many => format!("{} marked", many.len()),
    };
    let (ask, help) = match &open.what {
        Typed::Weight(targets) => {
            let whose = match (targets.as_slice(), &state.model) {
                ([id], Some(model)) => model.backend(*id).map_or_else(String::new, |(_, b)| b.name.to_string()),
                (many, _) => format!("{} marked", many.len()),
            };
            (format!("weight of {whose} (0 to 1000): "), "")
        }
        Typed::Reason(_) => ("why: ".to_owned(), "for the history; Enter takes it, empty is none"),
        Typed::Lease(backends) => (format!("hold {}: ", several(backends)), layer::LEASE_HELP),
        Typed::Ramp(backend) => (format!("ramp {backend}: "), layer::RAMP_HELP),
        Typed::Extend(id) => (format!("time for lease {id} from now on: "), "1s to 30d, as in 30m"),
    };
    let column = canvas.text(area, (1, 0), &ask, Role::Accent);
    let end = canvas.input(area, (column, 0), &open.input);
    let (text, role) = open.error.as_deref().map_or((help, Role::Muted), |error| (error, Role::Fail));
    canvas.text(area, (end + 1, 0), text, role);
}

fn last_said(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    if let Some((tone, text)) = &state.message {
        canvas.clear(area);
        canvas.text(area, (1, 0), text, if *tone == Tone::Alarm { Role::Fail } else { Role::Accent });
    } else if let LinkState::Connecting { reason: Some(reason) } | LinkState::Stale { reason, .. } = &state.link {
        if area.y > 0 {
            canvas.text(area, (1, 0), reason, Role::Warn);
        }
    } else if !state.draft.is_empty() && area.y > 0 {
        let mut column = canvas.text(area, (1, 0), "staged", Role::Staged);
        for (_, staged) in state.draft.iter() {
            let text = format!("{} {}", staged.path.backend, super::commit::change(staged));
            column = canvas.text(area, (column + 2, 0), &text, Role::Plain);
        }
    }
}

/// The whole console in the few cells there are.
pub(super) fn status_only(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    if let Some(Overlay::Ask(_)) = &state.overlay {
        canvas.text(area, (0, 0), &state.keymap.dialog_line(state.place()), Role::Accent);
        return;
    }
    let (link, role) = link(state, canvas.caps.ascii);
    let Some(model) = &state.model else {
        canvas.text(area, (0, 0), &link, role);
        return;
    };
    let all = model.backends().count();
    let up = model.backends().filter(|(_, b)| matches!(Condition::of(b), Condition::Up | Condition::Flap)).count();
    let column = canvas.text(area, (0, 0), &format!("{up}/{all} up "), if up < all { Role::Warn } else { Role::Ok });
    canvas.text(area, (column, 0), &link, role);
    let waits = confirmation(state).map(|((head, rest), role)| (head + &rest, role));
    let worst = waits.or_else(|| concerns(model).into_iter().next().map(|(_, text)| (text, Role::Warn)));
    let (text, role) = worst.unwrap_or((String::new(), Role::Plain));
    canvas.text(area, (0, 1), &text, role);
    let staged = if state.draft.is_empty() { String::new() } else { format!(" {} staged", state.draft.len()) };
    canvas.text(area, (0, 2), &format!("rev {}{staged}", model.status().revision), Role::Plain);
}

/// A latency or span for panes: the last verdict with its time.
pub(super) fn last_verdict(backend: &BackendStatus, now_ms: u64, state: &State) -> String {
    match &backend.health.last {
        Some(last) => format!(
            "{} {} in {} ms",
            time::clock(last.at_ms, now_ms, &state.zone),
            last.verdict,
            latency(last.latency_us)
        ),
        None => "none yet".to_owned(),
    }
}

/// How a group is checked, in words.
pub(super) fn check_words(group: &GroupStatus) -> String {
    let check = &group.health_check;
    let every = span(u64::from(check.interval_ms));
    match check.protocol {
        CheckProtocol::Off => "no checks".to_owned(),
        CheckProtocol::Tcp | CheckProtocol::Udp | CheckProtocol::Grpc => {
            format!("{} every {every}, {} up {} down", check.protocol, check.rise, check.fall)
        }
        CheckProtocol::Http | CheckProtocol::Https => {
            format!("{} {} every {every}, {} up {} down", check.method, check.path, check.rise, check.fall)
        }
    }
}

/// Reverses what is selected: the marker and the name, not the row.
pub(super) fn selected(canvas: &mut Canvas<'_>, area: Area, line: u16, columns: std::ops::Range<u16>) {
    if line < area.height {
        for x in columns.start..columns.end.min(area.width) {
            canvas.buffer[(area.x + x, area.y + line)].modifier.insert(Modifier::REVERSED);
        }
    }
}
