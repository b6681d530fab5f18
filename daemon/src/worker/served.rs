//! What a worker has open at an address: a door of connections, or a socket of datagrams.
//!
//! It passes commands on to whichever it is.

use std::io;
use std::rc::Rc;

use super::door::Door;
use super::{Held, HeldFlow, Listening, Purpose, WorkerContext};
use crate::udp;

/// An open address; dropping it closes the socket.
pub(super) enum Served {
    /// Connections are accepted.
    Streams(Door),
    /// Datagrams are relayed.
    Datagrams(udp::Door),
}

impl Served {
    /// Starts to serve a bound, non-blocking socket.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub(super) fn open(
        ctx: &Rc<WorkerContext>,
        purpose: Purpose,
        socket: Listening,
        flows: Vec<HeldFlow>,
    ) -> io::Result<Self> {
        match socket {
            Listening::Stream(socket) => Door::open(ctx, purpose, socket).map(Self::Streams),
            Listening::Udp(socket) => udp::Door::open(ctx, purpose, socket, flows).map(Self::Datagrams),
        }
    }

    /// What another process needs to serve it. Datagrams wait from then on.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub(super) async fn hand(&self) -> io::Result<Held> {
        match self {
            Self::Streams(door) => door.hand(),
            Self::Datagrams(door) => door.hand().await,
        }
    }

    /// Nobody has taken it.
    pub(super) fn resume(&self) {
        match self {
            Self::Streams(_) => {}
            Self::Datagrams(door) => door.resume(),
        }
    }

    /// Leaves the socket, with what waits there, to another process.
    pub(super) async fn leave(self) {
        match self {
            Self::Streams(door) => door.leave().await,
            Self::Datagrams(door) => door.leave().await,
        }
    }

    /// What arrives from now on is for somebody else.
    pub(super) fn assign(&self, purpose: Purpose) {
        match self {
            Self::Streams(door) => door.assign(purpose),
            Self::Datagrams(door) => door.assign(purpose),
        }
    }

    /// Takes what the kernel has queued, then closes the socket: when this returns, it is closed.
    pub(super) async fn close(self) {
        match self {
            Self::Streams(door) => door.close().await,
            Self::Datagrams(door) => door.close().await,
        }
    }
}
