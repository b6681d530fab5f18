//! A client connection: its requests one after the other, each to its end, and the goodbye.
//!
//! It reads heads, has `begin` make requests of them and `attempt` carry each; `answer` speaks where
//! no backend does. Bytes of later requests that came early wait in `carry`. Called by `l7::serve`.

mod answer;
mod begin;

use std::fmt::Display;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use poise_core::http::bounds::Excess;
use poise_core::http::fields::FieldStore;
use poise_core::http::onward::PeerText;
use poise_core::http::refusal::Refusal;
use poise_core::http::scan::Scanner;
use poise_core::live::ListenerCells;
use poise_core::plan::{BackendId, GroupPlan, ListenerPlan};
use poise_core::route::RoutePlan;
use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;

use super::attempt::Transfer;
use super::download::Appetite;
use super::h2;
use super::held::Held;
use super::pick::{Pick, Unpicked};
use super::stream::Stream;
use super::upload::READ_AHEAD_MAX;
use crate::records::evidence::Evidence;
use crate::wall;
use crate::worker::{Alarm, Share, Watch, Way, WorkerContext};

/// What is said of a head that does not come to its end.
const TOO_SLOW: &str = "the head did not come to its end in time";

/// A client connection.
pub(super) struct Relay {
    pub(super) ctx: Rc<WorkerContext>,
    pub(super) listener: Arc<ListenerPlan>,
    pub(super) client: Stream,
    pub(super) peer: SocketAddr,
    /// Who the request under way is from: the peer, or whom it speaks for.
    pub(super) sender: SocketAddr,
    /// Address of the peer as text, for every request.
    peer_text: PeerText,
    pub(super) watch: Watch,
    /// Bytes that were read and belong to later requests, or to a head that is not complete.
    pub(super) carry: Held,
    /// How much is read for it at once.
    pub(super) appetite: Appetite,
    /// Its parts of the listener's bandwidth.
    pub(super) paces: Paces,
    /// The listener is gone: the connection ends after the request under way.
    pub(super) leaves: bool,
    /// Number of the plan that `listener` was taken from.
    pub(super) generation: u64,
    /// Position of the route that took the request under way.
    pub(super) route: usize,
    /// Position of its group among the route's; none of them before one was chosen.
    group: usize,
    scanner: Scanner,
    /// When the first bytes came of a head that did not come at once.
    head_since: Option<Instant>,
}

/// What bodies and responses of a connection may carry of its listener's bandwidth. Heads of
/// requests are small and always read.
pub(super) struct Paces {
    /// From the client.
    pub(super) up: Share,
    /// To the client.
    pub(super) down: Share,
}

impl Paces {
    fn new(listener: &ListenerPlan) -> Self {
        Self { up: Share::new(&listener.limiter, Way::In), down: Share::new(&listener.limiter, Way::Out) }
    }

    /// Whether either waits for its turn: silence is nobody's fault then.
    pub(super) fn are_waiting(&self) -> bool {
        self.up.is_waiting() || self.down.is_waiting()
    }
}

/// One request, read as far as it had arrived.
pub(super) struct Request {
    pub(super) transfer: Box<Transfer>,
    /// Where it goes, or why nowhere yet.
    pub(super) pick: Result<Pick, Unpicked>,
}

/// What a client does next.
enum Next {
    Request(Request),
    /// It asks for something that is refused.
    Refused(Refused),
    /// It does not come to the end of its head.
    Slow,
    /// It is done, or time to part.
    Gone,
}

/// Why a request is not read on.
pub(super) struct Refused {
    refusal: Refusal,
    /// What of its head was too much.
    excess: Option<Box<Excess>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, excess: None }
    }
}

impl Relay {
    pub(super) fn new(ctx: Rc<WorkerContext>, listener: Arc<ListenerPlan>, client: Stream, peer: SocketAddr) -> Self {
        Self::with(ctx, (listener, 0), client, (peer, PeerText::new(peer.ip())))
    }

