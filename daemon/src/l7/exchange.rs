//! One request and its response over one connection to a backend: both directions at once.
//!
//! It moves bytes until the response is complete, and knows what it waits for when nothing moves.
//! It opens no connection and answers nobody: `client` retries, replies and reuses.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use poise_core::http::bounds::Bounds;
use poise_core::http::framing::Framing;
use poise_core::http::onward::{Connection, Returned};
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::live::{BackendLive, Leaving, PersistenceCells, UnderWay};
use poise_core::persistence::{Binding, Mark};
use poise_core::plan::{BackendId, ListenerId, ListenerPlan};
use poise_core::route::RoutePlan;
use poise_ipc::cause::Cause;

use super::client::Relay;
use super::download::{self, Download, Loss, Steer};
use super::journal::Journal;
use super::outbound::Link;
use super::pick;
use super::stream::End;
use super::upload::{self, Upload};
use crate::wall;
use crate::worker::{Alarm, Phase, WorkerContext};

/// A body may be slow for so long before its rate counts, in milliseconds.
const BODY_GRACE_MS: u64 = 10_000;

/// What is known of a request, and what its response decides.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one request")]
pub(super) struct Course {
    /// What bears on the reading of the response.
    pub(super) asked: Asked,
    /// The client lets its connection live on.
    pub(super) keep_alive: bool,
    /// The client may wait for 100 (Continue) before it sends the body.
    pub(super) expects_continue: bool,
    /// Sending it twice does what sending it once does.
    pub(super) is_idempotent: bool,
    /// What the request's cookie said.
    pub(super) mark: Mark,
    /// How long the backend may be silent, in milliseconds, if the route says so.
    pub(super) response_timeout_ms: Option<u32>,
    /// When its head was complete.
    pub(super) begun: Instant,
    /// What the access log tells of it, if there is one.
    pub(super) journal: Option<Box<Journal>>,
    /// The client was told that its connection ends.
    pub(super) closes: bool,
    /// The backend lets its connection live on.
    pub(super) reuses: bool,
    /// The response has a 5xx status.
    pub(super) is_error: bool,
    /// The response made the connection a tunnel.
    pub(super) is_tunnel: bool,
    /// Counts it at its route until it has ended, if the route is counted.
    pub(super) _under_way: Option<UnderWay>,
}

/// How long a client that has ended its side may wait for its response, in milliseconds. TCP tells
/// nobody whether it still reads or has gone, and most have gone.
const HALF_CLOSED_MS: u32 = 5_000;

/// What an exchange waits for when nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Nothing,
    Body,
    Backend,
    /// The same, for a client that may have gone.
    BackendAlone,
    Client,
    Tunnel,
}

/// What is known of a client that waits for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Silently,
    /// It has sent what belongs to later requests, behind which no end is seen.
    Impatiently,
    /// It has ended its side.
    HalfClosed,
}

/// One request and its response under way.
pub(super) struct Exchange<'r> {
    pub(super) link: Link,
    pub(super) upload: &'r mut Upload,
    pub(super) course: &'r mut Course,
    pub(super) download: Download,
    wait: Wait,
    waiting: Waiting,
    is_finished: bool,
}

impl<'r> Exchange<'r> {
    /// A request that is sent over this connection.
    pub(super) fn new(link: Link, upload: &'r mut Upload, course: &'r mut Course) -> Self {
        let (wait, waiting) = (Wait::Nothing, Waiting::Silently);
        Self { link, upload, course, download: Download::new(), wait, waiting, is_finished: false }
    }

    /// Moves what can be moved; ready when the response is complete.
    ///
    /// # Errors
    /// [`Loss`] when it will never be.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> Poll<Result<(), Loss>> {
        let moved_before = self.progress();
        match self.link.leaving() {
            Leaving::Reset => return Poll::Ready(Err(Loss::Because(Cause::Drained))),
            Leaving::Close if self.course.is_tunnel => return Poll::Ready(Err(Loss::Because(Cause::Drained))),
            Leaving::Close | Leaving::Idle | Leaving::No => {}
        }
        self.advance(cx, relay)?;
        if self.is_complete(cx, relay) {
            return Poll::Ready(Ok(()));
        }
        if relay.client.is_reset(cx) {
            return Poll::Ready(Err(Loss::Because(Cause::ClientClosed)));
        }
        self.look_at_client(cx, relay)?;
        let wait = self.waits_for(&relay.listener);
        if wait != self.wait || moved_before != self.progress() || relay.paces.are_waiting() {
            self.wait = wait;
            relay.watch.rearm(self.patience_ms(&relay.listener));
        }
        match relay.watch.poll_alarm(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Alarm::Due) => Poll::Ready(Err(Loss::Because(self.overdue()))),
            Poll::Ready(Alarm::Draining | Alarm::Cut) => Poll::Ready(Err(Loss::Because(Cause::Shutdown))),
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> Result<(), Loss> {
        self.send(cx, relay)?;
        let received_before = self.download.received_bytes;
        let sent_before = self.download.sent_bytes;
        let was_tunnel = self.course.is_tunnel;
        let outcome = self.give_back(cx, relay);
        self.link.cells().bytes_in.add(self.download.received_bytes - received_before);
        relay.sent(self.download.sent_bytes - sent_before);
        outcome?;
        if self.download.received_bytes > 0 && self.upload.is_repeatable() {
            self.upload.forget(&relay.ctx);
        }
        if self.course.is_tunnel && !was_tunnel {
            self.upload.tunnel();
            self.send(cx, relay)?;
        }
        Ok(())
    }

