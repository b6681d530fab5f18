//! What a worker has open at an address: a door of connections, or a socket of datagrams.
//!
//! It passes commands on to whichever it is.

use std::io;
use std::rc::Rc;

use super::door::Door;
use super::{Listening, Purpose, WorkerContext};
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
    pub(super) fn open(ctx: &Rc<WorkerContext>, purpose: Purpose, socket: Listening) -> io::Result<Self> {
        match socket {
            Listening::Stream(socket) => Door::open(ctx, purpose, socket).map(Self::Streams),
            Listening::Udp(socket) => udp::Door::open(ctx, purpose, socket).map(Self::Datagrams),
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