    /// As [`Relay::new`], for one of many of a client whose address was written already, and a listener
    /// of a plan whose number is known.
    pub(super) fn with(
        ctx: Rc<WorkerContext>,
        (listener, generation): (Arc<ListenerPlan>, u64),
        client: Stream,
        (peer, peer_text): (SocketAddr, PeerText),
    ) -> Self {
        let watch = ctx.watch(listener.settings.idle_timeout_ms.min(listener.settings.head_timeout_ms));
        let paces = Paces::new(&listener);
        Self {
            ctx,
            listener,
            client,
            peer,
            sender: peer,
            peer_text,
            watch,
            carry: Held::default(),
            appetite: Appetite::default(),
            paces,
            leaves: false,
            scanner: Scanner::default(),
            head_since: None,
            generation,
            route: usize::MAX,
            group: usize::MAX,
        }
    }

    /// Reads until it is plain whether the client speaks HTTP/2; what was read is carried. One that
    /// says nothing in time, or leaves, does not.
    pub(super) async fn speaks_h2(&mut self) -> bool {
        let Self { client, carry, watch, .. } = self;
        poll_fn(|cx| {
            let mut into = [0; h2::PREFACE.len()];
            // Ends: every turn reads bytes of the preface, or something else.
            loop {
                let known = carry.bytes();
                let len = known.len();
                if known != &h2::PREFACE[..len] || len == into.len() {
                    return Poll::Ready(known == h2::PREFACE);
                }
                match client.poll_read(cx, &mut into[len..]) {
                    Poll::Pending => return watch.poll_alarm(cx).map(|_| false),
                    Poll::Ready(Ok(count)) if count > 0 => carry.put(&into[len..len + count]),
                    Poll::Ready(_) => return Poll::Ready(false),
                }
            }
        })
        .await
    }

    /// Serves request after request until either side has enough.
    pub(super) async fn run(&mut self) {
        loop {
            match poll_fn(|cx| self.poll_next(cx)).await {
                Next::Request(request) => {
                    // On the heap, so that a connection at rest does not hold the room for it.
                    if !Box::pin(self.carry_out(request)).await {
                        return;
                    }
                }
                other => return self.give_up(other).await,
            }
            self.watch.rearm(self.listener.settings.idle_timeout_ms);
        }
    }

    /// Serves the one request of a stream.
    pub(super) async fn run_once(&mut self) {
        match poll_fn(|cx| self.poll_next(cx)).await {
            Next::Request(request) => {
                self.carry_out(request).await;
            }
            other => self.give_up(other).await,
        }
    }

    /// There is no request that could be carried out: says why, if somebody waits to hear it.
    async fn give_up(&mut self, next: Next) {
        match next {
            Next::Gone | Next::Request(_) => {}
            Next::Refused(refused) => {
                Box::pin(self.refuse(refused.refusal.of_request(), Some(refused))).await;
            }
            Next::Slow => {
                self.witness(&TOO_SLOW, self.carry.bytes(), self.carry.bytes().len());
                Box::pin(self.refuse(Cause::RequestTimeout, None)).await;
            }
        }
    }

    /// This worker's counters of the listener.
    pub(super) fn cells(&self) -> &ListenerCells {
        self.listener.live.worker(self.ctx.index)
    }

    /// Counts bytes of a request's body.
    pub(super) fn received(&self, bytes: u64) {
        self.cells().bytes_in.add(bytes);
        if let Some(live) = &self.route().live {
            live.worker(self.ctx.index).bytes_in.add(bytes);
        }
    }

    /// Counts bytes that went to the client.
    pub(super) fn sent(&self, bytes: u64) {
        self.cells().bytes_out.add(bytes);
        if let Some(live) = &self.route().live {
            live.worker(self.ctx.index).bytes_out.add(bytes);
        }
    }

    /// The route that took the request under way.
    pub(super) fn route(&self) -> &Arc<RoutePlan> {
        self.listener.routes.at(self.route)
    }

    /// The group that the request under way goes to.
    pub(super) fn group(&self) -> &Arc<GroupPlan> {
        self.route().groups.get(self.group).unwrap_or(&self.listener.group)
    }

    /// Counts a request that ended badly.
    pub(super) fn ended(&self, backend: Option<BackendId>, cause: Cause) {
        if let Some(live) = &self.route().live {
            live.worker(self.ctx.index).ended(cause);
        }
        if let Some(group) = self.route().groups.get(self.group) {
            group.ended(self.ctx.index, backend, cause);
        }
        self.ctx.ended(&self.listener, backend, self.sender, cause);
        if let Some(seen) = self.ctx.witness.take() {
            let (at_ms, listener, peer) = (wall::now_ms(), self.listener.id, self.peer);
            self.ctx.witness.tell(Evidence { at_ms, listener, backend, peer, cause, seen });
        }
    }