    fn send(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> Result<(), Cause> {
        if self.upload.is_sent() {
            return Ok(());
        }
        let (sent, body) = (self.upload.sent_bytes, self.upload.body_bytes);
        let Relay { ctx, client, carry, paces, .. } = relay;
        let (backend, pace) = (&mut self.link.stream, &mut paces.up);
        let mut sides = upload::Sides { ctx, client, backend, carry, pace };
        let outcome = self.upload.advance(cx, &mut sides);
        self.link.cells().bytes_out.add(self.upload.sent_bytes - sent);
        relay.received(self.upload.body_bytes - body);
        outcome
    }

    fn give_back(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> Result<(), Loss> {
        let is_final = !self.upload.is_received() || relay.leaves;
        let Relay { ctx, client, listener, appetite, paces, generation, route, .. } = relay;
        let (id, is_final) = (self.link.backend, is_final || self.link.leaving().is_cut());
        let (backend, live) = self.link.parts();
        let course = &mut *self.course;
        let generation = *generation;
        let route = listener.routes.at(*route);
        let mut steering = Steering { course, ctx, listener, route, generation, backend: id, live, is_final };
        let pace = &mut paces.down;
        self.download.advance(cx, &mut download::Sides { ctx, client, backend, appetite, pace }, &mut steering)
    }

    /// Grows with whatever moves. A head that drips in is no progress until it is complete.
    fn progress(&self) -> u64 {
        let received_bytes = if self.download.has_head() { self.download.received_bytes } else { 0 };
        self.upload.sent_bytes + self.upload.body_bytes + received_bytes + self.download.sent_bytes
    }

    /// Looks whether the client is still there while its response has not begun: the backend need
    /// not work for one that is gone.
    fn look_at_client(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> Result<(), Loss> {
        if self.waiting != Waiting::Silently || self.download.has_head() || !self.upload.is_received() {
            return Ok(());
        }
        match relay.client.poll_end(cx) {
            Poll::Pending => {}
            Poll::Ready(End::Failed) => return Err(Loss::Because(Cause::ClientClosed)),
            Poll::Ready(End::Ended) => self.waiting = Waiting::HalfClosed,
            Poll::Ready(End::Speaks) => self.waiting = Waiting::Impatiently,
        }
        Ok(())
    }

    /// Whether nothing is left to do. In a tunnel each side ends alone, as in TCP.
    fn is_complete(&mut self, cx: &mut Context<'_>, relay: &mut Relay) -> bool {
        if !self.course.is_tunnel {
            return self.download.is_complete();
        }
        if self.download.is_complete() && !self.is_finished {
            self.is_finished = relay.client.finish(cx);
        }
        self.is_finished && self.upload.is_over()
    }

    fn waits_for(&self, listener: &ListenerPlan) -> Wait {
        let has_head = self.download.has_head();
        if self.course.is_tunnel {
            Wait::Tunnel
        } else if self.download.awaits_client() {
            Wait::Client
        } else if self.upload.awaits_client() && !has_head && !self.awaits_continue() {
            Wait::Body
        } else if self.waiting == Waiting::HalfClosed
            && !has_head
            && self.response_timeout_ms(listener) > HALF_CLOSED_MS
        {
            Wait::BackendAlone
        } else {
            Wait::Backend
        }
    }

    /// Whether the client waits for the backend's word before it sends the body.
    fn awaits_continue(&self) -> bool {
        self.course.expects_continue && self.upload.body_bytes == 0 && !self.download.has_interim()
    }

    /// How long the backend may be silent, in milliseconds.
    fn response_timeout_ms(&self, listener: &ListenerPlan) -> u32 {
        self.course.response_timeout_ms.unwrap_or(listener.settings.response_timeout_ms)
    }

    /// How long it may wait, in milliseconds.
    fn patience_ms(&self, listener: &ListenerPlan) -> u32 {
        match self.wait {
            Wait::Backend | Wait::Nothing => self.response_timeout_ms(listener),
            Wait::BackendAlone => HALF_CLOSED_MS,
            Wait::Client | Wait::Tunnel => listener.settings.idle_timeout_ms,
            Wait::Body => {
                let spent_ms = u64::try_from(self.course.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                listener.settings.idle_timeout_ms.min(body_patience_ms(
                    self.upload.body_bytes,
                    spent_ms,
                    listener.settings.limits.body_rate_min.0,
                ))
            }
        }
    }

    /// The cause when it has waited too long.
    fn overdue(&self) -> Cause {
        match self.wait {
            Wait::Body => Cause::RequestTimeout,
            Wait::Backend | Wait::Nothing => Cause::ResponseTimeout,
            Wait::BackendAlone => Cause::ClientClosed,
            Wait::Client | Wait::Tunnel => Cause::IdleTimeout,
        }
    }

    /// Tells the log what was moved.
    pub(super) fn tell(&mut self) {
        if let Some(journal) = &mut self.course.journal {
            journal.moved(self.upload.body_bytes, self.download.sent_bytes);
        }
    }

    /// Whether the client has been told nothing yet, so that poise may answer in the backend's place.
    pub(super) fn is_unanswered(&self) -> bool {
        !self.download.has_head() && !self.download.awaits_client()
    }

    /// Whether the connection to the backend can serve another request: both messages ended where
    /// their framing says, nothing followed, and the backend did not say otherwise.
    pub(super) fn is_reusable(&self) -> bool {
        self.course.reuses && !self.course.is_tunnel && self.upload.is_sent() && self.download.is_exact()
    }
}

/// How much longer a body of which so much has come in so much time may take to go on, when it must
/// keep up so many bytes a second; for ever with 0.
pub(super) fn body_patience_ms(body_bytes: u64, spent_ms: u64, rate_min: u32) -> u32 {
    let Some(slowest_ms) = body_bytes.saturating_mul(1_000).checked_div(u64::from(rate_min)) else { return u32::MAX };
    let earned_ms = BODY_GRACE_MS.saturating_add(slowest_ms);
    u32::try_from(earned_ms.saturating_sub(spent_ms)).unwrap_or(u32::MAX)
}

/// What a final head is answered with.
struct Steering<'a> {
    course: &'a mut Course,
    ctx: &'a WorkerContext,
    listener: &'a Arc<ListenerPlan>,
    route: &'a RoutePlan,
    /// Number of the plan that the listener was taken from.
    generation: u64,
    backend: BackendId,
    live: &'a BackendLive,
    /// The client's connection cannot live on, whatever was agreed.
    is_final: bool,
}

impl Steer for Steering<'_> {
    fn asked(&self) -> Asked {
        self.course.asked
    }

    fn bounds(&self) -> Bounds {
        self.listener.bounds
    }

    fn closes(&self) -> bool {
        self.course.closes
    }

    fn final_head(&mut self, head: &ResponseHead<'_, '_>) -> Returned<'_> {
        self.count(head);
        let course = &mut *self.course;
        course.is_tunnel = head.switches();
        course.reuses = head.keep_alive;
        course.closes = self.is_final
            || !course.keep_alive
            || head.framing_onward() == Framing::UntilClose
            || self.ctx.phase() != Phase::Serving
            || is_gone(self.ctx, self.listener.id, self.generation);
        let connection = match (course.closes, course.asked.http10) {
            (true, _) => Connection::Close,
            (false, true) => Connection::KeepAlive,
            (false, false) => Connection::Persist,
        };
        let edits = if self.course.is_tunnel { &[] } else { &self.route.settings.response_headers[..] };
        Returned { connection, binding: self.binding(head), edits }
    }
}

/// Whether a later plan than that of `generation` is in force and has no such listener any more.
fn is_gone(ctx: &WorkerContext, listener: ListenerId, generation: u64) -> bool {
    let plan = ctx.published.load();
    plan.generation != generation && !plan.listeners.contains_key(&listener)
}

impl Steering<'_> {
    fn count(&mut self, head: &ResponseHead<'_, '_>) {
        let class = usize::from(head.status / 100) - 1;
        let cells = self.live.worker(self.ctx.index);
        cells.responses[class].add(1);
        self.course.is_error = head.status >= 500;
        let listener = self.listener.live.worker(self.ctx.index);
        listener.responses[class].add(1);
        let us = u64::try_from(self.course.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        cells.latency.record(us);
        listener.latency.record(us);
        if let Some(live) = &self.route.live {
            let cells = live.worker(self.ctx.index);
            cells.responses[class].add(1);
            cells.latency.record(us);
        }
        if let Some(journal) = &mut self.course.journal {
            journal.answered(head.status, us);
        }
    }

    /// What becomes of the persistence cookie; counted here.
    fn binding(&self, head: &ResponseHead<'_, '_>) -> Binding<'_> {
        let Some(rule) = self.route.persistence.cookie().filter(|_| !self.course.is_tunnel) else {
            return Binding::Off;
        };
        let binding = rule.bind(self.course.mark, self.backend, wall::now_s);
        let count = |counted: fn(&PersistenceCells)| pick::count(self.ctx, (self.listener, self.route), counted);
        match binding {
            Binding::Off | Binding::Insert(_, None) => {}
            Binding::Insert(_, Some(_)) => count(PersistenceCells::set),
            Binding::Rewrite(name, ..) => {
                for cookie in head.cookies_set(name) {
                    count(if cookie.has_room() { PersistenceCells::set } else { PersistenceCells::too_long });
                }
            }
        }
        if let Some(journal) = &self.course.journal
            && !matches!(binding, Binding::Off | Binding::Insert(_, None))
        {
            journal.binds();
        }
        binding
    }
}
