//! Leases and ramps: their list, and how a layered backend shows.

use poise_ipc::message::LayerStatus;
use poise_ipc::name::BackendPath;

use super::number::span;
use super::theme::Role;
use super::time;
use crate::console::state::State;
use crate::console::state::layer;
use crate::console::state::model::Model;

/// A line with its look.
type Line = (String, Role);

/// Lines of one layer in the list.
const LINES: usize = 2;

/// The list, and which line of it is to be seen for the selected one.
pub(super) fn lines(state: &State, selected: usize) -> (Vec<Line>, usize) {
    let Some(status) = state.model.as_ref().map(Model::status) else { return (Vec::new(), 0) };
    let now_ms = state.model.as_ref().map_or(0, Model::now_ms);
    let mut lines = Vec::new();
    for (at, one) in status.layers.iter().enumerate() {
        let mark = if at == selected { ">" } else { " " };
        let role = if at == selected { Role::Accent } else { Role::Plain };
        lines.push((format!("{mark} {} {} {}", layer::kind(one), one.id, layer::held(one)), role));
        lines.push((format!("    {}", about(one, now_ms)), if one.idle.is_some() { Role::Warn } else { Role::Muted }));
    }
    if status.layers.is_empty() {
        lines.push(("none is in force".to_owned(), Role::Plain));
    }
    if !status.layers_ended.is_empty() {
        lines.push((String::new(), Role::Plain));
        lines.push(("ended:".to_owned(), Role::Muted));
    }
    for ended in status.layers_ended.iter().rev() {
        let at = time::clock(ended.at_ms, now_ms, &state.zone);
        let one = &ended.layer;
        let text = format!("  {at} {} {} {}: {}", layer::kind(one), one.id, layer::held(one), layer::end(ended));
        lines.push((text, Role::Muted));
    }
    (lines, (selected + 1) * LINES - 1)
}

/// By whom, why, how long, how far.
fn about(one: &LayerStatus, now_ms: u64) -> String {
    let mut parts = vec![format!("by {}", one.author.user)];
    let is_held = one.ramp.as_ref().is_some_and(|ramp| ramp.held);
    if !is_held {
        parts.push(format!("{} left", span(one.until_ms.saturating_sub(now_ms))));
    }
    parts.extend(Some(layer::progress(one)).filter(|text| !text.is_empty()));
    parts.extend(one.reason.clone());
    parts.join(", ")
}

/// What the end of a layer brings.
pub(super) fn ending(found: Option<&LayerStatus>, state: &State) -> Vec<Line> {
    let Some(one) = found else { return vec![("it has ended meanwhile".to_owned(), Role::Warn)] };
    let now_ms = state.model.as_ref().map_or(0, Model::now_ms);
    let mut lines = vec![
        (format!("{} {} {}", layer::kind(one), one.id, layer::held(one)), Role::Plain),
        (about(one, now_ms), Role::Muted),
    ];
    let back = one.values.iter().map(|value| {
        let configured = value.configured.as_deref().unwrap_or("nothing");
        (format!("{} is {configured} again", value.path), Role::Warn)
    });
    lines.extend(back);
    lines
}

/// The layers on a backend in one line each: `weight 0 by lease 3 of ops, 25 min left: INC-42`.
pub(super) fn on(state: &State, backend: &BackendPath) -> Vec<String> {
    let Some(model) = state.model.as_ref() else { return Vec::new() };
    let layers = model.status().layers.iter().filter(|one| layer::is_about(one, backend));
    layers
        .map(|one| {
            format!("{} {}: {}, {}", layer::kind(one), one.id, layer::held_of(one, backend), about(one, model.now_ms()))
        })
        .collect()
}
