//! The sockets of flows: opened for a backend, kept while that is where it was.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use poise_core::flow::{FlowId, Key};
use poise_core::live::Inflight;
use poise_core::plan::{BackendId, BackendPlan, ListenerPlan};
use poise_ipc::cause::Cause;

use super::Engine;
use crate::loops::{Caller, Passage};
use crate::proxy::datagram_header;
use crate::shortage::is_shortage;
use crate::transparent::is_of_source;
use crate::udp::conduit::{Conduit, Order};

impl Engine {
    /// Sees to it that a flow's socket goes to where its backend is now.
    pub(super) fn follow_backend(&mut self, flow: FlowId, key: &Key) -> io::Result<()> {
        let (generation, listener) = (self.generation, self.listener.as_ref());
        let conduit = self.conduits.get_mut(flow.slot()).and_then(Option::as_mut).ok_or(io::ErrorKind::NotConnected)?;
        if conduit.generation == generation {
            return Ok(());
        }
        let backend = listener.and_then(|listener| listener.group.backend(conduit.backend));
        let backend = backend.ok_or(io::ErrorKind::NotFound)?;
        if backend.target.ip() == Some(conduit.target) {
            conduit.generation = generation;
            return Ok(());
        }
        let (id, slot) = (backend.id, Inflight::start(backend));
        self.connect(flow, key, id, slot)
    }

    /// Opens a socket for a flow, in the place of the one that it may have.
    pub(super) fn connect(&mut self, flow: FlowId, key: &Key, backend: BackendId, slot: Inflight) -> io::Result<()> {
        self.conduits[flow.slot()] = None;
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let backend = listener.group.backend(backend).ok_or(io::ErrorKind::NotFound)?;
        let order = Order {
            flow,
            key: *key,
            backend,
            target: backend.target.ip().ok_or(io::ErrorKind::Unsupported)?,
            from: listener.speaks_from(key.client),
            header: self.reached(key).and_then(|reached| datagram_header(listener, key.client, reached)),
            passage: self.passage(listener, backend, key),
            generation: self.generation,
            worker: self.ctx.index,
            slot,
        };
        let opened = Conduit::open(order, self.ctx.loops.dials(), self.ready.waker(flow.slot()));
        let opened = opened.inspect_err(|error| {
            if self.own_fault(error, key).is_none() {
                backend.live.worker(self.ctx.index).connect_failures.add(1);
            }
        });
        self.conduits[flow.slot()] = Some(opened?);
        Ok(())
    }

    /// The cause of an error that is no backend's doing, so that no other need be tried.
    pub(super) fn own_fault(&self, error: &io::Error, key: &Key) -> Option<Cause> {
        let speaks_from = || self.listener.as_ref()?.speaks_from(key.client);
        if is_shortage(error) {
            return Some(Cause::FlowLimit);
        }
        (is_of_source(error) && speaks_from().is_some()).then_some(Cause::TransparentFailed)
    }

    /// Where a client sent its datagrams.
    fn reached(&self, key: &Key) -> Option<SocketAddr> {
        let own = self.address.ip()?;
        Some(SocketAddr::new(key.local.unwrap_or(own.ip()), own.port()))
    }

    /// The way of a flow to a backend that is one of our own listeners.
    pub(super) fn passage(&self, listener: &ListenerPlan, backend: &Arc<BackendPlan>, key: &Key) -> Option<Passage> {
        let loops = &self.ctx.loops;
        let leads_home = loops.datagrams_lead_home(backend.target.ip()?, self.ctx.clock.now_ms());
        leads_home.then(|| {
            let before = loops.dials().passage(&Caller::udp(key.client));
            let mut listeners = before.map(|before| before.listeners.clone()).unwrap_or_default();
            listeners.push(listener.id);
            Passage { listeners, backend: backend.id }
        })
    }
}
