//! What operators ask of layers, checked before anything is stored: what a lease can hold, what a ramp
//! can be, and what fits which of them.

use poise_core::layer::{Kind, Layer, Ramp};
use poise_ipc::apply::{apply, get};
use poise_ipc::edit::{Edit, backend_path};
use poise_ipc::limits;
use poise_ipc::message::{
    Author, ErrorCode, ErrorReply, LAYER_MS, LAYERS_MAX, LEASE_VALUES_MAX, LayerAct, LayerQuery, LeaseQuery, RampQuery,
    TRIPS_MAX,
};

use super::Shift;
use crate::control::ports::Ports;
use crate::control::reconcile::Reconcile;
use crate::control::reconcile::commit::{invalid, not_found};
use crate::control::reconcile::window::known_groups;

impl<P: Ports + 'static> Reconcile<P> {
    pub(super) fn lease(&self, query: LeaseQuery, author: Author) -> Result<(Shift, bool), ErrorReply> {
        let now_ms = self.steady_ms();
        self.has_room()?;
        is_span("for_ms", query.for_ms)?;
        if query.edits.is_empty() || query.edits.len() > LEASE_VALUES_MAX {
            let message = format!("a lease of {} values; allowed: 1 to {LEASE_VALUES_MAX}", query.edits.len());
            return Err(ErrorReply { path: Some("edits".into()), ..ErrorReply::new(ErrorCode::Invalid, message) });
        }
        let values = query.edits.iter().map(|edit| self.held(edit)).collect::<Result<Vec<_>, _>>()?;
        apply(self.in_force(), &query.edits).map_err(invalid)?;
        let kind = Kind::Lease { values, until_ms: now_ms + query.for_ms };
        let layer = Layer { id: self.layers.set.next.max(1), author, reason: query.reason, began_ms: now_ms, kind };
        Ok((Shift::Begin(Box::new(layer)), query.dry_run))
    }

    /// The value of an edit that a lease can hold.
    fn held(&self, edit: &Edit) -> Result<(String, String), ErrorReply> {
        let refuse = |message: String| {
            let path = Some(edit.path().to_owned());
            let error = ErrorReply { path, ..ErrorReply::new(ErrorCode::Invalid, message) };
            error.hint("a lease holds settings of groups and backends, but not address and tls; commit other changes")
        };
        let Edit::Set { path, value } = edit else {
            return Err(refuse(format!("{} cannot be removed for a time", edit.path())));
        };
        let keys: Vec<&str> = path.split('.').collect();
        let key = match keys.as_slice() {
            ["groups", _, "backends", _, key, ..] | ["groups", _, key, ..] if *key != "backends" => *key,
            _ => return Err(refuse(format!("{path} cannot be held for a time"))),
        };
        if matches!(key, "address" | "tls") {
            return Err(refuse(format!("{path} cannot be held for a time")));
        }
        let object = if keys[2] == "backends" { keys[..4].join(".") } else { keys[..2].join(".") };
        if get(&self.state.config, &object).is_none() {
            return Err(not_found(object, Vec::new()));
        }
        Ok((path.clone(), value.clone()))
    }

    pub(super) fn ramp(&self, query: RampQuery, author: Author) -> Result<(Shift, bool), ErrorReply> {
        let now_ms = self.steady_ms();
        self.has_room()?;
        is_span("over_ms", query.over_ms)?;
        let RampQuery { backend, from, to, over_ms, steps, aborts, reason, dry_run } = query;
        let group = self.state.config.groups.get(&backend.group);
        let Some(settings) = group.and_then(|group| group.backends.get(&backend.backend)) else {
            return Err(not_found(backend_path(&backend), Vec::new()));
        };
        let from = from.unwrap_or(settings.weight);
        for (path, weight) in [("from", from), ("to", to)] {
            if !limits::WEIGHT.contains(&weight) {
                let (low, high) = limits::WEIGHT.into_inner();
                return Err(out_of_range(path, &format!("a weight of {weight}; allowed: {low} to {high}")));
            }
        }
        if steps == Some(0) {
            return Err(out_of_range("steps", "0 steps; allowed: 1 and more, at most one a second"));
        }
        if aborts.len() > TRIPS_MAX {
            return Err(out_of_range("aborts", &format!("{} wires; allowed: up to {TRIPS_MAX}", aborts.len())));
        }
        known_groups(&self.state.config, &aborts)?;
        if let Some(other) =
            self.layers.set.layers.iter().find(|l| matches!(&l.kind, Kind::Ramp(r) if r.backend == backend))
        {
            let message = format!("ramp {} moves the weight of {backend} already", other.id);
            return Err(ErrorReply::new(ErrorCode::Conflict, message).hint(format!("poise layers cancel {}", other.id)));
        }
        let mut ramp = Ramp::new(backend, (from, to), over_ms, steps, now_ms);
        ramp.aborts = aborts;
        let (id, kind) = (self.layers.set.next.max(1), Kind::Ramp(ramp));
        Ok((Shift::Begin(Box::new(Layer { id, author, reason, began_ms: now_ms, kind })), dry_run))
    }

    pub(super) fn shift(&self, query: LayerQuery, author: Author) -> Result<Shift, ErrorReply> {
        let LayerQuery { id, act } = query;
        let layer = self.layers.position(id).map(|at| &self.layers.set.layers[at]).ok_or_else(|| no_layer(id))?;
        match (act, &layer.kind) {
            (LayerAct::Cancel, _) => Ok(Shift::Cancel(id, author)),
            (LayerAct::Extend { for_ms }, Kind::Lease { .. }) => {
                is_span("for_ms", for_ms)?;
                Ok(Shift::Extend(id, self.steady_ms() + for_ms))
            }
            (LayerAct::Hold, Kind::Ramp(_)) => Ok(Shift::Hold(id)),
            (LayerAct::Resume, Kind::Ramp(_)) => Ok(Shift::Resume(id)),
            (LayerAct::Extend { .. }, Kind::Ramp(_)) => {
                Err(unfit(id, "a ramp", "hold it, or cancel it and begin another"))
            }
            (LayerAct::Hold | LayerAct::Resume, Kind::Lease { .. }) => Err(unfit(id, "a lease", "extend or cancel it")),
        }
    }

    fn has_room(&self) -> Result<(), ErrorReply> {
        if self.layers.set.layers.len() < LAYERS_MAX {
            return Ok(());
        }
        let error = ErrorReply::new(ErrorCode::Busy, format!("there are {LAYERS_MAX} leases and ramps already"));
        Err(error.hint("poise layers lists them; cancel some"))
    }
}

fn is_span(path: &str, span_ms: u64) -> Result<(), ErrorReply> {
    if LAYER_MS.contains(&span_ms) {
        return Ok(());
    }
    Err(out_of_range(path, &format!("{span_ms} ms; allowed: 1s to 30d")))
}

fn out_of_range(path: &str, message: &str) -> ErrorReply {
    ErrorReply { path: Some(path.to_owned()), ..ErrorReply::new(ErrorCode::Invalid, message) }
}

pub(super) fn no_layer(id: u64) -> ErrorReply {
    ErrorReply::new(ErrorCode::NotFound, format!("there is no lease or ramp {id}")).hint("poise layers lists them")
}

fn unfit(id: u64, what: &str, hint: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::Invalid, format!("{id} is {what}")).hint(hint)
}
