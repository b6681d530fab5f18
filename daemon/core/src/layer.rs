//! Layers: leases and ramps above the configured values.
//!
//! Layers never change the configuration: what is in force is the configuration with the values of
//! all layers set on it, those begun later on top. So whatever is edited below a layer is in force
//! when it ends. Time is an argument, in milliseconds since the epoch. Control keeps and stores them.

mod ramp;

use std::collections::HashMap;

use poise_ipc::apply::{apply, get};
use poise_ipc::edit::{Edit, backend_path, setting_path};
use poise_ipc::message::{Author, LayerStatus, LayerValue};
use poise_ipc::{BackendPath, Config};
use serde::{Deserialize, Serialize};

pub use ramp::Ramp;

#[cfg(test)]
mod tests;

/// A lease or a ramp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its number, never given twice.
    pub id: u64,
    /// Who began it.
    pub author: Author,
    /// Why.
    pub reason: Option<String>,
    /// When it began.
    pub began_ms: u64,
    /// What it does.
    pub kind: Kind,
}

/// What a layer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Holds values until a moment.
    Lease {
        /// Path and value, as an edit has them.
        values: Vec<(String, String)>,
        /// When it ends.
        until_ms: u64,
    },
    /// Moves a weight.
    Ramp(Ramp),
}

impl Layer {
    /// When it ends; of a ramp that is held, if it went on now.
    pub fn until_ms(&self, now_ms: u64) -> u64 {
        match &self.kind {
            Kind::Lease { until_ms, .. } => *until_ms,
            Kind::Ramp(ramp) => ramp.until_ms(now_ms),
        }
    }

    /// Path and value of what it holds now.
    pub fn values(&self, now_ms: u64) -> Vec<(String, String)> {
        match &self.kind {
            Kind::Lease { values, .. } => values.clone(),
            Kind::Ramp(ramp) => vec![(setting_path(&ramp.backend, "weight"), ramp.weight(now_ms).to_string())],
        }
    }

    fn edits(&self, now_ms: u64) -> Vec<Edit> {
        self.values(now_ms).into_iter().map(|(path, value)| Edit::set(path, value)).collect()
    }

    /// Lets its values follow backends that have got other names.
    pub fn follow(&mut self, moved: &HashMap<BackendPath, BackendPath>) {
        match &mut self.kind {
            Kind::Ramp(ramp) => {
                if let Some(to) = moved.get(&ramp.backend) {
                    ramp.backend = to.clone();
                }
            }
            Kind::Lease { values, .. } => {
                for (path, _) in values {
                    if let Some((backend, rest)) = split(path)
                        && let Some(to) = moved.get(&backend)
                    {
                        *path = format!("{}.{rest}", backend_path(to));
                    }
                }
            }
        }
    }
}

/// The backend whose setting stands at a path, and the rest of the path.
fn split(path: &str) -> Option<(BackendPath, &str)> {
    let mut keys = path.splitn(5, '.');
    let ("groups", group, "backends", name, rest) =
        (keys.next()?, keys.next()?, keys.next()?, keys.next()?, keys.next()?)
    else {
        return None;
    };
    Some((BackendPath::new(group.parse().ok()?, name.parse().ok()?), rest))
}

/// What is in force: the configuration with the layers that can be, and why the others cannot, in
/// the order of the layers.
pub fn in_force(config: &Config, layers: &[Layer], now_ms: u64) -> (Config, Vec<Option<String>>) {
    let all: Vec<Edit> = layers.iter().flat_map(|layer| layer.edits(now_ms)).collect();
    if let Ok(outcome) = apply(config, &all) {
        return (outcome, vec![None; layers.len()]);
    }
    let mut outcome = config.clone();
    let idle = layers.iter().map(|layer| match apply(&outcome, &layer.edits(now_ms)) {
        Ok(with) => {
            outcome = with;
            None
        }
        Err(faults) => Some(faults.first().map_or_else(String::new, ToString::to_string)),
    });
    let idle = idle.collect();
    (outcome, idle)
}

/// Layers as the protocol tells them, with what is configured and what is in force.
pub fn statuses(
    layers: &[Layer],
    idle: &[Option<String>],
    configured: &Config,
    in_force: &Config,
    now_ms: u64,
) -> Vec<LayerStatus> {
    let status = |(layer, idle): (&Layer, &Option<String>)| LayerStatus {
        id: layer.id,
        values: layer.values(now_ms).into_iter().map(|value| shown(value, configured, in_force)).collect(),
        author: layer.author.clone(),
        reason: layer.reason.clone(),
        began_ms: layer.began_ms,
        until_ms: layer.until_ms(now_ms),
        ramp: match &layer.kind {
            Kind::Lease { .. } => None,
            Kind::Ramp(ramp) => Some(ramp.status(now_ms)),
        },
        idle: idle.clone(),
    };
    layers.iter().zip(idle).map(status).collect()
}

fn shown((path, held): (String, String), configured: &Config, in_force: &Config) -> LayerValue {
    LayerValue { configured: get(configured, &path), in_force: get(in_force, &path), held, path }
}
