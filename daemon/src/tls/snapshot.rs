//! What control has published about TLS: what handshakes go by, for the workers and the probes.
//!
//! Replaced as a whole and read without a lock. A connection keeps what it began with.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use poise_core::plan::{ListenerId, TlsStamp};

use super::{ClientTls, ServerTls};

/// A reader's end; the writer is `keeper`.
#[derive(Clone, Debug, Default)]
pub struct Published(Arc<ArcSwap<Snapshot>>);

#[derive(Debug, Default)]
struct Snapshot {
    listeners: HashMap<ListenerId, Arc<ServerTls>>,
    clients: Clients,
    /// Those of before, for whoever still holds the plan of before.
    earlier: Clients,
}

/// What connections to backends go by.
pub(super) type Clients = HashMap<TlsStamp, Arc<ClientTls>>;

impl Published {
    /// What the handshakes of a listener go by.
    pub(crate) fn listener(&self, listener: ListenerId) -> Option<Arc<ServerTls>> {
        self.0.load().listeners.get(&listener).cloned()
    }

    /// What every listener goes by.
    #[cfg(test)]
    pub(crate) fn listeners(&self) -> HashMap<ListenerId, Arc<ServerTls>> {
        self.0.load().listeners.clone()
    }

    /// What the connections to the backends of a group go by.
    pub(crate) fn client(&self, stamp: TlsStamp) -> Option<Arc<ClientTls>> {
        let snapshot = self.0.load();
        snapshot.clients.get(&stamp).or_else(|| snapshot.earlier.get(&stamp)).cloned()
    }

    /// Replaces everything. To be called before the plan that needs it is published.
    pub(super) fn replace(&self, listeners: HashMap<ListenerId, Arc<ServerTls>>, clients: Clients) {
        let earlier = self.0.load().clients.clone();
        self.0.store(Arc::new(Snapshot { listeners, clients, earlier }));
    }
}
