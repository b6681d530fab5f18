//! From the backends to the clients.

use std::ops::Range;
use std::task::{Context, Poll};

use poise_ipc::cause::Cause;

use super::Engine;
use crate::platform::{Batch, DATAGRAMS_MAX};
use crate::udp::sending::{Route, Sent, arrange, send, total};

impl Engine {
    /// Takes what waits in the sockets of flows. False if nothing did.
    pub(super) fn take_replies(&mut self, batch: &mut Batch) -> bool {
        let mut slots = std::mem::take(&mut self.slots);
        self.ready.take(&mut slots);
        let has_some = !slots.is_empty();
        batch.clear();
        self.sendings.clear();
        for slot in slots.drain(..) {
            if batch.len() == DATAGRAMS_MAX {
                self.answer(batch);
            }
            self.take_reply(slot, batch);
        }
        self.slots = slots;
        self.answer(batch);
        has_some
    }

    /// Takes what waits in the socket of a flow, as much as there is room for.
    fn take_reply(&mut self, slot: usize, batch: &mut Batch) {
        let Some(Some(conduit)) = self.conduits.get_mut(slot) else { return };
        let mut cx = Context::from_waker(&conduit.waker);
        let Poll::Ready(Ok(mut guard)) = conduit.socket.poll_read_ready(&mut cx) else { return };
        let received = batch.receive(guard.get_inner());
        // Room that is left means that nothing waits any more, unless an error came in between.
        let would_block = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        let is_drained = received.as_ref().map_or_else(would_block, |_| batch.len() < DATAGRAMS_MAX);
        if is_drained {
            guard.clear_ready();
        }
        if !is_drained || conduit.socket.poll_read_ready(&mut cx).is_ready() {
            self.ready.put(slot);
        }
        match received {
            Ok(range) => self.replied(slot, batch, range),
            Err(_) if is_drained => {}
            Err(_) => {
                conduit.cells().failures.add(1);
                let flow = conduit.flow;
                self.table.refused(flow);
            }
        }
    }

    /// Prepares what a backend has sent for its client.
    fn replied(&mut self, slot: usize, batch: &Batch, mut range: Range<usize>) {
        let Some(Some(conduit)) = self.conduits.get_mut(slot) else { return };
        let (datagrams, bytes) = total(batch, range.clone());
        let cells = conduit.live.worker(self.ctx.index);
        cells.bytes_in.add(bytes as u64);
        if let Some(since) = conduit.asked.take() {
            cells.latency.record(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        let replies = self.table.replies(conduit.flow, datagrams, self.ctx.clock.now_ms());
        while replies.count < datagrams && range.len() > replies.count {
            range.end -= 1;
        }
        let route = Route { to: Some(conduit.key.client), from: conduit.key.local, splits: conduit.splits.1 };
        let flow = conduit.flow;
        self.prepare(batch, range, route);
        self.owners.resize(self.sendings.len(), slot);
        if replies.ends {
            self.closed(flow);
        }
    }

    fn prepare(&mut self, batch: &Batch, range: Range<usize>, route: Route) {
        let is_limited = self.listener.as_ref().is_some_and(|listener| listener.limiter.bandwidth_out.is_limited());
        if !is_limited {
            arrange(&mut self.sendings, batch, range, route);
            return;
        }
        for at in range {
            let one = at..at + 1;
            if self.has_bandwidth(|limiter| &limiter.bandwidth_out, batch.bytes(at).len()) {
                arrange(&mut self.sendings, batch, one, route);
            } else if let Some(client) = route.to {
                self.dropped(total(batch, one).0, Cause::Bandwidth, client);
            }
        }
    }

    /// Sends what was prepared, and empties the batch.
    fn answer(&mut self, batch: &mut Batch) {
        if self.sendings.is_empty() {
            batch.clear();
            return;
        }
        let mut sent = Sent::default();
        // A socket that is not connected is never refused.
        let _ = send(self.socket.get_ref(), batch, &self.sendings, &mut sent);
        if let Some(Some(conduit)) = sent.unsplit.and_then(|at| self.conduits.get_mut(self.owners[at])) {
            conduit.splits.1 = false;
        }
        if let Some(cells) = self.cells() {
            cells.datagrams_out.add(sent.datagrams as u64);
            cells.bytes_out.add(sent.bytes as u64);
        }
        if let Some(client) = self.sendings.first().and_then(|sending| sending.to).filter(|_| sent.dropped > 0) {
            self.dropped(sent.dropped, Cause::ClientClosed, client);
        }
        self.sendings.clear();
        self.owners.clear();
        batch.clear();
    }
}
