//! What a worker lends to the connections that it serves: plan, scratch buffer, clock, deadlines,
//! records and its phase.
//!
//! Single-threaded and shared by `Rc`. It opens no socket and knows no protocol; `l4` and `l7`
//! keep what is theirs in slots of their own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use poise_core::plan::{BackendId, ListenerId, ListenerPlan};
use poise_ipc::cause::Cause;
use poise_ipc::model::Bind;
use tokio::sync::Notify;

use super::Purpose;
use super::budget::Budget;
use super::clock::Clock;
use super::pacer::Pacer;
use super::sweep::{Sweep, TICK_MS};
use super::throttle::Throttle;
use crate::access_log::Bell;
use crate::loops::{Dials, Loops};
use crate::pages::Shelf;
use crate::published::Published;
use crate::records::evidence::EvidenceSender;
use crate::records::lines::LineSender;
use crate::records::{Record, RecordSender};
use crate::{l4, l7, tls, udp, wall};

/// Bytes of the scratch buffer: 128 KiB bodies pass in one read and one write, and larger ones
/// gained nothing.
pub const SCRATCH_BYTES: usize = 256 << 10;

/// Everything that a connection borrows from its worker.
// Not Debug: it holds everything, and nobody prints it.
pub struct WorkerContext {
    /// Number of the worker, from 0: which counter cells are its own.
    pub index: usize,
    /// The plan in force.
    pub published: Published,
    /// One buffer for all connections.
    pub scratch: Scratch,
    /// Coarse time.
    pub clock: Clock,
    /// Connections of poised to itself.
    pub(crate) loops: Loops,
    /// What it saw of refused messages.
    pub(crate) witness: l7::Witness,
    /// Bodies of our own replies that operators write.
    pub(crate) pages: Shelf,
    /// Its part of the access log.
    pub(crate) logbook: l7::Logbook,
    /// The HTTP relay's own state on this worker.
    pub l7: l7::WorkerState,
    /// The TCP relay's.
    pub(crate) l4: l4::WorkerState,
    /// The UDP relay's.
    pub(crate) udp: udp::WorkerState,
    /// Handshakes.
    pub(crate) tls: tls::WorkerState,
    /// One line a second about TLS that fails, from all workers.
    pub(crate) tls_log: Throttle,
    pub(super) sweep: Sweep,
    pub(super) pacer: Pacer,
    pub(super) open: Cell<usize>,
    /// Tasks that serve streams of connections, or rest until they do.
    stream_tasks: Cell<usize>,
    pub(super) all_closed: Notify,
    pub(super) budget: Budget,
    pub(super) accept_log: Throttle,
    phase: Cell<Phase>,
    /// Over which time those at rest leave, on the worker's clock, while it drains.
    leave: Cell<Option<Leave>>,
    records: RefCell<RecordSender>,
}

/// What all workers are given alike.
#[derive(Clone)]
pub(super) struct Shared {
    /// The plan in force.
    pub(super) published: Published,
    /// What is published about TLS.
    pub(super) tls: tls::Published,
    /// One line a second from all of them.
    pub(super) tls_log: Throttle,
    /// When their time began.
    pub(super) start: Instant,
    /// What each may hold open.
    pub(super) budget: Budget,
    /// One line a second from all of them.
    pub(super) accept_log: Throttle,
    /// What they have opened to poised itself.
    pub(super) dials: Arc<Dials>,
    /// Wakes the writer of the access log.
    pub(super) bell: Bell,
    /// Bodies of our own replies.
    pub(super) pages: Shelf,
    /// Begins the ids of requests of this process.
    pub(super) process: u32,
}

/// The worker's ends of its rings.
pub(super) struct Rings {
    /// Records of work that ended badly.
    pub(super) records: RecordSender,
    /// Lines of the access log.
    pub(super) lines: LineSender,
    /// Refused messages.
    pub(super) evidence: EvidenceSender,
}

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It accepts and serves.
    Serving,
    /// It accepts nothing new; what is open may end by itself.
    Draining,
    /// The drain time is over: whatever is still open ends now.
    Cutting,
}

/// When those at rest leave.
#[derive(Clone, Copy, Debug)]
struct Leave {
    from_ms: u64,
    over_ms: u64,
}

