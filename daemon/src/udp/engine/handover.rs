//! Flows on their way to another process, and from one.
//!
//! The sockets go with them: a backend sees no other source, and what it has answered meanwhile waits
//! in them.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;

use poise_core::live::Inflight;

use super::Engine;
use crate::admit::admit;
use crate::udp::conduit::{Conduit, Order};
use crate::worker::{Held, HeldFlow, Listening};

impl Engine {
    /// Answers who asks for what is open, and pauses.
    pub(super) fn hand(&mut self) {
        let Some(asked) = self.orders.asked.borrow_mut().take() else { return };
        let held = self.held();
        let is_told = held.is_ok();
        // Who has stopped waiting takes nothing over.
        let is_taken = asked.send(held).is_ok();
        self.orders.paused.set(is_told && is_taken);
    }

    fn held(&self) -> io::Result<Held> {
        let now_ms = self.ctx.clock.now_ms();
        let mut flows = Vec::with_capacity(self.table.len());
        for conduit in self.conduits.iter().flatten() {
            let Some(known) = self.table.known(conduit.flow, now_ms) else { continue };
            let socket = conduit.socket.get_ref().try_clone()?;
            flows.push(HeldFlow { known, target: conduit.target, socket });
        }
        flows.sort_by_key(|flow| std::cmp::Reverse(flow.known.idle_ms));
        Ok(Held {
            purpose: self.orders.purpose.borrow().clone(),
            address: self.address.clone(),
            socket: Listening::Udp(UdpSocket::from(self.socket.get_ref().as_fd().try_clone_to_owned()?)),
            flows,
        })
    }

    /// Goes on with the flows of the process before, once it is known whom they are for.
    pub(super) fn take_up(&mut self) {
        if self.inherited.is_empty() || self.listener.is_none() {
            return;
        }
        let flows = std::mem::take(&mut self.inherited);
        let count = flows.len();
        let kept = flows.into_iter().filter_map(|flow| self.take_up_one(flow)).count();
        tracing::debug!(address = %self.address, count, kept, "flows taken up");
    }

    /// Goes on with a flow, unless its backend is gone: then its client's next datagram opens another.
    fn take_up_one(&mut self, held: HeldFlow) -> Option<()> {
        let HeldFlow { known, target, socket } = held;
        let listener = self.listener.clone()?;
        let backend = listener.group.backend(known.backend)?;
        let now_ms = self.ctx.clock.now_ms();
        let flow = self.table.take_up(&known, now_ms)?;
        // Who was let in stays in, whatever has been counted meanwhile.
        let admitted = admit(&listener, known.key.client, now_ms).ok();
        self.began(flow, admitted);
        let order = Order {
            flow,
            key: known.key,
            backend,
            target,
            from: None,
            header: None,
            passage: self.passage(&listener, backend, &known.key),
            // Where the backend is now is looked at with the next datagram.
            generation: self.generation.wrapping_sub(1),
            worker: self.ctx.index,
            slot: Inflight::start(backend),
        };
        let conduit = Conduit::take_up(order, socket, self.ctx.loops.dials(), self.ready.waker(flow.slot()));
        let Ok(conduit) = conduit else {
            self.table.close(flow);
            self.closed(flow);
            return None;
        };
        self.conduits[flow.slot()] = Some(conduit);
        // What the backend has sent meanwhile.
        self.ready.put(flow.slot());
        Some(())
    }
}
