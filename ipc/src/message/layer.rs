//! Layers: values in force above the configured ones, by a lease or a ramp, each with its end.
//!
//! A lease holds values for a time; when it ends, what is configured then is in force again, whatever
//! was edited meanwhile. A ramp moves the weight of a backend in steps and configures it when it
//! arrives. Of two layers on one value the one begun later is in force.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Author, Trip};
use crate::edit::Edit;
use crate::name::BackendPath;

/// Time of a lease or a ramp, in milliseconds: 1 s to 30 days.
pub const LAYER_MS: RangeInclusive<u64> = 1_000..=2_592_000_000;
/// Layers at once.
pub const LAYERS_MAX: usize = 256;
/// Values of one lease.
pub const LEASE_VALUES_MAX: usize = 256;
/// Layers that have ended and are still told of.
pub const ENDED_MAX: usize = 64;
/// The shortest time between two steps of a ramp, in milliseconds.
pub const RAMP_STEP_MS_MIN: u64 = 1_000;

/// Values to hold for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseQuery {
    /// The values, each of a setting that is there: of a group or a backend, but not an address,
    /// which would be another backend, and not `tls`.
    pub edits: Vec<Edit>,
    /// For how long, [`LAYER_MS`].
    pub for_ms: u64,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Validate and compute only.
    #[serde(default)]
    pub dry_run: bool,
}

/// A weight to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RampQuery {
    /// The backend.
    pub backend: BackendPath,
    /// The weight that it begins with; the configured one when absent.
    #[serde(default)]
    pub from: Option<u16>,
    /// The weight that is configured when it arrives.
    pub to: u16,
    /// Over what time, [`LAYER_MS`].
    pub over_ms: u64,
    /// In how many steps; when absent as many as there are weights, at most one a second.
    #[serde(default)]
    pub steps: Option<u32>,
    /// What ends it before, with the configured weight in force again.
    #[serde(default)]
    pub aborts: Vec<Trip>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Validate and compute only.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is asked of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerAct {
    /// End it: what is configured is in force again.
    Cancel,
    /// Give it more time, from now on, in milliseconds: leases.
    Extend {
        /// The time left from now on, [`LAYER_MS`].
        for_ms: u64,
    },
    /// Stay at the weight of now: ramps.
    Hold,
    /// Go on from there: ramps.
    Resume,
}

/// A question to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerQuery {
    /// Its number.
    pub id: u64,
    /// What is asked of it.
    pub act: LayerAct,
}

/// A layer with what it does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerStatus {
    /// Its number, never given twice.
    pub id: u64,
    /// The values that it holds.
    pub values: Vec<LayerValue>,
    /// Who began it.
    pub author: Author,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// When it began, in milliseconds since the epoch.
    pub began_ms: u64,
    /// When it ends, in milliseconds since the epoch; of a ramp that is held, if it went on now.
    pub until_ms: u64,
    /// What a ramp does; none for a lease.
    pub ramp: Option<RampStatus>,
    /// Why it is not in force: what it is about is gone, or the configuration would be invalid with it.
    pub idle: Option<String>,
}

/// A value of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerValue {
    /// Its path.
    pub path: String,
    /// What is configured, and in force again when the layer ends; none where nothing is.
    pub configured: Option<String>,
    /// What the layer holds.
    pub held: String,
    /// What is in force: another value when a layer that was begun later holds this one too.
    pub in_force: Option<String>,
}

/// A ramp under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RampStatus {
    /// The backend.
    pub backend: BackendPath,
    /// The weight that it began with.
    pub from: u16,
    /// The weight that it leads to.
    pub to: u16,
    /// The weight of this step.
    pub weight: u16,
    /// Steps done.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// When the next step is due, in milliseconds since the epoch; none while it is held.
    pub next_ms: Option<u64>,
    /// Whether it is held.
    pub held: bool,
    /// What ends it before.
    pub aborts: Vec<Trip>,
    /// Why its last weight is not configured yet, after it has arrived.
    pub trouble: Option<String>,
}

/// How a layer came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerEnd {
    /// Its time was over.
    Expired,
    /// The ramp has configured its last weight, with this revision.
    Arrived {
        /// The revision.
        revision: u64,
    },
    /// A wire of the ramp was touched.
    Aborted {
        /// Which, and what was measured.
        why: String,
    },
    /// Somebody ended it.
    Cancelled {
        /// Who.
        by: Author,
    },
}

/// A layer that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerEnded {
    /// The layer, as it was last.
    pub layer: LayerStatus,
    /// When it ended, in milliseconds since the epoch.
    pub at_ms: u64,
    /// How.
    pub how: LayerEnd,
}

/// News of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerNews {
    /// It began.
    Began(LayerStatus),
    /// It was extended, held or resumed, or a ramp has made a step.
    Changed(LayerStatus),
    /// It ended.
    Ended(LayerEnded),
}
