//! The plan: the immutable runtime form compiled from config and health.
//!
//! Published once, read by every worker without a lock. A change recompiles the group it touches;
//! the rest is shared with the plan before. It decides nothing about sockets.

mod compile;
mod group;
mod identity;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, ForwardedFor, HealthCheck, Protocol, Scheduler};
use poise_ipc::status::Health;

pub use compile::{Compile, compile};
pub use identity::{BackendId, Identities, ListenerId};

use crate::live::{BackendLive, ListenerLive};
use crate::persistence::PersistencePlan;
use crate::schedule::{Shares, Turn, Walk};

/// The immutable runtime form of the configuration.
#[derive(Debug, Default)]
pub struct Plan {
    /// Number of the plan.
    pub generation: u64,
    /// Revision of the configuration that it was compiled from.
    pub revision: u64,
    /// Listeners by identity.
    pub listeners: HashMap<ListenerId, Arc<ListenerPlan>>,
    /// Groups, sorted by name.
    pub groups: Vec<Arc<GroupPlan>>,
}

impl Plan {
    /// A group by name.
    pub fn group(&self, name: &Name) -> Option<&Arc<GroupPlan>> {
        self.groups.binary_search_by(|group| group.name.cmp(name)).ok().map(|at| &self.groups[at])
    }
}

/// A listener of the plan.
#[derive(Debug)]
pub struct ListenerPlan {
    /// Its identity.
    pub id: ListenerId,
    /// Its name.
    pub name: Name,
    /// The configured address.
    pub bind: SocketAddr,
    /// What it speaks.
    pub protocol: Protocol,
    /// The group that receives the traffic.
    pub group: Arc<GroupPlan>,
    /// Silence that ends a connection, in milliseconds.
    pub idle_timeout_ms: u32,
    /// Time to reach a backend, in milliseconds.
    pub connect_timeout_ms: u32,
    /// Silence of a backend that ends in 504, in milliseconds.
    pub response_timeout_ms: u32,
    /// What happens to `X-Forwarded-For`.
    pub forwarded_for: ForwardedFor,
    /// How it remembers its clients.
    pub persistence: PersistencePlan,
    /// Its counters.
    pub live: Arc<ListenerLive>,
}

/// A group of the plan.
#[derive(Debug)]
pub struct GroupPlan {
    /// Its name.
    pub name: Name,
    /// How a backend is chosen.
    pub scheduler: Scheduler,
    /// How its backends are probed.
    pub health_check: HealthCheck,
    /// Whether backends are used although all are down.
    pub failing_open: bool,
    /// Its backends, sorted by name.
    pub backends: Vec<Arc<BackendPlan>>,
    /// Positions of the backends by identity, sorted.
    pub(crate) by_id: Box<[(BackendId, u16)]>,
    /// What to say when nobody is eligible.
    pub(crate) none: Cause,
    /// Shares of the backends that take new work.
    pub(crate) shares: Shares,
    /// The shared sequence of picks; groups of later plans share it while no weight changes.
    pub(crate) walk: Arc<Walk>,
    /// The cursor of choices beside that sequence.
    pub(crate) turn: Arc<Turn>,
}

/// A backend of the plan.
#[derive(Debug)]
pub struct BackendPlan {
    /// Its identity.
    pub id: BackendId,
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// Configured weight.
    pub weight: u16,
    /// Weight after health and admin state; 0 takes nothing new.
    pub effective_weight: u32,
    /// Whether clients that persistence binds to it may still come.
    pub accepts_pinned: bool,
    /// What the operator wants of it.
    pub state: AdminState,
    /// What the probes say.
    pub health: Health,
    /// Its counters.
    pub live: Arc<BackendLive>,
}

/// The outcome of a choice.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// This one.
    Backend(&'a Arc<BackendPlan>),
    /// None, because of this: [`Cause::NoBackend`] or [`Cause::AllDown`].
    NoneEligible(Cause),
}

#[cfg(test)]
mod tests;
