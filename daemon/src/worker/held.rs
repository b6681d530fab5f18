//! What a worker has open, on its way to or from another process.
//!
//! The descriptors are further ones of the same sockets: what waits to be accepted stays where it is. It
//! says nothing about how they travel.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use poise_core::flow::Known;
use poise_ipc::model::Bind;

use super::{Accepting, Listening, Purpose};

/// An open door.
#[derive(Debug)]
pub struct Held {
    /// Whom it is for.
    pub purpose: Purpose,
    /// The real address.
    pub address: Bind,
    /// A further descriptor of its socket.
    pub socket: Listening,
    /// The flows that are open through it, the one that was silent for longest first.
    pub flows: Vec<HeldFlow>,
}

/// An open flow.
#[derive(Debug)]
pub struct HeldFlow {
    /// What is known of it.
    pub known: Known,
    /// Where its backend is.
    pub target: SocketAddr,
    /// The socket that is connected to it.
    pub socket: OwnedFd,
}

impl Listening {
    /// A further descriptor of the same socket.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn share(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Stream(Accepting::Tcp(socket)) => Self::Stream(Accepting::Tcp(socket.try_clone()?)),
            Self::Stream(Accepting::Unix(socket)) => Self::Stream(Accepting::Unix(socket.try_clone()?)),
            Self::Udp(socket) => Self::Udp(socket.try_clone()?),
        })
    }
}

impl From<Listening> for OwnedFd {
    fn from(socket: Listening) -> Self {
        match socket {
            Listening::Stream(Accepting::Tcp(socket)) => socket.into(),
            Listening::Stream(Accepting::Unix(socket)) => socket.into(),
            Listening::Udp(socket) => socket.into(),
        }
    }
}
