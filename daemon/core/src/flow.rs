//! Flows: which datagrams belong together, where they go, and when that ends.
//!
//! UDP has no connections, so a listener makes its own: what comes from one client address and
//! port goes to one backend, and what that one answers goes back. [`Table`] holds the flows of one
//! listening socket as inputs and outputs: datagrams, refusals and time come in, and what to open,
//! forward, drop or close goes out. It owns no socket, reads no clock and chooses no backend; the
//! daemon's `udp` does what it says.

mod key;
mod slots;
mod table;

use poise_ipc::cause::Cause;

use crate::plan::BackendId;

pub use key::Key;
pub use table::Table;

/// A flow while it goes to one backend. A flow that moves is another from then on, so what still
/// comes from the backend before is known as stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    slot: u32,
    turn: u32,
}

impl FlowId {
    /// Its place: below the most flows that were ever open at once, and given again when the flow
    /// is closed.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// What holds for all flows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Silence in both directions that closes a flow, in milliseconds.
    pub idle_timeout_ms: u32,
    /// Replies after which a flow is closed; 0 for any number.
    pub replies_max: u16,
    /// Flows that the table may hold, below `u32::MAX`. Nobody is thrown out when it falls below
    /// what is held.
    pub flows_max: usize,
    /// Number of the plan: with another one every flow's backend is judged again.
    pub generation: u64,
}

/// Judges backends for a table.
pub trait Guide {
    /// Whether a flow may stay with the backend that it has.
    fn keeps(&mut self, backend: BackendId) -> bool;

    /// The backend for a new flow of this client, or, with `lost`, for one that is to leave that
    /// backend; the same one again if there is no other.
    ///
    /// # Errors
    /// Why there is none.
    fn choose(&mut self, key: &Key, lost: Option<BackendId>) -> Result<BackendId, Cause>;
}

/// What becomes of a datagram of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes on in this flow.
    Forward(FlowId),
    /// It opens a flow: connect to this backend, then forward it.
    Open(FlowId, BackendId),
    /// Its flow leaves a backend that cannot be used: connect to this one instead, then forward it.
    Move(FlowId, BackendId),
    /// It goes nowhere.
    Drop(Cause),
}

/// What becomes of datagrams of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replies {
    /// So many, the first ones, go to the client.
    pub count: usize,
    /// The flow is closed with them.
    pub ends: bool,
}

/// A flow as another process has known it, or is to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who talks.
    pub key: Key,
    /// With whom.
    pub backend: BackendId,
    /// How long nothing has passed, in milliseconds.
    pub idle_ms: u64,
    /// Replies so far.
    pub replies: u32,
    /// The client spoke last.
    pub owed: bool,
}

#[cfg(test)]
mod tests;
