//! The configuration as the daemon needs it: typed, complete, every default filled in.
//!
//! The text that operators write (TOML, durations as `2s`) is read and printed by `text`;
//! whether a configuration makes sense as a whole is decided by `validate`. On the wire these
//! types travel as they are: durations are integers in milliseconds. Fields and variants are only
//! ever appended.

mod address;
mod check;
mod edge;
mod group;
mod listener;
mod number;
mod route;
mod tls;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use address::{Address, Bind, Network, NetworkRule};
pub use check::{Amount, CheckField, CodeRange, Damping, FailOpen, HealthCheck, Passive};
pub use edge::{
    BackendProtocol, BackendTlsMode, CookieSecure, Http2, LogFormat, RedirectTo, SameSite, TlsVersion, UnknownName,
};
pub use group::{Backend, Drain, Group};
pub use listener::{AcceptProxy, Access, Listener, ListenerLimits, Persistence};
pub use number::{Bandwidth, ByteSize, Count, Mode};
pub use route::{HeaderEdit, HeaderMatch, HostPattern, MethodName, Redirect, RedirectStatus, Route, Share};
pub use tls::{AccessLog, BackendTls, Certificate, ListenerTls, ReplyRule};
pub use words::{
    AdminState, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, ClientAddress, DrainEnd, FailOpenUse,
    FailOpenWhen, ForwardedFor, HealthLog, InitialHealth, PersistenceKind, Protocol, ProxyMode, Redispatch, Scheduler,
    Switch,
};

use crate::name::Name;

/// The desired state of the balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Listeners by name.
    pub listeners: BTreeMap<Name, Listener>,
    /// Groups by name.
    pub groups: BTreeMap<Name, Group>,
    /// Certificates by name.
    pub certificates: BTreeMap<Name, Certificate>,
}

impl Config {
    /// The group of a listener with its name, if it has one that exists.
    pub fn group_of(&self, listener: &Listener) -> Option<(&Name, &Group)> {
        self.groups.get_key_value(listener.group.as_ref()?)
    }
}
