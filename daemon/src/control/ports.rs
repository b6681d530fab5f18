//! What control needs of the sockets that listeners accept on.
//!
//! `lib.rs` implements it over the data path's binder; tests implement it in memory. Preparing
//! changes nothing that runs, so a change that is refused later leaves no trace.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;

use poise_core::plan::ListenerId;
use poise_ipc::Name;
use poise_ipc::model::{Bind, Listener};

/// The listeners of a configuration by identity.
pub type Wanted = BTreeMap<ListenerId, Want>;

/// What is wanted of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Its name, for errors.
    pub name: Name,
    /// Its settings: where it accepts (with port 0 the kernel chooses once), and how.
    pub settings: Listener,
}

/// An address that cannot be bound, or a way of using it that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener} cannot {} {address}", self.verb())]
pub struct PortError {
    /// The listener that wants it.
    pub listener: Name,
    /// Key of the setting that asks for it.
    pub setting: &'static str,
    /// The address.
    pub address: Bind,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl PortError {
    fn verb(&self) -> &'static str {
        match self.setting {
            "bind" => "accept on",
            "replies" => "have its replies, on",
            "access_log" => "keep its access log, on",
            _ => "speak from its clients' addresses on",
        }
    }
}

/// The sockets that listeners accept on.
pub trait Ports {
    /// Sockets that are bound but not used yet; dropping them closes them.
    type Prepared;

    /// Binds what is wanted and not yet bound.
    ///
    /// # Errors
    /// [`PortError`] for the first address that cannot be bound; what runs is untouched.
    fn prepare(&mut self, wanted: &Wanted) -> Result<Self::Prepared, PortError>;

    /// Accepts on prepared sockets from now on and closes those no longer wanted.
    fn commit(&mut self, prepared: Self::Prepared) -> impl Future<Output = ()>;

    /// The real address of a listener, where the configured port is 0.
    fn address(&self, listener: ListenerId) -> Option<Bind>;

    /// Another process has the sockets from now on: what they leave behind on the disk stays.
    fn leave(&mut self);

    /// The address that connections to `to` come from; none without a route.
    fn source(&self, to: IpAddr) -> Option<IpAddr>;
}
