//! Connections that poised opens to itself: known again when they arrive, refused when they go
//! round (L-06).
//!
//! Who balances to another listener of the same daemon builds a chain, which works; a connection
//! that comes back to a listener it has already passed would go round for ever. Only dials whose
//! target is one of our own listeners are kept here, so other backends pay one look-up. It opens
//! nothing: `connect` enters dials, the doors ask.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poise_core::plan::{BackendId, ListenerId, Target};
use poise_ipc::advice::reaches;

use crate::source::is_local;

/// Shards of the open dials: workers rarely meet in one.
const SHARDS: usize = 16;
/// How long it is believed whether an address is of this host, in milliseconds.
const LOCAL_MS: u64 = 10_000;
/// Addresses of which a worker remembers that; when there are more it begins anew.
const LOCAL_MAX: usize = 4_096;

/// Where poised listens.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Addresses by port: each with whether it takes IPv4 besides IPv6.
    ports: HashMap<u16, Vec<(SocketAddr, bool)>>,
    /// The same of those that take datagrams.
    datagram_ports: HashMap<u16, Vec<(SocketAddr, bool)>>,
    /// Unix sockets.
    paths: Vec<String>,
}

/// How a connection names itself to the one it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Its local address.
    Ip(SocketAddr),
    /// The local address of a flow's socket.
    Udp(SocketAddr),
    /// Its abstract name.
    Unix(Vec<u8>),
}

/// The way that a connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The listeners that it has passed, the first one first. Each at most once, so there are never
    /// more than there are listeners.
    pub listeners: Vec<ListenerId>,
    /// The backend of the last of them that it was opened to.
    pub backend: BackendId,
}

/// The open connections of poised to itself, shared by all workers.
#[derive(Debug, Default)]
pub struct Dials {
    open_count: AtomicUsize,
    shards: [Mutex<HashMap<Caller, Arc<Passage>>>; SHARDS],
}

/// An open connection of poised to itself; it is known while this lives.
#[derive(Debug)]
pub struct Passing {
    dials: Arc<Dials>,
    caller: Caller,
}

/// What a worker knows of loops.
#[derive(Debug)]
pub struct Loops {
    own: RefCell<Arc<Own>>,
    dials: Arc<Dials>,
    local: RefCell<HashMap<IpAddr, (bool, u64)>>,
}

impl Caller {
    /// An address, where one of IPv4 in the clothes of IPv6 is the same as without them.
    pub fn ip(address: SocketAddr) -> Self {
        Self::Ip(canonical(address))
    }

    /// The same of a flow.
    pub fn udp(address: SocketAddr) -> Self {
        Self::Udp(canonical(address))
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Own {
    /// Adds an address that takes datagrams; `dual` as in [`Own::add_ip`].
    pub fn add_udp(&mut self, address: SocketAddr, dual: bool) {
        self.datagram_ports.entry(address.port()).or_default().push((address, dual));
    }

    /// Adds an address; `dual` when it takes IPv4 besides IPv6.
    pub fn add_ip(&mut self, address: SocketAddr, dual: bool) {
        self.ports.entry(address.port()).or_default().push((address, dual));
    }

    /// Adds a Unix socket.
    pub fn add_unix(&mut self, path: &str) {
        self.paths.push(path.to_owned());
    }

    fn holds(&self, target: &Target, is_local: impl Fn(IpAddr) -> bool) -> bool {
        match target {
            Target::Ip(address) => reach(&self.ports, *address, is_local),
            Target::Unix(path) => self.paths.iter().any(|own| **path == **own),
            Target::Unresolved => false,
        }
    }
}

/// Whether an address is one of these.
fn reach(
    ports: &HashMap<u16, Vec<(SocketAddr, bool)>>,
    address: SocketAddr,
    is_local: impl Fn(IpAddr) -> bool,
) -> bool {
    let own = ports.get(&address.port());
    own.is_some_and(|own| own.iter().any(|&(bind, dual)| reaches(address, bind, dual, &is_local)))
}

impl Dials {
    /// The way of the connection that names itself so, if poised has opened it.
    pub fn passage(&self, caller: &Caller) -> Option<Arc<Passage>> {
        if self.open_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.shard(caller).get(caller).cloned()
    }

    /// Makes a connection known, which must happen before it is opened: it may arrive at once.
    pub fn enter(self: &Arc<Self>, caller: Caller, passage: Passage) -> Passing {
        self.open_count.fetch_add(1, Ordering::AcqRel);
        self.shard(&caller).insert(caller.clone(), Arc::new(passage));
        Passing { dials: Arc::clone(self), caller }
    }

    fn shard(&self, caller: &Caller) -> MutexGuard<'_, HashMap<Caller, Arc<Passage>>> {
        let number = match caller {
            Caller::Ip(address) | Caller::Udp(address) => usize::from(address.port()),
            Caller::Unix(name) => name.iter().map(|&byte| usize::from(byte)).sum(),
        };
        // A panic elsewhere cannot have left a map half changed.
        self.shards[number % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.dials.shard(&self.caller).remove(&self.caller);
        self.dials.open_count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Loops {
    /// Beside the other workers that share these dials.
    pub fn new(dials: Arc<Dials>) -> Self {
        Self { own: RefCell::default(), dials, local: RefCell::default() }
    }

    /// From now on poised listens there.
    pub fn set_own(&self, own: Arc<Own>) {
        self.own.replace(own);
    }

    /// The open connections of poised to itself.
    pub const fn dials(&self) -> &Arc<Dials> {
        &self.dials
    }

    /// Whether connections to a target come back to poised itself.
    pub fn leads_home(&self, target: &Target, now_ms: u64) -> bool {
        self.own.borrow().holds(target, |address| self.is_local(address, now_ms))
    }

    /// The same for datagrams.
    pub fn datagrams_lead_home(&self, target: SocketAddr, now_ms: u64) -> bool {
        reach(&self.own.borrow().datagram_ports, target, |address| self.is_local(address, now_ms))
    }

    /// The way of a connection that has passed this listener before and must not pass it again.
    pub fn goes_round(&self, listener: ListenerId, caller: &Caller) -> Option<Arc<Passage>> {
        self.dials.passage(caller).filter(|passage| passage.listeners.contains(&listener))
    }

    fn is_local(&self, address: IpAddr, now_ms: u64) -> bool {
        let mut known = self.local.borrow_mut();
        if known.len() >= LOCAL_MAX {
            known.clear();
        }
        let (local, until_ms) = known.entry(address).or_insert((false, 0));
        if *until_ms <= now_ms {
            (*local, *until_ms) = (is_local(address), now_ms + LOCAL_MS);
        }
        *local
    }
}

#[cfg(test)]
mod tests;
