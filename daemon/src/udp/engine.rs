//! The task of one listening socket: takes datagrams in batches, asks the table of flows, sends
//! them on.
//!
//! All work of one wake-up is synchronous, so one buffer serves every socket of the worker and an
//! idle flow owns none. Rounds are bounded: other tasks of the worker have their turn.

mod clients;
mod connect;
mod handover;
mod replies;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use poise_core::flow::{FlowId, Table, Terms};
use poise_core::limit::{Admitted, Bucket, Limiter};
use poise_core::live::ListenerCells;
use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use poise_ipc::model::Bind;
use tokio::io::unix::AsyncFd;
use tokio::task::coop::unconstrained;

use super::Orders;
use super::conduit::Conduit;
use super::ready::Ready;
use crate::platform::{Sending, watch_readable};
use crate::worker::{HeldFlow, Watch, WorkerContext};

/// Batches of one wake-up, each way.
const ROUNDS_MAX: usize = 8;

/// Longest time between two looks at the plan while flows are open, in milliseconds: edited
/// timeouts hold within it even if nobody says anything.
const LOOK_EVERY_MS: u64 = 1_000;

/// Panics of one socket that are survived: a datagram that brings one about is gone by then, but a
/// fault that comes with every wake-up must not go on for ever.
const FAULTS_MAX: u32 = 1_000;

pub(super) struct Engine {
    ctx: Rc<WorkerContext>,
    orders: Rc<Orders>,
    socket: AsyncFd<OwnedFd>,
    /// The real address.
    address: Bind,
    table: Table,
    /// The sockets of the flows by slot, and their places within the limits.
    conduits: Vec<Option<Conduit>>,
    admissions: Vec<Option<Admitted>>,
    ready: Arc<Ready>,
    /// Whom the datagrams are for, by this plan.
    listener: Option<Arc<ListenerPlan>>,
    generation: u64,
    /// Drains that have begun to cut, as of the last look.
    cuts: u64,
    /// Wake-ups that ended in a panic.
    faults: u32,
    /// Runs while flows are open.
    watch: Option<Watch>,
    /// When the last record of dropped datagrams was handed over.
    recorded_ms: u64,
    /// Flows of another process that are still to be taken up.
    inherited: Vec<HeldFlow>,
    /// Kept for their memory.
    sendings: Vec<Sending>,
    slots: Vec<usize>,
    /// The slot that each sending is of.
    owners: Vec<usize>,
}

