//! Leases and ramps: begun from a typed line and a dialog that shows what the daemon expects, then ended,
//! extended and held from their list.

use poise_ipc::edit::Edit;
use poise_ipc::message::{LayerAct, LayerQuery, PlanQuery, Planned, Reply, Verb};
use poise_ipc::name::BackendPath;

use super::super::keymap::Action;
use super::super::msg::Effect;
use super::super::state::model::Model;
use super::super::state::overlay::{Ask, Overlay, Proposal, Question, Typed};
use super::super::state::{Asked, LinkState, Paint, State, Tone, layer};
use super::edit::refused;
use super::{ask, commit, field, say};

/// Carries out an action on layers; says whether it was one.
pub(super) fn act(state: &mut State, action: Action) -> bool {
    match action {
        Action::Lease => open_lease(state),
        Action::Ramp => open_ramp(state),
        Action::Layers => list(state),
        _ => return false,
    }
    true
}

fn targets(state: &State) -> Vec<BackendPath> {
    let Some(model) = &state.model else { return Vec::new() };
    let path =
        |id| model.backend(id).map(|(group, backend)| BackendPath::new(group.name.clone(), backend.name.clone()));
    state.balance.targets().into_iter().filter_map(path).collect()
}

fn open_lease(state: &mut State) {
    let targets = targets(state);
    if refused(state) {
    } else if targets.is_empty() {
        say(state, Tone::Plain, "no backend is selected");
    } else {
        field::open(state, Typed::Lease(targets), "30m ");
    }
}

fn open_ramp(state: &mut State) {
    let targets = targets(state);
    if refused(state) {
        return;
    }
    match <[BackendPath; 1]>::try_from(targets) {
        Ok([one]) => field::open(state, Typed::Ramp(one), ""),
        Err(others) if others.is_empty() => say(state, Tone::Plain, "no backend is selected"),
        Err(_) => say(state, Tone::Plain, "a ramp moves one backend: unmark the others"),
    }
}

/// Shows what was typed for these backends, or says what is wrong with it.
pub(super) fn typed_lease(
    state: &mut State,
    text: &str,
    backends: &[BackendPath],
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    let query = layer::lease(text, backends)?;
    let wanted = Planned::Edits(query.edits.clone());
    propose(state, Proposal::Lease(query), wanted, effects);
    Ok(())
}

/// The same of a ramp; what is shown is what it leads to.
pub(super) fn typed_ramp(
    state: &mut State,
    text: &str,
    backend: &BackendPath,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    let query = layer::ramp(text, backend)?;
    let wanted = Planned::Edits(vec![Edit::weight(backend, query.to)]);
    propose(state, Proposal::Ramp(query), wanted, effects);
    Ok(())
}

fn propose(state: &mut State, what: Proposal, wanted: Planned, effects: &mut Vec<Effect>) {
    if state.link == LinkState::Live {
        commit::show(state, what, PlanQuery { wanted, if_revision: None }, effects);
    } else {
        say(state, Tone::Alarm, "not connected: try again later");
    }
}

fn list(state: &mut State) {
    let layers = state.model.as_ref().map(Model::status);
    if layers.is_none_or(|status| status.layers.is_empty() && status.layers_ended.is_empty()) {
        return say(state, Tone::Plain, "no lease and no ramp: L holds, V ramps what is selected on Balance");
    }
    state.overlay = Some(Overlay::Layers { selected: 0 });
    state.paint(Paint::Now);
}

/// What a key of the list does to the selected one.
pub(super) fn change(state: &mut State, action: Action, selected: usize, effects: &mut Vec<Effect>) {
    let found = state.model.as_ref().and_then(|model| model.status().layers.get(selected));
    let Some((id, ramp)) = found.map(|layer| (layer.id, layer.ramp.clone())) else { return };
    if refused(state) {
        return;
    }
    match (action, ramp) {
        (Action::EndLayer, _) => state.overlay = Some(Overlay::Ask(Ask::new(Question::EndLayer(id)))),
        (Action::ExtendLayer, None) => field::open(state, Typed::Extend(id), "30m"),
        (Action::ExtendLayer, Some(_)) => say(state, Tone::Plain, "a ramp ends when it arrives; w holds it"),
        (Action::HoldLayer, Some(ramp)) => {
            send(state, id, if ramp.held { LayerAct::Resume } else { LayerAct::Hold }, effects);
        }
        (Action::HoldLayer, None) => say(state, Tone::Plain, "a lease has no steps; e gives it more time"),
        _ => {}
    }
}

/// Asks for what was chosen.
pub(super) fn send(state: &mut State, id: u64, act: LayerAct, effects: &mut Vec<Effect>) {
    if state.link == LinkState::Live {
        ask(state, Asked::Layer, Verb::Layer(LayerQuery { id, act }), effects);
    } else {
        say(state, Tone::Alarm, "not connected: the daemon keeps it as it is");
    }
}

/// The daemon has done it; the news of it say what.
pub(super) fn done(state: &mut State, reply: &Reply) {
    if let Reply::Layer(_) = reply {
        commit::close(state);
    }
    state.paint(Paint::Now);
}