impl Leave {
    /// Whether the turn of a slot has come. Neighbours are far apart.
    fn is_due(self, slot: usize, now_ms: u64) -> bool {
        // The golden ratio's fraction spreads any run of numbers evenly.
        let turn = (slot as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        now_ms >= self.from_ms.saturating_add(self.over_ms.saturating_mul(turn) >> 16)
    }
}

/// Why a wait ended before what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The deadline has passed.
    Due,
    /// The worker drains: whoever is at rest leaves now.
    Draining,
    /// The worker's drain time is over: end at once.
    Cut,
}

/// A task that serves streams.
pub(crate) struct StreamTask<'c>(&'c WorkerContext);

impl Drop for StreamTask<'_> {
    fn drop(&mut self) {
        self.0.stream_tasks.set(self.0.stream_tasks.get() - 1);
    }
}

impl WorkerContext {
    /// The context of worker `index`.
    pub(super) fn new(index: usize, rings: Rings, shared: &Shared) -> Self {
        Self {
            index,
            published: Arc::clone(&shared.published),
            scratch: Scratch::new(),
            clock: Clock::new(shared.start),
            loops: Loops::new(Arc::clone(&shared.dials)),
            pages: shared.pages.clone(),
            logbook: l7::Logbook::new(index, shared.process, rings.lines, shared.bell.clone()),
            witness: l7::Witness::new(rings.evidence),
            l7: l7::WorkerState::default(),
            l4: l4::WorkerState::new(shared.budget.pipes_max),
            udp: udp::WorkerState::default(),
            tls: tls::WorkerState::new(&shared.tls, shared.budget.connections_max),
            tls_log: shared.tls_log.clone(),
            sweep: Sweep::default(),
            pacer: Pacer::default(),
            open: Cell::new(0),
            stream_tasks: Cell::new(0),
            all_closed: Notify::new(),
            budget: shared.budget,
            accept_log: shared.accept_log.clone(),
            phase: Cell::new(Phase::Serving),
            leave: Cell::new(None),
            records: RefCell::new(rings.records),
        }
    }

    /// UDP flows that may still be opened. A flow takes a descriptor, a connection two; flows get
    /// half of all at the most, so that a flood of their sources leaves room for connections.
    pub(crate) fn flows_free(&self) -> usize {
        let (descriptors, flows) = (self.budget.connections_max.saturating_mul(2), self.udp.flows());
        let free = descriptors.saturating_sub(2 * self.open.get() + flows);
        free.min((descriptors / 2).saturating_sub(flows))
    }

    /// Whether a line about a trouble that every request may meet may be written now: one a second.
    pub(crate) fn may_warn(&self) -> bool {
        self.accept_log.admits(self.clock.now_ms())
    }

    /// Counts a task that serves streams for as long as it lives.
    pub(crate) fn stream_task(&self) -> StreamTask<'_> {
        self.stream_tasks.set(self.stream_tasks.get() + 1);
        StreamTask(self)
    }

    /// What takes memory while it is open: connections, and the tasks of their streams.
    pub(super) fn load(&self) -> usize {
        self.open.get() + self.stream_tasks.get()
    }

    /// Whether one more connection fits in.
    pub(super) fn has_room(&self) -> bool {
        self.open.get() + self.udp.flows().div_ceil(2) < self.budget.connections_max
    }

    /// One connection less.
    pub(super) fn closed(&self) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            self.all_closed.notify_one();
        }
    }

    /// Where the worker is in its life.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Lets those at rest leave spread over so many milliseconds from now, instead of at once: another
    /// process serves the address, and a client that has just spoken is not to be cut.
    pub(super) fn leave_within(&self, drain_ms: u64) {
        if self.phase() == Phase::Serving || self.leave.get().is_some() {
            self.leave.set(Some(Leave { from_ms: self.clock.refresh(), over_ms: drain_ms }));
        }
    }

    /// Wakes those at rest whose turn to leave has come.
    pub(super) fn wake_leaving(&self, now_ms: u64) {
        if let Some(leave) = self.leave.get() {
            self.sweep.wake_where(|slot| leave.is_due(slot, now_ms));
        }
    }

    /// Goes on to the next phase and wakes every connection, so that each can see it.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.sweep.wake_all();
    }

    /// A deadline `after_ms` from now, for one connection.
    pub fn watch(self: &Rc<Self>, after_ms: u32) -> Watch {
        let slot = self.sweep.take(self.due_ms(after_ms));
        Watch { ctx: Rc::clone(self), slot }
    }

    /// The clock may be a tick behind; a deadline is never early.
    fn due_ms(&self, after_ms: u32) -> u64 {
        self.clock.now_ms() + u64::from(after_ms) + TICK_MS
    }

    /// Counts work that ended badly and hands its record to control.
    pub fn ended(&self, listener: &ListenerPlan, backend: Option<BackendId>, client: SocketAddr, cause: Cause) {
        listener.live.worker(self.index).ended(cause);
        self.record(listener.id, backend, client, cause);
    }

    /// Hands a record to control, without counting it.
    pub(crate) fn record(&self, listener: ListenerId, backend: Option<BackendId>, client: SocketAddr, cause: Cause) {
        let record = Record { at_ms: wall::now_ms(), listener, backend, client, cause };
        self.records.borrow_mut().send(record);
    }

    /// The listener of the plan in force that a door at this real address is for. A plan is
    /// published before the doors follow it: until they do, whoever took over the address comes
    /// first, then the listener itself, moved elsewhere. None if it was removed.
    pub(crate) fn listener(&self, purpose: &Purpose, address: &Bind) -> Option<Arc<ListenerPlan>> {
        let plan = self.published.load();
        // TCP and UDP may share the address.
        let fits = |listener: &&Arc<ListenerPlan>| listener.protocol().is_stream() == purpose.protocol.is_stream();
        let own = plan.listeners.get(&purpose.listener).filter(fits);
        let heir = || plan.listeners.values().filter(fits).find(|listener| listener.settings.bind == *address);
        own.filter(|own| own.settings.bind == purpose.bind).or_else(heir).or(own).cloned()
    }
}