impl Engine {
    /// Serves a bound, non-blocking socket once it runs.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket, or there is no randomness.
    pub(super) fn new(
        ctx: Rc<WorkerContext>,
        orders: Rc<Orders>,
        socket: UdpSocket,
        inherited: Vec<HeldFlow>,
    ) -> io::Result<Self> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let address = Bind::Ip(socket.local_addr()?);
        let terms = Terms { idle_timeout_ms: 0, replies_max: 0, flows_max: 0, generation: 0 };
        ctx.udp.opened();
        Ok(Self {
            orders,
            socket: watch_readable(socket)?,
            address,
            table: Table::new(terms, secret),
            conduits: Vec::new(),
            admissions: Vec::new(),
            ready: Arc::default(),
            listener: None,
            generation: 0,
            cuts: 0,
            faults: 0,
            watch: None,
            recorded_ms: 0,
            inherited,
            sendings: Vec::new(),
            slots: Vec::new(),
            owners: Vec::new(),
            ctx,
        })
    }

    /// Serves until it is to close and owes nobody a reply.
    pub(super) async fn run(mut self) {
        // The rounds are what bounds a wake-up; the runtime's own budget would only let sockets
        // seem silent that are not.
        unconstrained(std::future::poll_fn(|cx| self.poll_again(cx))).await;
    }

    /// A fault of ours costs the flows of this socket, not the listener.
    fn poll_again(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What the fault left halfway is thrown away as a whole.
        catch_unwind(AssertUnwindSafe(|| self.poll(cx))).unwrap_or_else(|fault| {
            self.faults += 1;
            if self.faults > FAULTS_MAX {
                resume_unwind(fault);
            }
            self.close_all();
            if let Some(listener) = &self.listener {
                listener.live.worker(self.ctx.index).ended(Cause::Internal);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        *self.orders.task.borrow_mut() = Some(cx.waker().clone());
        self.ctx.clock.refresh();
        self.hand();
        if self.orders.paused.get() && !self.orders.closing.get() {
            self.watch = None;
            return Poll::Pending;
        }
        self.follow();
        self.take_up();
        let ctx = Rc::clone(&self.ctx);
        let mut batch = ctx.udp.batch();
        let mut is_busy = true;
        for _ in 0..ROUNDS_MAX {
            self.ready.listen(cx.waker());
            let asked = self.take_clients(cx, &mut batch);
            let answered = self.take_replies(&mut batch);
            is_busy = asked || answered;
            if !is_busy {
                break;
            }
        }
        self.expire(cx);
        if is_busy {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.orders.closing.get() && self.table.owed() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Lets the plan in force hold.
    fn follow(&mut self) {
        let plan = self.ctx.published.load();
        let (generation, cuts) = (plan.generation, plan.cuts.count());
        drop(plan);
        let is_assigned = self.orders.assigned.take();
        if self.listener.is_none() || is_assigned || generation != self.generation {
            let listener = self.ctx.listener(&self.orders.purpose.borrow(), &self.address);
            self.pass_on(listener.as_deref());
            (self.listener, self.generation) = (listener, generation);
        }
        if std::mem::replace(&mut self.cuts, cuts) != cuts {
            self.cut();
        }
        let Some(listener) = &self.listener else { return };
        // What other sockets of this worker have not taken; every flow has a descriptor.
        let free = self.ctx.flows_free();
        self.table.follow(Terms {
            idle_timeout_ms: listener.settings.idle_timeout_ms,
            replies_max: listener.settings.replies_max,
            flows_max: self.table.len() + free,
            generation: self.generation,
        });
    }

    /// Closes the flows of backends whose drain is over.
    fn cut(&mut self) {
        let is_cut = |conduit: &&Conduit| conduit.live.leaving().is_cut();
        let cut: Vec<_> = self.conduits.iter().flatten().filter(is_cut).map(|c| (c.flow, c.backend, c.key)).collect();
        for (flow, backend, key) in cut {
            if self.table.close(flow) {
                self.closed(flow);
            }
            if let Some(listener) = &self.listener {
                listener.group.ended(self.ctx.index, Some(backend), Cause::Drained);
                self.ctx.ended(listener, Some(backend), key.client, Cause::Drained);
            }
        }
    }

    /// Whether so many bytes may pass now, in one direction; they are charged then.
    fn has_bandwidth(&self, bucket: impl Fn(&Limiter) -> &Bucket, bytes: usize) -> bool {
        let listener = self.listener.as_ref();
        listener.is_none_or(|listener| bucket(&listener.limiter).admit(bytes, self.ctx.clock.precise_ns()))
    }

    /// Open flows count where they belong: at another listener if the socket was passed on to it.
    fn pass_on(&self, heir: Option<&ListenerPlan>) {
        let (Some(before), Some(heir)) = (&self.listener, heir) else { return };
        if !Arc::ptr_eq(&before.live, &heir.live) {
            let open = u64::try_from(self.table.len()).unwrap_or(u64::MAX);
            before.live.worker(self.ctx.index).connections_open.sub(open);
            heir.live.worker(self.ctx.index).connections_open.add(open);
        }
    }

    /// Closes the flows whose time has come, and sees to it that this is called in time.
    fn expire(&mut self, cx: &Context<'_>) {
        let now_ms = self.ctx.clock.now_ms();
        while let Some(flow) = self.table.expire(now_ms) {
            self.closed(flow);
        }
        let Some(due_ms) = self.table.next_due_ms() else {
            self.watch = None;
            return;
        };
        let after_ms = u32::try_from(due_ms.saturating_sub(now_ms).min(LOOK_EVERY_MS)).unwrap_or(0);
        let watch = self.watch.get_or_insert_with(|| self.ctx.watch(after_ms));
        // An alarm that was due is answered by the look that was just taken.
        if watch.poll_alarm(cx).is_ready() {
            watch.rearm(after_ms);
            let _ = watch.poll_alarm(cx);
        }
    }

    /// What this worker counts of the listener.
    fn cells(&self) -> Option<&ListenerCells> {
        self.listener.as_ref().map(|listener| listener.live.worker(self.ctx.index))
    }

    /// Notes that a new flow is open; its socket is still to come.
    fn opened(&mut self, flow: FlowId, admitted: Option<Admitted>) {
        self.began(flow, admitted);
        if let Some(cells) = self.cells() {
            cells.connections.add(1);
        }
    }

    /// Notes that a flow is open, be it one that another process has opened.
    fn began(&mut self, flow: FlowId, admitted: Option<Admitted>) {
        let places = self.conduits.len().max(flow.slot() + 1);
        self.conduits.resize_with(places, || None);
        self.admissions.resize_with(places, || None);
        self.admissions[flow.slot()] = admitted;
        self.ctx.udp.flows.set(self.ctx.udp.flows.get() + 1);
        if let Some(cells) = self.cells() {
            cells.connections_open.add(1);
        }
    }

    /// Lets go of what a flow had that the table has closed.
    fn closed(&mut self, flow: FlowId) {
        // A fault may have left a flow without either.
        drop(self.conduits.get_mut(flow.slot()).map(Option::take));
        drop(self.admissions.get_mut(flow.slot()).map(Option::take));
        if self.table.is_empty() {
            // After a flood the memory goes back.
            (self.conduits, self.admissions) = (Vec::new(), Vec::new());
        }
        self.ctx.udp.flows.set(self.ctx.udp.flows.get().saturating_sub(1));
        if let Some(cells) = self.cells() {
            cells.connections_open.sub(1);
        }
    }

    fn close_all(&mut self) {
        while let Some(flow) = self.table.close_oldest() {
            self.closed(flow);
        }
    }

    /// Counts datagrams that went nowhere.
    fn dropped(&mut self, count: usize, cause: Cause, client: SocketAddr) {
        let Some(listener) = &self.listener else { return };
        let cells = listener.live.worker(self.ctx.index);
        cells.datagrams_dropped.add(count as u64);
        cells.ended(cause);
        // One a millisecond: a flood of strangers must not push out the records of others.
        let now_ms = self.ctx.clock.now_ms();
        if now_ms > self.recorded_ms {
            self.recorded_ms = now_ms;
            self.ctx.record(listener.id, None, client, cause);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close_all();
        self.ctx.udp.closed();
    }
}
