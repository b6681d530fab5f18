//! Leases and ramps: begun and changed by operators, ended by time, arrival or a wire.
//!
//! What an operator asks for is stored before it is in force, like a commit. What time brings about
//! is in force at once and stored with retries: their ends were stored when they began. The rules are
//! core's (`poise_core::layer`).

mod asked;

use std::collections::{BTreeSet, HashMap, VecDeque};

use poise_core::layer::{self, Kind, Layer, Ramp};
use poise_core::plan::Identities;
use poise_ipc::edit::Edit;
use poise_ipc::message::{
    Author, ENDED_MAX, LayerEnd, LayerEnded, LayerNews, LayerQuery, LayerStatus, LeaseQuery, RampQuery, Reply,
};
use poise_ipc::{Config, Name};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use self::asked::no_layer;
use super::commit::{answer, refused_by_store};
use super::{Asker, Change, Done, Job, Outcome, Reconcile, Source};
use crate::control::bus::What;
use crate::control::command::Answer;
use crate::control::ports::Ports;
use crate::control::wires::Touched;
use crate::log::chain;

/// Time between two attempts to configure the last weight of a ramp.
const ARRIVAL_RETRY_MS: u64 = 2_000;

/// The layers, what is in force with them, and those that have ended.
#[derive(Debug, Default)]
pub(super) struct Layers {
    set: Set,
    /// What is in force; none where there are no layers: then it is what is configured.
    pub(super) in_force: Option<Config>,
    /// Why layers are not in force.
    idle: Vec<Option<String>>,
    /// The weights of ramps as they are in force.
    weights: HashMap<u64, u16>,
    ended: VecDeque<LayerEnded>,
    /// Whether the store does not know yet what they are.
    unstored: bool,
    /// When the arrival of a ramp is tried again.
    arrival_ms: u64,
}

/// The layers as they are stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Set {
    next: u64,
    layers: Vec<Layer>,
}

/// A change of the layers that is being stored.
#[derive(Clone, Debug)]
pub(super) enum Shift {
    Begin(Box<Layer>),
    Extend(u64, u64),
    Hold(u64),
    Resume(u64),
    Cancel(u64, Author),
}

/// What an operator asks about layers.
#[derive(Debug)]
pub(super) enum Wanted {
    Lease(LeaseQuery),
    Ramp(RampQuery),
    Layer(LayerQuery),
}

impl Layers {
    /// Leases and ramps, the oldest first.
    pub(super) fn list(&self) -> &[Layer] {
        &self.set.layers
    }

    /// Those that were stored; what cannot be read is as if there were none.
    pub(super) fn restored(body: Option<&str>) -> Self {
        let set = body.map_or_else(|| Ok(Set::default()), serde_json::from_str::<Set>);
        let set = set.unwrap_or_else(|error| {
            warn!(error = chain(&error), "the stored leases and ramps cannot be read; they are over");
            Set::default()
        });
        Self { set, ..Self::default() }
    }

    /// The groups that wires of ramps look at.
    pub(super) fn watched(&self) -> impl Iterator<Item = &Name> {
        let ramps = self.set.layers.iter().filter_map(|layer| match &layer.kind {
            Kind::Ramp(ramp) if !ramp.aborts.is_empty() => Some(ramp),
            _ => None,
        });
        ramps.flat_map(|ramp| ramp.aborts.iter().filter_map(|trip| trip.group.as_ref()).chain([&ramp.backend.group]))
    }

    /// Those that ended last.
    pub(super) fn ended(&self) -> Vec<LayerEnded> {
        self.ended.iter().cloned().collect()
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.set.layers.iter().position(|layer| layer.id == id)
    }

    /// The set as the store keeps it.
    fn body(set: &Set) -> String {
        serde_json::to_string(set).unwrap_or_default()
    }

    /// The set without a ramp, for the commit that ends it.
    pub(super) fn body_without(&self, id: u64) -> String {
        let layers = self.set.layers.iter().filter(|layer| layer.id != id).cloned().collect();
        Self::body(&Set { next: self.set.next, layers })
    }

    /// The set after identities have got other names, if that changes it.
    pub(super) fn body_renamed(&self, before: &Identities, after: &Identities) -> Option<String> {
        let mut set = self.set.clone();
        rename(&mut set.layers, before, after).then(|| Self::body(&set))
    }
}

impl Shift {
    fn id(&self) -> u64 {
        match self {
            Self::Begin(layer) => layer.id,
            Self::Extend(id, _) | Self::Hold(id) | Self::Resume(id) | Self::Cancel(id, _) => *id,
        }
    }

