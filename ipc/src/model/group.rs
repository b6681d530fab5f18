//! Groups and their backends; how those are judged is `check`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Address, AdminState, Amount, BackendProtocol, BackendTls, Count, Damping, DrainEnd, FailOpen, HealthCheck,
};
use super::{Passive, Scheduler};
use crate::limits;
use crate::name::Name;

/// A named set of backends with its scheduler and health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How a backend is chosen (S-11).
    pub scheduler: Scheduler,
    /// How backends are probed.
    pub health_check: HealthCheck,
    /// What happens when too few backends are usable.
    pub fail_open: FailOpen,
    /// Time in which a backend that comes back grows to its weight, in milliseconds; at once if
    /// absent (behaviour.md §4.3).
    pub slow_start_ms: Option<u32>,
    /// Connections or requests that may wait while every backend is full; 0: nobody waits.
    pub queue_max: Count,
    /// How long one may wait, in milliseconds.
    pub queue_timeout_ms: u32,
    /// Backends by name.
    pub backends: BTreeMap<Name, Backend>,
    /// `http`, `https`: what is spoken to the backends.
    pub backend_protocol: BackendProtocol,
    /// `http`, `https`: TLS towards the backends.
    pub tls: BackendTls,
    /// Backends that stay usable whatever their checks, damping and ejection say (behaviour.md §3.3).
    pub min_usable: Amount,
    /// Whether backends that come and go are kept out for longer.
    pub damping: Damping,
    /// What traffic itself says of backends.
    pub passive: Passive,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::default(),
            health_check: HealthCheck::default(),
            fail_open: FailOpen::default(),
            slow_start_ms: None,
            queue_max: limits::QUEUE_DEFAULT,
            queue_timeout_ms: limits::QUEUE_TIMEOUT_MS_DEFAULT,
            backends: BTreeMap::new(),
            backend_protocol: BackendProtocol::default(),
            tls: BackendTls::default(),
            min_usable: Amount::default(),
            damping: Damping::default(),
            passive: Passive::default(),
        }
    }
}

impl Group {
    /// The same group without its backends.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { health_check: self.health_check.clone(), tls: self.tls.clone(), backends: BTreeMap::new(), ..*self }
    }
}

/// One address and port that receives traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Where it listens.
    pub address: Address,
    /// Configured weight, 0 to 1000; 0 takes no new connections or requests (S-12).
    pub weight: u16,
    /// What the operator wants of it.
    pub state: AdminState,
    /// Whether it serves only while no other backend can.
    pub backup: bool,
    /// Connections or requests it works on at once; no bound if absent.
    pub max_connections: Option<Count>,
    /// How a drain ends.
    pub drain: Drain,
}

impl Backend {
    /// An enabled backend of default weight.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            weight: limits::WEIGHT_DEFAULT,
            state: AdminState::Enabled,
            backup: false,
            max_connections: None,
            drain: Drain::default(),
        }
    }
}

/// How a drain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Time that what is open has to end by itself, in milliseconds.
    pub timeout_ms: u32,
    /// What happens then to what is left.
    pub then: DrainEnd,
}

impl Default for Drain {
    fn default() -> Self {
        Self { timeout_ms: limits::DRAIN_TIMEOUT_MS_DEFAULT, then: DrainEnd::Leave }
    }
}
