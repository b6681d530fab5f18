//! From the clients to the backends.

use std::io;
use std::ops::Range;
use std::task::{Context, Poll};

use poise_core::flow::{Course, FlowId, Key};
use poise_ipc::cause::Cause;

use super::Engine;
use crate::platform::{Batch, DATAGRAMS_MAX};
use crate::udp::conduit::Conduit;
use crate::udp::guide::Judge;
use crate::udp::sending::{Route, Sent, arrange, send, total};

/// Backends that a datagram may be tried at: another takes it when the first refuses.
const TRIES_MAX: usize = 2;

impl Engine {
    /// Takes a batch from the listening socket. False if nothing was there.
    pub(super) fn take_clients(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> bool {
        batch.clear();
        let Some(range) = self.receive(cx, batch) else { return false };
        if let Some(cells) = self.cells() {
            let (datagrams, bytes) = total(batch, range.clone());
            cells.datagrams_in.add(datagrams as u64);
            cells.bytes_in.add(bytes as u64);
        }
        let mut at = range.start;
        let is_limited = self.listener.as_ref().is_some_and(|listener| listener.limiter.bandwidth_in.is_limited());
        while at < range.end {
            // One by one where each has to ask whether it may pass.
            let (key, run) = run(batch, at..if is_limited { at + 1 } else { range.end });
            at = run.end;
            let Some(key) = key else { continue };
            if is_limited && !self.has_bandwidth(|limiter| &limiter.bandwidth_in, batch.bytes(run.start).len()) {
                self.dropped(total(batch, run).0, Cause::Bandwidth, key.client);
            } else {
                self.forward(batch, &key, run);
            }
        }
        true
    }

    fn receive(&self, cx: &mut Context<'_>, batch: &mut Batch) -> Option<Range<usize>> {
        let Poll::Ready(Ok(mut guard)) = self.socket.poll_read_ready(cx) else {
            // The runtime may not have heard yet of what is queued, and will not be asked again.
            let is_last = self.orders.closing.get();
            return is_last.then(|| batch.receive(self.socket.get_ref()).ok()).flatten();
        };
        let received = batch.receive(guard.get_inner());
        // A batch that is not full has emptied the socket: what comes next is told anew.
        if received.as_ref().map_or(true, |range| range.len() < DATAGRAMS_MAX) {
            guard.clear_ready();
        }
        Some(received.unwrap_or_default())
    }

    /// Sends datagrams of a client to its backend, or to another that takes them.
    fn forward(&mut self, batch: &mut Batch, key: &Key, mut range: Range<usize>) {
        let (mut cause, mut last) = (Cause::ConnectFailed, None);
        for _ in 0..TRIES_MAX {
            let (flow, connected) = match self.choose(key) {
                Ok(flow) => flow,
                Err(why) => {
                    cause = why;
                    break;
                }
            };
            last = Some(flow);
            match connected.and_then(|()| self.post(flow, batch, &mut range)) {
                Ok(()) => return,
                Err(error) => {
                    if let Some(own) = self.own_fault(&error, key) {
                        cause = own;
                        break;
                    }
                }
            }
            // The table gives it to another.
            self.table.refused(flow);
        }
        self.dropped(total(batch, range).0, cause, key.client);
        if let Some(flow) = last.filter(|flow| self.conduit(*flow).is_none()) {
            // Without a socket it is none.
            self.table.close(flow);
            self.closed(flow);
        }
    }

    /// The flow of a client's datagram, and whether it has a socket to its backend.
    ///
    /// # Errors
    /// Why there is no flow.
    fn choose(&mut self, key: &Key) -> Result<(FlowId, io::Result<()>), Cause> {
        let Some(listener) = &self.listener else { return Err(Cause::Shutdown) };
        let mut judge = Judge::new(&self.ctx, listener);
        let course = self.table.client(key, self.ctx.clock.now_ms(), &mut judge);
        let (slot, admitted) = (judge.slot, judge.admitted);
        let (flow, backend) = match course {
            Course::Forward(flow) => return Ok((flow, self.follow_backend(flow, key))),
            Course::Drop(cause) => return Err(cause),
            Course::Open(flow, backend) => {
                self.opened(flow, admitted);
                (flow, backend)
            }
            Course::Move(flow, backend) => {
                listener.live.worker(self.ctx.index).flows_moved.add(1);
                (flow, backend)
            }
        };
        let connected =
            slot.map_or(Err(io::ErrorKind::NotConnected.into()), |slot| self.connect(flow, key, backend, slot));
        Ok((flow, connected))
    }

    /// Sends datagrams on in a flow; `range` is left as those that were not tried.
    ///
    /// # Errors
    /// A refusal: the backend's host said of earlier datagrams that nobody listens there.
    fn post(&mut self, flow: FlowId, batch: &mut Batch, range: &mut Range<usize>) -> io::Result<()> {
        let Some(Some(conduit)) = self.conduits.get_mut(flow.slot()) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (mut sent, client) = (Sent::default(), conduit.key.client);
        self.sendings.clear();
        let result = conduit.introduce(batch, range, &mut sent).and_then(|()| {
            arrange(&mut self.sendings, batch, range.clone(), Route { to: None, from: None, splits: conduit.splits.0 });
            send(conduit.socket.get_ref(), batch, &self.sendings, &mut sent).map_err(|at| self.sendings[at].first)
        });
        conduit.splits.0 &= sent.unsplit.is_none();
        conduit.cells().bytes_out.add(sent.bytes as u64);
        if sent.dropped > 0 {
            conduit.cells().ended(Cause::ConnectFailed);
            self.dropped(sent.dropped, Cause::ConnectFailed, client);
        }
        let Err(first) = result else { return Ok(()) };
        range.start = first;
        if let Some(conduit) = self.conduit(flow) {
            conduit.cells().failures.add(1);
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    fn conduit(&self, flow: FlowId) -> Option<&Conduit> {
        self.conduits.get(flow.slot())?.as_ref()
    }
}

/// The first of these datagrams with those behind it that are of the same client.
fn run(batch: &Batch, range: Range<usize>) -> (Option<Key>, Range<usize>) {
    let first = batch.received(range.start);
    let others = range.clone().skip(1).take_while(|at| batch.received(*at) == first);
    let end = range.start + 1 + others.count();
    (first.from.map(|client| Key { client, local: first.local }), range.start..end)
}