    /// Makes the change.
    fn make(self, set: &mut Set, now_ms: u64) {
        let id = self.id();
        let known = set.layers.iter_mut().find(|layer| layer.id == id);
        match (self, known) {
            (Self::Begin(layer), _) => {
                set.next = set.next.max(layer.id + 1);
                set.layers.push(*layer);
            }
            (Self::Extend(_, until), Some(layer)) => {
                if let Kind::Lease { until_ms, .. } = &mut layer.kind {
                    *until_ms = until;
                }
            }
            (Self::Hold(_), Some(Layer { kind: Kind::Ramp(ramp), .. })) => ramp.hold(now_ms),
            (Self::Resume(_), Some(Layer { kind: Kind::Ramp(ramp), .. })) => ramp.resume(now_ms),
            (Self::Cancel(..), _) => set.layers.retain(|layer| layer.id != id),
            (Self::Extend(..) | Self::Hold(_) | Self::Resume(_), _) => {}
        }
    }
}

impl<P: Ports + 'static> Reconcile<P> {
    /// What is in force: what is configured, with the layers on it.
    pub(super) fn in_force(&self) -> &Config {
        self.layers.in_force.as_ref().unwrap_or(&self.state.config)
    }

    /// Finds out anew what is in force; to be called when configuration, layers or time have changed it.
    pub(super) fn lay(&mut self) {
        let now_ms = self.steady_ms();
        let Layers { set, in_force, idle, weights, .. } = &mut self.layers;
        weights.clear();
        if set.layers.is_empty() {
            (*in_force, *idle) = (None, Vec::new());
            return;
        }
        let (config, why) = layer::in_force(&self.state.config, &set.layers, now_ms);
        (*in_force, *idle) = (Some(config), why);
        weights.extend(set.layers.iter().filter_map(|layer| match &layer.kind {
            Kind::Ramp(ramp) => Some((layer.id, ramp.weight(now_ms))),
            Kind::Lease { .. } => None,
        }));
    }

    /// The layers as the protocol tells them.
    pub(super) fn layer_statuses(&self) -> Vec<LayerStatus> {
        let Layers { set, idle, .. } = &self.layers;
        layer::statuses(&set.layers, idle, &self.state.config, self.in_force(), self.steady_ms())
    }

    fn layer_status(&self, id: u64) -> Option<LayerStatus> {
        self.layer_statuses().into_iter().find(|layer| layer.id == id)
    }

    /// Begins what an operator asks for.
    pub(super) fn begin_layer(&mut self, wanted: Wanted, author: Author, asker: Asker) {
        let shift = match wanted {
            Wanted::Lease(query) => self.lease(query, author),
            Wanted::Ramp(query) => self.ramp(query, author),
            Wanted::Layer(query) => self.shift(query, author).map(|shift| (shift, false)),
        };
        match shift {
            Err(error) => answer(asker, Err(error)),
            Ok((Shift::Begin(layer), true)) => answer(asker, Ok(self.tried(*layer))),
            Ok((shift, _)) => {
                let mut set = self.layers.set.clone();
                shift.clone().make(&mut set, self.steady_ms());
                let ack = self.parts.store.layers(Layers::body(&set));
                self.under_way =
                    Some(Box::pin(async move { Done::Layered(shift, super::commit::outcome(ack).await, asker) }));
            }
        }
    }

    /// What a layer would be, without beginning it.
    fn tried(&self, layer: Layer) -> Reply {
        let now_ms = self.steady_ms();
        let layers = [layer];
        let (config, idle) = layer::in_force(self.in_force(), &layers, now_ms);
        let mut statuses = layer::statuses(&layers, &idle, &self.state.config, &config, now_ms);
        Reply::Layer(Box::new(statuses.remove(0)))
    }

    /// Puts in force what is stored, or says why it could not be.
    pub(super) fn finish_layer(&mut self, shift: Shift, outcome: Outcome, asker: Asker) {
        if let Err(error) = outcome {
            return answer(asker, Err(refused_by_store(&error)));
        }
        let id = shift.id();
        let before = self.layer_status(id);
        let (began, end) = match &shift {
            Shift::Begin(_) => (true, None),
            Shift::Cancel(_, by) => (false, Some(LayerEnd::Cancelled { by: by.clone() })),
            _ => (false, None),
        };
        let now_ms = self.steady_ms();
        shift.make(&mut self.layers.set, now_ms);
        self.relay();
        let said = match (self.layer_status(id), before, end) {
            (Some(layer), ..) => {
                let news = if began { LayerNews::Began(layer.clone()) } else { LayerNews::Changed(layer.clone()) };
                if began {
                    info!(layer = id, user = layer.author.user, values = %values(&layer), "layer begins");
                }
                self.tell_layer(news);
                layer
            }
            (None, Some(layer), Some(how)) => {
                self.note_end(layer.clone(), how);
                layer
            }
            (None, ..) => return answer(asker, Err(no_layer(id))),
        };
        answer(asker, Ok(Reply::Layer(Box::new(said))));
    }

    /// Makes what is in force live.
    fn relay(&mut self) {
        self.lay();
        self.follow(&HashMap::new());
        let failed_open = self.publish();
        self.judge();
        self.tell_fail_open(&failed_open, crate::wall::now_ms());
    }

    /// Lets time work on the layers: leases end, ramps make their steps, arrive or are aborted.
    pub(super) fn step_layers(&mut self) {
        if self.layers.set.layers.is_empty() {
            return;
        }
        let now_ms = self.steady_ms();
        let due = self.layers.set.layers.iter().filter_map(|layer| match &layer.kind {
            Kind::Lease { until_ms, .. } => (*until_ms <= now_ms).then_some((layer.id, LayerEnd::Expired)),
            // Its backend is gone: there is nothing to arrive at.
            Kind::Ramp(ramp) => {
                (ramp.has_arrived(now_ms) && !self.has_backend(ramp)).then_some((layer.id, LayerEnd::Expired))
            }
        });
        let due: Vec<_> = due.collect();
        let stepped = self.stepped(now_ms);
        self.end_layers(due);
        if !stepped.is_empty() {
            self.relay();
            for layer in self.layer_statuses().into_iter().filter(|layer| stepped.contains(&layer.id)) {
                self.tell_layer(LayerNews::Changed(layer));
            }
        }
        self.arrive(now_ms);
    }

    fn has_backend(&self, ramp: &Ramp) -> bool {
        self.state.identities.backends.contains_key(&ramp.backend)
    }

    /// Ramps whose weight is another than the one in force.
    fn stepped(&self, now_ms: u64) -> Vec<u64> {
        let stepped = self.layers.set.layers.iter().filter(|layer| match &layer.kind {
            Kind::Ramp(ramp) => self.layers.weights.get(&layer.id) != Some(&ramp.weight(now_ms)),
            Kind::Lease { .. } => false,
        });
        stepped.map(|layer| layer.id).collect()
    }

    /// Ends layers by what is the daemon's own to decide: in force at once, stored with retries.
    fn end_layers(&mut self, due: Vec<(u64, LayerEnd)>) {
        if due.is_empty() {
            return;
        }
        let last: Vec<_> = due.into_iter().filter_map(|(id, how)| Some((self.layer_status(id)?, how))).collect();
        self.layers.set.layers.retain(|layer| last.iter().all(|(ended, _)| ended.id != layer.id));
        self.layers.unstored = true;
        self.relay();
        for (layer, how) in last {
            self.note_end(layer, how);
        }
    }

    /// Ends the ramps whose wires are touched.
    pub(super) fn abort_ramps(&mut self, touched: impl Fn(&Self, &Layer, &Ramp) -> Option<Touched>) {
        let due = self.layers.set.layers.iter().filter_map(|layer| match &layer.kind {
            Kind::Ramp(ramp) => {
                let Touched { why } = touched(self, layer, ramp)?;
                Some((layer.id, LayerEnd::Aborted { why }))
            }
            Kind::Lease { .. } => None,
        });
        let due = due.collect();
        self.end_layers(due);
    }

    /// Configures the last weight of a ramp that has arrived, one at a time; waits for a confirm window,
    /// and tries again when it is refused.
    fn arrive(&mut self, now_ms: u64) {
        if self.under_way.is_some() || now_ms < self.layers.arrival_ms {
            return;
        }
        let arrived = self.layers.set.layers.iter().find_map(|layer| match &layer.kind {
            Kind::Ramp(ramp) if ramp.has_arrived(now_ms) => Some((layer.id, ramp.clone(), layer.clone())),
            _ => None,
        });
        let Some((id, ramp, layer)) = arrived else { return };
        if self.window.is_open() {
            self.trouble(id, "the confirm window that is open has to close first".to_owned());
            return;
        }
        let configured = self.state.config.groups.get(&ramp.backend.group);
        let configured = configured.and_then(|group| group.backends.get(&ramp.backend.backend));
        if configured.is_some_and(|backend| backend.weight == ramp.to) {
            return self.end_layers(vec![(id, LayerEnd::Arrived { revision: self.state.revision })]);
        }
        self.layers.arrival_ms = now_ms + ARRIVAL_RETRY_MS;
        let reason = match &layer.reason {
            Some(reason) => format!("ramp {id} has arrived: {reason}"),
            None => format!("ramp {id} has arrived"),
        };
        let change = Change {
            arrives: Some(id),
            ..Change::of(Source::Edits(vec![Edit::weight(&ramp.backend, ramp.to)]), layer.author, Some(reason))
        };
        let (asker, said) = tokio::sync::oneshot::channel();
        self.arrivals.spawn(async move { (id, said.await) });
        self.submit(Job::Change(change, asker));
    }

    /// Takes the answer to the commit of a ramp that has arrived.
    pub(super) fn arrived(&mut self, id: u64, said: Option<Answer>) {
        if let Some(Err(error)) = said {
            warn!(
                layer = id,
                error = error.message,
                "the last weight of a ramp cannot be configured; it is in force and tried again"
            );
            self.trouble(id, error.message);
        }
    }

    fn trouble(&mut self, id: u64, why: String) {
        if let Some(at) = self.layers.position(id)
            && let Kind::Ramp(ramp) = &mut self.layers.set.layers[at].kind
            && ramp.trouble.as_ref() != Some(&why)
        {
            ramp.trouble = Some(why);
            self.snapshot = None;
        }
    }

    /// Ends a ramp whose last weight was committed with this revision.
    pub(super) fn end_arrived(&mut self, id: u64, revision: u64) {
        let Some(layer) = self.layer_status(id) else { return };
        self.layers.arrival_ms = 0;
        self.layers.set.layers.retain(|known| known.id != id);
        self.note_end(layer, LayerEnd::Arrived { revision });
    }

    fn note_end(&mut self, layer: LayerStatus, how: LayerEnd) {
        let (id, shown) = (layer.id, values(&layer));
        match &how {
            LayerEnd::Expired => info!(layer = id, values = %shown, "layer ends: its time is over"),
            LayerEnd::Arrived { revision } => info!(layer = id, values = %shown, revision, "ramp has arrived"),
            LayerEnd::Aborted { why } => warn!(layer = id, values = %shown, why, "ramp is aborted"),
            LayerEnd::Cancelled { by } => info!(layer = id, values = %shown, user = by.user, "layer is cancelled"),
        }
        let ended = LayerEnded { layer, at_ms: self.steady_ms(), how };
        if self.layers.ended.len() == ENDED_MAX {
            self.layers.ended.pop_front();
        }
        self.layers.ended.push_back(ended.clone());
        self.tell_layer(LayerNews::Ended(ended));
    }

    fn tell_layer(&mut self, news: LayerNews) {
        self.snapshot = None;
        self.parts.bus.publish(crate::wall::now_ms(), What::Layer(Box::new(news)));
    }

    /// Lets the values of layers follow backends that have got other names.
    pub(super) fn rename_layers(&mut self, before: &Identities) {
        rename(&mut self.layers.set.layers, before, &self.state.identities);
    }

    /// Hands layers that time has changed to the store; what it does not take is offered again.
    pub(super) fn store_layers(&mut self) {
        // What is being stored has layers of its own, which may be newer.
        if self.layers.unstored && self.under_way.is_none() {
            self.layers.unstored = !self.parts.store.layers_later(Layers::body(&self.layers.set));
        }
    }

    /// The groups that trip wires look at.
    pub(super) fn groups_watched(&self) -> BTreeSet<Name> {
        self.layers.watched().chain(self.window.watched()).cloned().collect()
    }
}

/// Lets layers follow backends that have got other names. Whether that changes any.
fn rename(layers: &mut [Layer], before: &Identities, after: &Identities) -> bool {
    if layers.is_empty() {
        return false;
    }
    let names: HashMap<_, _> = after.backends.iter().map(|(path, id)| (*id, path)).collect();
    let moved = before.backends.iter().filter_map(|(from, id)| Some((from.clone(), (*names.get(id)?).clone())));
    let moved: HashMap<_, _> = moved.filter(|(from, to)| from != to).collect();
    let was = layers.to_vec();
    for layer in layers.iter_mut() {
        layer.follow(&moved);
    }
    was != *layers
}

fn values(layer: &LayerStatus) -> String {
    let values = layer.values.iter().map(|value| format!("{} = {}", value.path, value.held));
    values.collect::<Vec<_>>().join(", ")
}
