//! Panes beside and below the lists of wide and tall terminals: the card of the selected backend,
//! the newest transitions.

use poise_ipc::advice::Severity;
use poise_ipc::name::BackendPath;
use poise_ipc::status::{BackendStatus, GroupStatus};

use super::canvas::Canvas;
use super::number::{percent, points, short};
use super::theme::{self, Role};
use super::{commit, figures, frame, health, layers, time};
use crate::console::layout::Area;
use crate::console::state::model::{Condition, Model};
use crate::console::state::{State, effect};

/// Column at which the values of the card stand.
const VALUE_AT: u16 = 11;

/// A card being filled from top to bottom.
struct Card<'a, 'b> {
    canvas: &'a mut Canvas<'b>,
    area: Area,
    line: u16,
}

impl Card<'_, '_> {
    fn head(&mut self, text: &str) {
        self.canvas.text(self.area, (0, self.line), text, Role::Accent);
        self.line += 1;
    }

    fn value(&mut self, name: &str, text: &str, role: Role) {
        self.canvas.text(self.area, (0, self.line), name, Role::Muted);
        self.canvas.text(self.area, (VALUE_AT, self.line), text, role);
        self.line += 1;
    }

    fn note(&mut self, text: &str, role: Role) {
        self.canvas.text(self.area, (0, self.line), text, role);
        self.line += 1;
    }
}

/// Everything about the selected backend, the draft with its effect, and what needs a look.
pub(super) fn card(state: &State, model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    if area.is_empty() {
        return;
    }
    let stroke = if canvas.caps.ascii { "|" } else { "│" };
    for line in 0..area.height {
        canvas.text(area, (0, line), stroke, Role::Muted);
    }
    let inner = Area { x: area.x + 2, width: area.width.saturating_sub(3), ..area };
    let mut card = Card { canvas, area: inner, line: 0 };
    if let Some((group, backend)) = state.balance.selected.and_then(|id| model.backend(id)) {
        about(state, model, &mut card, (group, backend));
    }
    if !state.draft.is_empty() {
        card.line += 1;
        card.head(&format!("STAGED on rev {}", state.draft.base_revision()));
        for line in effect::lines(&state.draft, model) {
            card.note(&commit::sentence(&line), Role::Staged);
        }
    }
    let concerns = frame::concerns(model);
    if !concerns.is_empty() {
        card.line += 1;
        card.head("NEEDS A LOOK");
        for (severity, text) in concerns {
            card.note(&text, if severity == Severity::Severe { Role::Fail } else { Role::Warn });
        }
    }
}

fn about(state: &State, model: &Model, card: &mut Card<'_, '_>, (group, backend): (&GroupStatus, &BackendStatus)) {
    let at = group.backends.iter().position(|b| b.id == backend.id).unwrap_or(0);
    let share = model.shares(group, state.balance.window.ms()).get(at).copied().unwrap_or_default();
    let counters = &backend.counters;
    let condition = Condition::of(backend);
    let now_ms = model.now_ms();
    card.head(&format!("BACKEND {}/{}", group.name, backend.name));
    card.value("address", &backend.address.to_string(), Role::Plain);
    let glyph = theme::glyph(condition, card.canvas.caps.ascii);
    let since = match backend.health.since_ms {
        0 => String::new(),
        since_ms => format!(", {} since {}", backend.health.health, time::clock(since_ms, now_ms, &state.zone)),
    };
    card.value("state", &format!("{glyph} {}{since}", condition.word()), theme::role(condition));
    card.value("check", &frame::check_words(group), Role::Plain);
    card.value("last", &frame::last_verdict(backend, now_ms, state), Role::Plain);
    card.value("changes", &format!("{} in 10 min", backend.health.transitions_10min), Role::Plain);
    let ramp = backend.ramp_permille.map_or_else(String::new, |now| format!(", slow start at {} %", now / 10));
    let backup = if backend.backup { ", backup" } else { "" };
    let weight = format!("{}, effective {}{ramp}{backup}", backend.weight, backend.effective_weight);
    card.value("weight", &weight, Role::Plain);
    if let Some(configured) = backend.configured {
        let text = format!("weight {}, {}", configured.weight, configured.state);
        card.value("configured", &text, Role::Staged);
    }
    let path = BackendPath::new(group.name.clone(), backend.name.clone());
    for text in layers::on(state, &path) {
        card.note(&text, Role::Staged);
    }
    let got = share.got.map_or_else(|| "-".to_owned(), |got| format!("{} %", percent(got)));
    let dev = share.dev().map_or_else(String::new, |dev| format!(", {} points", points(dev)));
    card.value("share", &format!("want {} %, got {got}{dev}", percent(share.want)), Role::Plain);
    let open = format!("{} open, {} in flight", counters.connections_open, counters.inflight);
    card.value("conns", &open, Role::Plain);
    let pinned = if counters.picks_total == 0 {
        0.0
    } else {
        counters.pinned_total as f64 * 100.0 / counters.picks_total as f64
    };
    card.value("sticky", &format!("{pinned:.0} % of its work was pinned"), Role::Plain);
    let [_, two, three, four, five] = counters.responses_total.map(|n| short(n as f64));
    card.value("responses", &format!("2xx {two}  3xx {three}  4xx {four}  5xx {five}"), Role::Plain);
    let failed = format!("{} dials, {} after", counters.connect_failures_total, counters.failures_total);
    let role = if counters.connect_failures_total + counters.failures_total > 0 { Role::Warn } else { Role::Plain };
    card.value("failed", &failed, role);
    card.line += 1;
    for (text, role) in figures::latency_lines(&backend.latency) {
        card.note(&text, role);
    }
}

/// The newest transitions, newest last.
pub(super) fn recent(state: &State, canvas: &mut Canvas<'_>, area: Area) {
    if area.height < 2 {
        return;
    }
    canvas.rule(area, 0);
    let title = if state.recent.is_empty() { " CHANGES OF HEALTH: none yet " } else { " CHANGES OF HEALTH " };
    canvas.text(area, (1, 0), title, Role::Accent);
    let (_, list) = area.split_top(1);
    let skip = state.recent.len().saturating_sub(usize::from(list.height));
    for (line, row) in (0u16..).zip(state.recent.iter().skip(skip)) {
        health::row(state, canvas, (list, line), row);
    }
}
