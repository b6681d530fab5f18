//! The plan: the immutable runtime form compiled from config and health.
//!
//! Published once, read by every worker without a lock. A change recompiles the group it touches;
//! the rest is shared with the plan before. It decides nothing about sockets.

mod compile;
mod group;
mod identity;
mod routes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::cause::Cause;
use poise_ipc::model::{
    Address, AdminState, Backend, BackendProtocol, ClientAddress, Group, Listener, Protocol, Scheduler,
};

pub use compile::{Compile, compile};
pub(crate) use group::{standing_of, takes_new};
pub use identity::{BackendId, Identities, ListenerId, TlsStamp};

use crate::access::AccessPlan;
use crate::health::Standing;
use crate::health::policy::Use;
use crate::http::bounds::Bounds;
use crate::http::forwarded::Forwarding;
use crate::limit::Limiter;
use crate::live::{BackendLive, Cuts, GroupLive, Leaving, ListenerLive};
use crate::persistence::PersistencePlan;
use crate::queue::Queue;
use crate::route::Routes;
use crate::schedule::{Loads, Rendezvous, Shares, Turn, Walk};

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
    /// Counts the drains that cut what is open; all plans share it.
    pub cuts: Arc<Cuts>,
}

impl Plan {
    /// A group by name.
    pub fn group(&self, name: &Name) -> Option<&Arc<GroupPlan>> {
        self.groups.binary_search_by(|group| group.name.cmp(name)).ok().map(|at| &self.groups[at])
    }

    /// The group that holds a backend.
    pub(crate) fn group_of(&self, backend: BackendId) -> Option<&Arc<GroupPlan>> {
        self.groups.iter().find(|group| group.backend(backend).is_some())
    }

    /// Says what of a backend's connections has to go, from now on.
    pub fn leave(&self, backend: &BackendPlan, leaving: Leaving) {
        let before = backend.live.leave(leaving);
        if leaving > before && leaving.is_cut() {
            self.cuts.begin();
        }
    }
}

/// A listener of the plan.
#[derive(Debug)]
pub struct ListenerPlan {
    /// Its identity.
    pub id: ListenerId,
    /// Its name.
    pub name: Name,
    /// Its settings, as configured.
    pub settings: Listener,
    /// The group that receives the traffic; one without backends where the listener has none.
    pub group: Arc<GroupPlan>,
    /// How it remembers its clients.
    pub persistence: PersistencePlan,
    /// `http`, `https`: what its routes and it itself do with requests.
    pub routes: Arc<Routes>,
    /// How it learns and tells who its clients are.
    pub forwarding: Forwarding,
    /// What a head may have on it.
    pub bounds: Bounds,
    /// Who may use it.
    pub access: Arc<AccessPlan>,
    /// What is counted for its limits.
    pub limiter: Arc<Limiter>,
    /// Its counters.
    pub live: Arc<ListenerLive>,
}

/// A group of the plan.
#[derive(Debug)]
pub struct GroupPlan {
    /// Its name.
    pub name: Name,
    /// Its settings, as configured, without its backends.
    pub settings: Group,
    /// Whether too few are usable, and it does what it was told to do then.
    pub failing_open: bool,
    /// Whether the backups serve, because nobody else can.
    pub on_backups: bool,
    /// Those that were usable when there were last enough, sorted.
    pub(crate) good: Arc<[BackendId]>,
    /// Its backends, sorted by name.
    pub backends: Vec<Arc<BackendPlan>>,
    /// Positions of the backends by identity, sorted.
    pub(crate) by_id: Box<[(BackendId, u16)]>,
    /// What to say when nobody is eligible.
    pub(crate) none: Cause,
    /// Loads of the backends, by position.
    pub(crate) loads: Loads,
    /// Shares of the backends that take new work.
    pub(crate) shares: Shares,
    /// The shared sequence of picks; groups of later plans share it while no weight changes.
    pub(crate) walk: Arc<Walk>,
    /// The order of `hash`; plans share it while nobody comes, goes or weighs another weight.
    pub(crate) rendezvous: Option<Arc<Rendezvous>>,
    /// The cursor of choices beside that sequence.
    pub(crate) turn: Arc<Turn>,
    /// Who waits because every backend is full.
    pub queue: Arc<Queue>,
    /// Its own counters.
    pub live: Arc<GroupLive>,
}

/// A backend of the plan.
#[derive(Debug)]
pub struct BackendPlan {
    /// Its identity.
    pub id: BackendId,
    /// Its name.
    pub name: Name,
    /// Its settings, as configured.
    pub settings: Backend,
    /// Where connections to it go.
    pub target: Target,
    /// Weight after health, admin state and slow start, rounded up; 0 takes nothing new.
    pub effective_weight: u32,
    /// The same in thousandths, as schedulers compare it.
    pub(crate) weight_permille: u32,
    /// How much of its weight slow start gives it, in thousandths; `None` when it has all.
    pub ramp_permille: Option<u16>,
    /// Whether clients that persistence binds to it may still come.
    pub accepts_pinned: bool,
    /// What is known of it.
    pub standing: Standing,
    /// Why it is used, or that it is not.
    pub used: Use,
    /// What it speaks.
    pub protocol: BackendProtocol,
    /// What connections to it go by, where they are TLS.
    pub tls: Option<TlsStamp>,
    /// Its counters.
    pub live: Arc<BackendLive>,
}

/// Where connections to a backend go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address and port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(Arc<Path>),
    /// Nowhere: no answer to its name is known.
    Unresolved,
}

impl Target {
    /// Where an address leads, given the last answer to its name.
    pub fn of(address: &Address, resolved: Option<SocketAddr>) -> Self {
        match address {
            Address::Ip(address) => Self::Ip(*address),
            Address::Name { .. } => resolved.map_or(Self::Unresolved, Self::Ip),
            Address::Unix(path) => Self::Unix(Path::new(path).into()),
        }
    }

    /// The address and port, if it has one.
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) | Self::Unresolved => None,
        }
    }

    /// The same host at another port; a Unix socket stays itself.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        match self {
            Self::Ip(address) => Self::Ip(SocketAddr::new(address.ip(), port)),
            Self::Unix(_) | Self::Unresolved => self.clone(),
        }
    }
}

impl ListenerPlan {
    /// The address that its backends are to see instead of our own.
    pub fn speaks_from(&self, client: SocketAddr) -> Option<SocketAddr> {
        let transparent = self.settings.client_address == ClientAddress::Transparent;
        // A client behind a Unix socket has none.
        (transparent && !client.ip().is_unspecified()).then_some(client)
    }

    /// What it speaks.
    pub const fn protocol(&self) -> Protocol {
        self.settings.protocol
    }
}

impl GroupPlan {
    /// What to say when nobody takes new work.
    pub const fn refusal(&self) -> Cause {
        self.none
    }

    /// How a backend is chosen.
    pub const fn scheduler(&self) -> Scheduler {
        self.settings.scheduler
    }
}

impl BackendPlan {
    /// What the operator wants of it.
    pub const fn state(&self) -> AdminState {
        self.settings.state
    }

    /// Whether clients that persistence binds to it may come now: the plan lets them, and no drain
    /// has begun to cut what is open.
    pub fn takes_pinned(&self) -> bool {
        self.accepts_pinned && !self.live.leaving().is_cut()
    }
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
