//! The configuration as the daemon needs it: typed, complete, every default filled in.
//!
//! The text that operators write (TOML, durations as `2s`) is read and printed by `text`;
//! whether a configuration makes sense as a whole is decided by `validate`. On the wire these
//! types travel as they are: durations are integers in milliseconds. Fields and variants are only
//! ever appended.

mod address;
mod group;
mod listener;
mod number;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use address::{Address, Bind, Network, NetworkRule};
pub use group::{Backend, CodeRange, Drain, Group, HealthCheck};
pub use listener::{AcceptProxy, Access, Listener, ListenerLimits, Persistence};
pub use number::{Bandwidth, Count, Mode};
pub use words::{
    AdminState, CheckMethod, CheckProtocol, CheckProxy, ClientAddress, DrainEnd, FailOpen, ForwardedFor,
    PersistenceKind, Protocol, ProxyMode, Redispatch, Scheduler,
};

use crate::name::Name;

/// The desired state of the balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Listeners by name.
    pub listeners: BTreeMap<Name, Listener>,
    /// Groups by name.
    pub groups: BTreeMap<Name, Group>,
}
