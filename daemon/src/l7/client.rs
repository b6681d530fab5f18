//! A client connection: its requests one after the other, each to its end, and the goodbye.
//!
//! It reads heads and has `exchange` carry each request; it answers where no backend does. Bytes
//! of later requests that came early wait in `carry`. Called by `l7::serve`.

use std::fmt::Display;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use poise_core::http::bounds::Excess;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Body;
use poise_core::http::locate::locate;
use poise_core::http::onward::{Forwarded, IdField, PeerText};
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::response::Asked;
use poise_core::http::scan::Scanner;
use poise_core::journal::Version;
use poise_core::live::ListenerCells;
use poise_core::persistence::{CookieRule, Mark};
use poise_core::plan::{BackendId, GroupPlan, ListenerPlan};
use poise_core::route::{Place, RoutePlan};
use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;
use tracing::debug;

use super::attempt::Transfer;
use super::download::Appetite;
use super::exchange::Course;
use super::h2;
use super::held::Held;
use super::journal::{Journal, Told, id_of};
use super::pick::{self, Pick, Unpicked};
use super::reply::{Telling, redirect, reply};
use super::stream::Stream;
use super::upload::{READ_AHEAD_MAX, Upload};
use crate::records::evidence::Evidence;
use crate::tls;
use crate::wall;
use crate::worker::{Alarm, Phase, Share, Watch, Way, WorkerContext};