/// One buffer per worker.
#[derive(Debug)]
pub struct Scratch(RefCell<Box<[u8]>>);

impl Scratch {
    fn new() -> Self {
        Self(RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()))
    }

    /// Lends the buffer, [`SCRATCH_BYTES`] long and full of leftovers, to a synchronous section.
    /// Not to be nested.
    pub fn with<R>(&self, section: impl FnOnce(&mut [u8]) -> R) -> R {
        section(&mut self.0.borrow_mut())
    }
}

/// The deadline of one connection: never early, at most two ticks late.
pub struct Watch {
    ctx: Rc<WorkerContext>,
    slot: usize,
}

impl Watch {
    /// Replaces the deadline: `after_ms` from now.
    #[inline]
    pub fn rearm(&self, after_ms: u32) {
        self.ctx.sweep.set(self.slot, self.ctx.due_ms(after_ms));
    }

    /// Replaces the deadline: `after_ms` from a time of the worker's clock, which may lie back.
    pub(crate) fn rearm_since(&self, since_ms: u64, after_ms: u32) {
        self.ctx.sweep.set(self.slot, since_ms + u64::from(after_ms) + TICK_MS);
    }

    /// Ready when the deadline has passed or the worker cuts what is open.
    pub fn poll_alarm(&self, cx: &Context<'_>) -> Poll<Alarm> {
        if self.ctx.phase() == Phase::Cutting {
            return Poll::Ready(Alarm::Cut);
        }
        if self.ctx.sweep.due_ms(self.slot) <= self.ctx.clock.now_ms() {
            return Poll::Ready(Alarm::Due);
        }
        self.ctx.sweep.listen(self.slot, cx);
        Poll::Pending
    }

    /// As [`Watch::poll_alarm`], for a connection at rest: ready too when the worker drains.
    pub fn poll_rest(&self, cx: &Context<'_>) -> Poll<Alarm> {
        match self.ctx.phase() {
            Phase::Draining
                if self.ctx.leave.get().is_none_or(|leave| leave.is_due(self.slot, self.ctx.clock.now_ms())) =>
            {
                Poll::Ready(Alarm::Draining)
            }
            Phase::Serving | Phase::Draining | Phase::Cutting => self.poll_alarm(cx),
        }
    }

    /// Waits for `work`, but no longer than the deadline.
    ///
    /// # Errors
    /// The alarm that came first; `work` is dropped.
    ///
    /// # Cancel safety
    /// As safe as `work`.
    pub async fn bound<F: Future>(&self, work: F) -> Result<F::Output, Alarm> {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_alarm(cx).map(Err),
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ctx.sweep.give(self.slot);
    }
}

#[cfg(test)]
pub(super) mod tests;
