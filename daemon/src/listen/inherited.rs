//! Sockets that another process has bound: the one before at an upgrade, or the one that starts us.
//!
//! They are the very sockets that clients wait in, so nothing is bound, and nobody is refused, where
//! one of them has the address that a listener wants. Who handed them over says how.

use std::io;
use std::path::Path;
use std::sync::Arc;

use poise_core::plan::ListenerId;
use poise_ipc::model::{Bind, Mode};
use poise_ipc::transport::file::SocketFile;

use super::{Binder, Fresh, Place};
use crate::worker::{HeldFlow, Listening, Purpose};

/// The sockets of one address.
#[derive(Debug)]
pub struct Inherited {
    /// The listener that it was for, where that is known.
    pub listener: Option<ListenerId>,
    /// Its address as it was configured.
    pub bind: Bind,
    /// The real one.
    pub address: Bind,
    /// Whether `[::]` takes IPv4 too.
    pub dual: bool,
    /// The sockets, with the flows that are open through them.
    pub sockets: Vec<(Listening, Vec<HeldFlow>)>,
}

impl Inherited {
    fn is_stream(&self) -> bool {
        matches!(self.sockets.first(), Some((Listening::Stream(_), _)))
    }

    /// Whether a listener can have it. Port 0 asks for a port of its own, which is known by the listener.
    fn serves(&self, purpose: &Purpose) -> bool {
        let is_same = self.listener == Some(purpose.listener) && self.bind == purpose.bind;
        let is_there = self.address == purpose.bind;
        (is_same || is_there) && self.dual == purpose.dual && self.is_stream() == purpose.protocol.is_stream()
    }
}

impl Binder {
    /// The inherited sockets for a listener, if there are some.
    pub(super) fn claim(&mut self, purpose: &Purpose, mode: Mode) -> io::Result<Option<Fresh>> {
        let workers = self.workers.len();
        let Some(inherited) = self.inherited.iter_mut().find(|inherited| inherited.serves(purpose)) else {
            return Ok(None);
        };
        // The first descriptors stay until it is known that they are used.
        let mut sockets = Vec::with_capacity(workers);
        for (socket, flows) in &mut inherited.sockets {
            sockets.push((socket.share()?, std::mem::take(flows)));
        }
        // One queue for all workers, where there is one socket. Of datagrams it has to be one worker's.
        while purpose.protocol.is_stream() && sockets.len() < workers {
            let socket = inherited.sockets[sockets.len() % inherited.sockets.len()].0.share()?;
            sockets.push((socket, Vec::new()));
        }
        let file = match &inherited.address {
            Bind::Unix(path) => SocketFile::of(Path::new(path)).ok().map(Arc::new),
            Bind::Ip(_) => None,
        };
        let place = Place { address: inherited.address.clone(), file, mode };
        Ok(Some(Fresh { purpose: purpose.clone(), place, sockets }))
    }

    /// Closes what nobody has claimed.
    pub(super) fn forgo(&mut self) {
        for Inherited { address, .. } in std::mem::take(&mut self.inherited) {
            if !self.doors.values().any(|opened| opened.place.address == address) {
                tracing::warn!(%address, "a socket was handed over that no listener wants");
            }
        }
    }
}