/// How long a client that was told goodbye may go on sending, in milliseconds. Closing at once
/// would reset the connection and could take the reply with it.
const LINGER_MS: u32 = 2_000;
/// How much of that is read before the connection is closed after all, in bytes.
const LINGER_BYTES_MAX: usize = 1 << 20;

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
    /// Position of its group among the route's.
    group: usize,
    scanner: Scanner,
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
            generation,
            route: usize::MAX,
            group: 0,
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
                Next::Gone => return,
                Next::Refused(refused) => {
                    return Box::pin(self.refuse(refused.refusal.of_request(), Some(refused))).await;
                }
                Next::Slow => {
                    self.witness(&TOO_SLOW, self.carry.bytes(), self.carry.bytes().len());
                    return Box::pin(self.refuse(Cause::RequestTimeout, None)).await;
                }
                Next::Request(request) => {
                    // On the heap, so that a connection at rest does not hold the room for it.
                    if !Box::pin(self.carry_out(request)).await {
                        return;
                    }
                }
            }
            self.watch.rearm(self.listener.settings.idle_timeout_ms);
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
            if let Some(next) = self.read_head(carried.bytes()) {
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
            self.refresh();
        }
        let bounds = self.listener.bounds;
        match self.scanner.scan(bytes, &bounds) {
            Err(refusal) => {
                self.witness(&refusal, bytes, self.scanner.fault_at(refusal));
                let excess = Excess::of(refusal, bytes, &bounds).map(Box::new);
                Some(Next::Refused(Refused { refusal, excess }))
            }
            Ok(None) => {
                self.carry.put(bytes);
                if begins {
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
                Some(match self.begin(bytes, len) {
                    Ok(request) => Next::Request(request),
                    Err(refusal) => Next::Refused(refusal.into()),
                })
            }
        }
    }

    /// Begins a request whose head is the first `len` of `bytes`.
    fn begin(&mut self, bytes: &[u8], len: usize) -> Result<Request, Refusal> {
        self.cells().requests.add(1);
        self.ctx.l7.earn();
        // What is refused before it has a route is nobody's else.
        (self.route, self.group) = (usize::MAX, 0);
        let mut store = FieldStore::default();
        let parsed = RequestHead::parse(&bytes[..len], &mut store);
        let head = parsed.inspect_err(|&refusal| self.witness(&refusal, bytes, locate(&bytes[..len], refusal)))?;
        self.route = self.listener.routes.find(&head);
        let bytes_max = self.listener.settings.limits.body_bytes_max.map(|max| max.0);
        let mut body =
            Body::within(head.framing, bytes_max).inspect_err(|refusal| self.witness(refusal, bytes, len))?;
        let pushed = body.push(&bytes[len..]);
        let used = len + pushed.inspect_err(|&refusal| self.witness(&refusal, bytes, len + body.broken_at()))?;
        let begun = Instant::now();
        let mut journal = Journal::begin(&self.ctx, &self.listener, self.peer, begun, || Some(self.told(&head)));
        let (vouched, client) = self.find_sender(&head);
        let mut first = self.ctx.l7.buffer();
        let forwarded = Forwarded {
            rule: &self.listener.forwarding,
            peer: &self.peer_text,
            client: client.as_ref(),
            vouched,
            id: journal.as_deref().map(Journal::id_field),
            restores: self.route().persistence.cookie().and_then(CookieRule::restores),
            edits: &self.route().settings.request_headers,
        };
        head.write(forwarded, &mut first);
        first.extend_from_slice(&bytes[len..used]);
        self.carry.put(&bytes[used..]);
        self.cells().bytes_in.add(used as u64);
        if let Some(live) = &self.route().live {
            let cells = live.worker(self.ctx.index);
            cells.requests.add(1);
            cells.bytes_in.add(used as u64);
        }
        if let Some(journal) = &mut journal {
            journal.moved(used as u64, 0);
            journal.came(self.sender.ip(), self.client.tls_version());
            if let Some(route) = &self.route().name {
                journal.routed(route);
            }
        }
        let (pick, mark) = self.pick(&head, journal.as_deref_mut());
        let course = Course {
            asked: Asked {
                head: head.is_head(),
                switch: head.switches,
                http10: !head.is_http11,
                as_http10: !head.goes_as_http11(),
            },
            keep_alive: head.keep_alive,
            expects_continue: head.expects_continue,
            is_idempotent: head.is_idempotent(),
            mark,
            response_timeout_ms: self.route().settings.response_timeout_ms,
            begun,
            journal,
            closes: false,
            reuses: false,
            is_tunnel: false,
        };
        Ok(Request { transfer: Box::new(Transfer { upload: Upload::new(first, body), course }), pick })
    }

    /// Finds out who a request is from; returns whether its peer is believed, and the text of the
    /// client where that is somebody else.
    fn find_sender(&mut self, head: &RequestHead<'_, '_>) -> (bool, Option<PeerText>) {
        if !self.listener.forwarding.trusts_anybody() {
            self.sender = self.peer;
            return (false, None);
        }
        let sender = self.listener.forwarding.client(self.peer.ip(), head);
        let is_peer = sender.client == self.peer.ip().to_canonical();
        // Which port it came from, nobody says.
        self.sender = if is_peer { self.peer } else { SocketAddr::new(sender.client, 0) };
        (sender.vouched, (!is_peer).then(|| PeerText::new(sender.client)))
    }

    /// Whether a request may be served, by who sent it and which way it has come.
    fn judge(&self, head: &RequestHead<'_, '_>) -> Result<(), Cause> {
        let listener = &self.listener;
        if listener.forwarding.goes_round(head) {
            return Err(Cause::Loop);
        }
        if listener.forwarding.trusts(self.peer.ip()) && !listener.access.admits(self.sender.ip()) {
            return Err(Cause::Denied);
        }
        match listener.settings.limits.source_requests_max {
            Some(max) => listener.limiter.request(self.sender.ip(), max.0, self.ctx.clock.now_ms()),
            None => Ok(()),
        }
    }

    /// What the access log tells of a request.
    fn told<'b>(&self, head: &RequestHead<'_, 'b>) -> Told<'b> {
        let settings = &self.listener.settings;
        let id = head.value(&settings.access_log.id_header);
        let id = id.filter(|_| self.listener.forwarding.trusts(self.peer.ip()));
        Told {
            method: head.method,
            target: head.path(),
            host: head.authority().unwrap_or_default(),
            agent: head.value("User-Agent").unwrap_or_default(),
            referer: head.value("Referer").unwrap_or_default(),
            version: match (self.client.is_http2(), head.is_http11) {
                (true, _) => Version::Http2,
                (false, true) => Version::Http11,
                (false, false) => Version::Http10,
            },
            id: id.unwrap_or_default(),
        }
    }

    /// Where a request goes: elsewhere, or to a backend of its route.
    fn pick(&mut self, head: &RequestHead<'_, '_>, journal: Option<&mut Journal>) -> (Result<Pick, Unpicked>, Mark) {
        if let Err(cause) = self.judge(head) {
            return (Err(Unpicked::Nobody(cause)), Mark::default());
        }
        if tls::misdirects(&self.ctx, &self.listener, head.authority()) {
            return (Err(Unpicked::Nobody(Cause::Misdirected)), Mark::default());
        }
        let route = self.listener.routes.at(self.route);
        if route.settings.redirect.is_on() {
            let place = Place::of(&route.settings.redirect, self.client.is_tls(), head);
            let unpicked = place.map_or(Unpicked::Nobody(Cause::BadRequest), Unpicked::Elsewhere);
            return (Err(unpicked), Mark::default());
        }
        let visit = pick::visit(&self.ctx, (&self.listener, route), head);
        let mark = visit.map(|visit| visit.mark).unwrap_or_default();
        let Some(group) = pick::group(route, visit.as_ref()) else {
            return (Err(Unpicked::Nobody(Cause::NoBackend)), mark);
        };
        let pick = pick::first(&route.groups[group], self.sender.ip(), visit.as_ref());
        if let Some(journal) = journal {
            journal.begins(&route.groups[group].name, visit.as_ref(), pick.as_ref().ok());
        }
        self.group = group;
        (pick, mark)
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

    /// Says why a request is not served, and ends the connection.
    pub(super) async fn refuse(&mut self, cause: Cause, refused: Option<Refused>) {
        self.ended(None, cause);
        let mut telling = Telling::of(cause, false, false);
        if let Some(Refused { refusal, excess }) = refused {
            match &excess {
                Some(excess) => debug!(listener = %self.listener.name, client = %self.peer, %excess, "request refused"),
                None => {
                    debug!(listener = %self.listener.name, client = %self.peer, reason = %refusal, "request refused");
                }
            }
            (telling.refusal, telling.excess) = (Some(refusal), excess);
        }
        let journal = Journal::begin(&self.ctx, &self.listener, self.peer, Instant::now(), || None);
        if self.tell(telling, journal).await {
            self.linger().await;
        }
    }

    /// Sends the client elsewhere; true when the connection may live on.
    pub(super) async fn redirect(
        &mut self,
        place: &Place,
        (keep_alive, head_only): (bool, bool),
        journal: Option<Box<Journal>>,
    ) -> bool {
        let keep_alive = keep_alive && !self.leaves && self.ctx.phase() == Phase::Serving;
        let reply = redirect(place, keep_alive, head_only);
        if let Some(mut journal) = journal {
            journal.replied(place.status);
            journal.moved(0, reply.len() as u64);
        }
        let sent = self.write(reply).await;
        if sent && !keep_alive {
            self.linger().await;
        }
        sent && keep_alive
    }

    /// Answers for poise itself; true when the connection may live on.
    pub(super) async fn answer(&mut self, telling: Telling, journal: Option<Box<Journal>>) -> bool {
        let keep_alive = telling.keep_alive && !self.leaves && self.ctx.phase() == Phase::Serving;
        let sent = self.tell(Telling { keep_alive, ..telling }, journal).await;
        if sent && !keep_alive {
            self.linger().await;
        }
        sent && keep_alive
    }

    /// Writes a reply of our own and its line of the log; true when the client got it.
    async fn tell(&mut self, telling: Telling, mut journal: Option<Box<Journal>>) -> bool {
        let id = id_of(&self.ctx, journal.as_deref());
        let name = &self.listener.settings.access_log.id_header;
        let page = self.ctx.pages.page(&self.listener.settings, telling.cause);
        let reply = reply(&telling, IdField { name, value: id.as_bytes() }, page.as_deref());
        if let Some(journal) = &mut journal {
            journal.failed(telling.cause, reply.is_some());
            journal.moved(0, reply.as_ref().map_or(0, Vec::len) as u64);
        }
        match reply {
            Some(reply) => self.write(reply).await,
            None => false,
        }
    }

    async fn write(&mut self, bytes: Vec<u8>) -> bool {
        let mut held = Held::new(bytes);
        self.watch.rearm(self.listener.settings.idle_timeout_ms);
        poll_fn(|cx| match held.write(cx, &mut self.client) {
            Ok(sent) => {
                self.cells().bytes_out.add(sent as u64);
                if held.is_empty() { Poll::Ready(true) } else { self.watch.poll_alarm(cx).map(|_| false) }
            }
            Err(_) => Poll::Ready(false),
        })
        .await
    }

    /// Reads and drops what the client still sends, so that it can read the reply.
    pub(super) async fn linger(&mut self) {
        self.watch.rearm(LINGER_MS);
        let ctx = Rc::clone(&self.ctx);
        let (mut left, mut is_finished) = (LINGER_BYTES_MAX, false);
        poll_fn(|cx| {
            is_finished = is_finished || self.client.finish(cx);
            while left > 0 {
                match ctx.scratch.with(|scratch| self.client.poll_read(cx, scratch)) {
                    Poll::Pending => return self.watch.poll_alarm(cx).map(|_| ()),
                    Poll::Ready(Ok(count)) if count > 0 => left = left.saturating_sub(count),
                    Poll::Ready(_) => break,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}