    /// Keeps what is seen of a request that is refused.
    fn witness(&self, reason: &dyn Display, bytes: &[u8], offset: usize) {
        self.ctx.witness.see(self.ctx.clock.now_ms(), Side::Request, reason, bytes, offset);
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if !self.carry.is_empty() && self.scanner.is_behind(self.carry.bytes().len()) {
            let carried = std::mem::take(&mut self.carry);
            let next = self.read_head(carried.bytes());
            self.ctx.l7.reuse(carried.into_buffer());
            if let Some(next) = next {
                return Poll::Ready(next);
            }
        }
        let ctx = Rc::clone(&self.ctx);
        // Ends: every turn reads bytes, a head is bounded, and the runtime's budget makes it pend.
        loop {
            let kept = self.carry.bytes().len();
            let read = ctx.scratch.with(|scratch| {
                let count = match self.client.poll_read(cx, &mut scratch[kept..kept + READ_AHEAD_MAX]) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count)) if count > 0 => count,
                    Poll::Ready(_) => return Poll::Ready(Some(Next::Gone)),
                };
                scratch[..kept].copy_from_slice(self.carry.bytes());
                self.carry = Held::default();
                Poll::Ready(self.read_head(&scratch[..kept + count]))
            });
            match read {
                Poll::Ready(Some(next)) => return Poll::Ready(next),
                Poll::Ready(None) => {}
                Poll::Pending => return self.poll_patience(cx),
            }
        }
    }

    /// Nothing to read: is it time to stop waiting?
    fn poll_patience(&self, cx: &Context<'_>) -> Poll<Next> {
        if self.carry.is_empty() {
            // Between requests silence is no fault, and neither is our leaving.
            return self.watch.poll_rest(cx).map(|_| Next::Gone);
        }
        self.watch.poll_alarm(cx).map(|alarm| match alarm {
            Alarm::Due => Next::Slow,
            Alarm::Draining | Alarm::Cut => Next::Gone,
        })
    }

    /// Reads the head at the beginning of `bytes`, if it is complete; else carries them all.
    fn read_head(&mut self, bytes: &[u8]) -> Option<Next> {
        let begins = self.scanner.is_new();
        if begins {
            // What is refused before it has a route is nobody's else.
            (self.route, self.group) = (usize::MAX, usize::MAX);
            self.refresh();
        }
        let bounds = self.listener.bounds;
        let mut store = FieldStore::default();
        // Most heads come whole: what one pass does not take is scanned from where that was left.
        let whole = if begins { store.read(bytes, &bounds) } else { None };
        match whole.map_or_else(|| self.scanner.scan(bytes, &bounds), |len| Ok(Some(len))) {
            Err(refusal) => {
                self.witness(&refusal, bytes, self.scanner.fault_at(refusal));
                let excess = Excess::of(refusal, bytes, &bounds).map(Box::new);
                Some(Next::Refused(Refused { refusal, excess }))
            }
            Ok(None) => {
                self.carry.put(bytes);
                if begins {
                    self.head_since = Some(Instant::now());
                    self.watch.rearm(self.listener.settings.head_timeout_ms);
                }
                None
            }
            Ok(Some(len)) => {
                self.scanner = Scanner::default();
                if !begins {
                    // The plan may have changed since.
                    self.refresh();
                }
                Some(match self.begin(bytes, len, &mut store) {
                    Ok(request) => Next::Request(request),
                    Err(refusal) => Next::Refused(refusal.into()),
                })
            }
        }
    }

    /// Follows the plan. A request that comes after its listener is gone is still served as it was,
    /// and is the last one.
    fn refresh(&mut self) {
        let plan = self.ctx.published.load();
        if plan.generation == self.generation {
            return;
        }
        self.generation = plan.generation;
        match plan.listeners.get(&self.listener.id) {
            Some(listener) if listener.protocol() == self.listener.protocol() => self.listener = Arc::clone(listener),
            _ => self.leaves = true,
        }
    }
}
