//! Getting one request carried: a connection from the pool or a new one, another backend when one
//! cannot be reached, and a second sending where it is safe.
//!
//! Safe means that the backend cannot have processed the request, or that processing it twice does
//! what processing it once does: a POST of which a byte was sent is never sent twice. It moves no
//! bytes itself (`exchange`). Called by `client`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Context;

use poise_core::http::bounds::Excess;
use poise_core::live::{Leaving, PersistenceCells};
use poise_core::persistence::CookieRule;
use poise_core::plan::{BackendId, BackendPlan};
use poise_ipc::cause::Cause;
use poise_ipc::model::BackendProtocol;
use poise_ipc::status::PassiveCause;
use tracing::{debug, warn};

use super::client::{Relay, Request};
use super::dial::dial;
use super::download::Loss;
use super::exchange::{Course, Exchange};
use super::h2;
use super::outbound::{self, Distrust, Link};
use super::pick::{self, Pick, Unpicked};
use super::reply::Telling;
use super::upload::Upload;
use crate::connect::{Errand, Manner, watch_peer};
use crate::turn;

/// The request is at hand when the connection is there.
const WITH_DATA: Manner = Manner { data: true, from: None };

/// Backends that one request is offered to.
const BACKENDS_MAX: usize = 3;

/// The way of one request through backends.
struct Attempt {
    transfer: Box<Transfer>,
    pick: Pick,
    tried: Vec<BackendId>,
    /// Connections of the pool may be used.
    may_reuse: bool,
    /// The pick is in the backend's counters.
    is_counted: bool,
    /// What of a response's head was too much.
    excess: Option<Box<Excess>>,
}

/// What is moved for a request, and what is known of it. On the heap from the moment on in which it
/// was read, so that it is not moved itself each time that it is handed on.
pub(super) struct Transfer {
    pub(super) upload: Upload,
    pub(super) course: Course,
}

/// Why an attempt failed.
enum Failure {
    /// The client can still be told.
    Told(Cause),
    /// The response has begun: the connection is cut.
    Cut(Cause),
}

impl Relay {
    /// Carries a request to its end; true when the client's connection may live on.
    pub(super) async fn carry_out(&mut self, request: Request) -> bool {
        let Request { mut transfer, pick } = request;
        let Transfer { upload, course } = &mut *transfer;
        let (keep_alive, head_only) = (course.keep_alive && !course.asked.http10, course.asked.head);
        let pick = match pick {
            Ok(pick) => Ok(pick),
            Err(Unpicked::Nobody(cause)) => Err(cause),
            Err(Unpicked::Full(wants)) => Box::pin(self.wait(wants, course)).await,
            Err(Unpicked::Elsewhere(place)) => {
                let keep_alive = keep_alive && upload.is_received();
                return Box::pin(self.redirect(&place, (keep_alive, head_only), course.journal.take())).await;
            }
        };
        let pick = match pick {
            Ok(pick) => pick,
            Err(cause) => {
                self.ended(None, cause);
                let telling = Telling::of(cause, keep_alive && upload.is_received(), head_only);
                return Box::pin(self.answer(telling, course.journal.take())).await;
            }
        };
        if course.mark.is_kept() && !pick.pinned {
            self.moves(course, None);
        }
        let (tried, excess) = (Vec::new(), None);
        let mut attempt = Attempt { transfer, pick, tried, may_reuse: true, is_counted: false, excess };
        match self.attempt(&mut attempt).await {
            Ok(()) => self.part(attempt).await,
            Err(Failure::Told(cause)) => {
                self.ended(Some(attempt.pick.backend.id), cause);
                let mut telling = Telling::of(cause, keep_alive && attempt.transfer.upload.is_received(), head_only);
                telling.excess = attempt.excess.take();
                let journal = attempt.transfer.course.journal.take();
                drop(attempt);
                Box::pin(self.answer(telling, journal)).await
            }
            Err(Failure::Cut(cause)) => {
                self.ended(Some(attempt.pick.backend.id), cause);
                if let Some(journal) = &mut attempt.transfer.course.journal {
                    journal.failed(cause, false);
                }
                false
            }
        }
    }

    /// Waits for a backend that has room, before anything is sent.
    async fn wait(&mut self, wants: Option<BackendId>, course: &mut Course) -> Result<Pick, Cause> {
        let group = Arc::clone(self.group());
        let Self { ctx, watch, client, .. } = self;
        if let Some(journal) = &mut course.journal {
            journal.waits(&group.name);
        }
        let left = |cx: &mut Context<'_>| client.has_left(cx);
        let turn = turn::wait(ctx, &group, wants, watch, left).await?;
        let pinned = wants == Some(turn.backend.id);
        if let Some(journal) = &mut course.journal {
            journal.picked(&group.name, &turn.backend, true);
        }
        Ok(Pick::new(turn, pinned))
    }

    /// After a complete response: true when the client's connection lives on, else the goodbye.
    async fn part(&mut self, attempt: Attempt) -> bool {
        let Course { closes, is_tunnel, .. } = attempt.transfer.course;
        if !closes && !is_tunnel {
            return true;
        }
        let still_sends = !attempt.transfer.upload.is_received() || !self.carry.is_empty();
        // The backend has done its work: it is not in flight while the client lingers.
        drop(attempt);
        self.client.conclude();
        if still_sends && !is_tunnel {
            Box::pin(self.linger()).await;
        }
        false
    }

    async fn attempt(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        // Ends: a connection of the pool fails at most once per backend, and backends are bounded.
        loop {
            let (link, reused) = self.reach(attempt).await.map_err(Failure::Told)?;
            let mut exchange = Exchange::new(link, &mut attempt.transfer.upload, &mut attempt.transfer.course);
            let outcome = poll_fn(|cx| exchange.poll(cx, self)).await;
            exchange.tell();
            match outcome {
                Ok(()) => {
                    exchange.link.live().streaks.answered(exchange.course.is_error);
                    if !exchange.download.is_exact() {
                        outbound::distrust(&self.ctx, &attempt.pick.backend, Distrust::Speaks);
                    } else if exchange.is_reusable() {
                        outbound::keep(&self.ctx, exchange.link);
                    }
                    return Ok(());
                }
                Err(Loss::Because(cause)) => return Err(self.lost(&mut exchange, cause)),
                Err(Loss::Refused(refusal)) => {
                    let (backend, excess) = (&attempt.pick.backend.name, exchange.download.excess.take());
                    match &excess {
                        Some(excess) if self.ctx.may_warn() => {
                            warn!(listener = %self.listener.name, %backend, %excess, "response refused");
                        }
                        _ => debug!(listener = %self.listener.name, %backend, reason = %refusal, "response refused"),
                    }
                    attempt.excess = excess;
                    return Err(self.lost(&mut exchange, refusal.of_response()));
                }
                Err(Loss::Silent) => {
                    let untouched = exchange.link.stream.is_untouched();
                    drop(exchange);
                    Box::pin(self.begin_again(attempt, reused, untouched)).await.map_err(Failure::Told)?;
                }
            }
        }
    }

    /// A response will not be completed.
    fn lost(&mut self, exchange: &mut Exchange<'_>, cause: Cause) -> Failure {
        if is_of_backend(cause) {
            exchange.link.cells().failures.add(1);
            exchange.link.live().streaks.failed(kind(cause));
        }
        if cause == Cause::ResponseTimeout {
            exchange.link.stream.distrust();
        }
        let reset = exchange.link.leaving() == Leaving::Reset;
        if exchange.is_unanswered() && cause != Cause::Shutdown && !reset {
            return Failure::Told(cause);
        }
        if reset {
            exchange.link.stream.abort();
        }
        if reset || exchange.download.ends_with_stream() {
            // An orderly close would make the part look like the whole.
            self.client.abort();
        }
        Failure::Cut(cause)
    }

    /// A connection for the request; the flag says that it served others before.
    async fn reach(&mut self, attempt: &mut Attempt) -> Result<(Link, bool), Cause> {
        match self.pooled(attempt) {
            Some(link) => Ok((link, true)),
            // On the heap, so that a request that finds a connection does not hold the room for it.
            None => Box::pin(self.open(attempt)).await,
        }
    }

    /// The same, when the pool of the first backend has none.
    async fn open(&mut self, attempt: &mut Attempt) -> Result<(Link, bool), Cause> {
        // Ends: each turn but the last tries another backend, and those are bounded.
        loop {
            match self.dial(&attempt.pick.backend).await {
                Ok(link) => {
                    link.stream.socket().inspect(|socket| watch_peer(socket, &self.listener.settings));
                    attempt.connected(&link, false);
                    return Ok((link, false));
                }
                Err(Cause::Shutdown) => return Err(Cause::Shutdown),
                Err(cause) => self.turn_to_another(attempt).await.ok_or(cause)?,
            }
            if let Some(link) = self.pooled(attempt) {
                return Ok((link, true));
            }
        }
    }

    async fn dial(&self, backend: &BackendPlan) -> Result<Link, Cause> {
        let errand = Errand { listener: self.listener.id, client: self.client.socket(), manner: WITH_DATA };
        let timeout_ms = self.listener.settings.connect_timeout_ms;
        match backend.protocol {
            BackendProtocol::Http1 => dial(&self.ctx, errand, backend, &self.watch, timeout_ms).await,
            BackendProtocol::Http2 => Box::pin(h2::dial(&self.ctx, errand, backend, &self.watch, timeout_ms)).await,
        }
    }

    fn pooled(&self, attempt: &mut Attempt) -> Option<Link> {
        let link = self.spare(attempt)?;
        attempt.connected(&link, true);
        Some(link)
    }

    fn spare(&self, attempt: &Attempt) -> Option<Link> {
        if attempt.pick.backend.protocol == BackendProtocol::Http2 {
            return attempt.may_reuse.then(|| h2::stream(&self.ctx, &attempt.pick.backend)).flatten();
        }
        let (mut pool, now_ms) = (self.ctx.l7.pool.borrow_mut(), self.ctx.clock.now_ms());
        let mut links =
            std::iter::from_fn(|| attempt.may_reuse.then(|| pool.take(&attempt.pick.backend, now_ms)).flatten());
        // A request that cannot be sent twice pays for one more look at the connection.
        links.find(|link| attempt.transfer.course.is_idempotent || link.stream.is_quiet_now())
    }

    /// The backend closed without a byte of response: sends the request again where that is safe.
    async fn begin_again(&mut self, attempt: &mut Attempt, reused: bool, untouched: bool) -> Result<(), Cause> {
        let Transfer { upload, course } = &*attempt.transfer;
        let unsent = upload.sent_bytes == 0;
        let is_safe = upload.is_repeatable() && (course.is_idempotent || unsent || untouched);
        if !reused {
            let live = &attempt.pick.backend.live;
            live.worker(self.ctx.index).failures.add(1);
            live.streaks.failed(PassiveCause::ServerErrors);
        }
        if is_safe && reused {
            // It rested too long for the backend's taste; that says nothing against the backend, unless
            // so many do that requests are sent twice beyond what is allowed.
            if !self.ctx.l7.spend() {
                outbound::distrust(&self.ctx, &attempt.pick.backend, Distrust::Leaves);
            }
            attempt.may_reuse = false;
        } else if !is_safe || !self.ctx.l7.spend() || self.turn_to_another(attempt).await.is_none() {
            return Err(Cause::BackendClosed);
        }
        attempt.transfer.upload.rewind();
        Ok(())
    }

    /// Picks a backend that was not tried, if there is one and the bound allows it.
    async fn turn_to_another(&mut self, attempt: &mut Attempt) -> Option<()> {
        attempt.tried.push(attempt.pick.backend.id);
        let is_bound = attempt.pick.pinned && self.route().persistence.cookie().is_some_and(CookieRule::binds);
        if attempt.tried.len() >= BACKENDS_MAX || is_bound {
            return None;
        }
        let next = match pick::another(self.group(), self.sender.ip(), &attempt.tried) {
            Ok(pick) => {
                if let Some(journal) = &mut attempt.transfer.course.journal {
                    journal.picked(&self.group().name, &pick.backend, false);
                }
                pick
            }
            Err(Unpicked::Full(wants)) => self.wait(wants, &mut attempt.transfer.course).await.ok()?,
            Err(Unpicked::Nobody(_) | Unpicked::Elsewhere(_)) => return None,
        };
        let before = std::mem::replace(&mut attempt.pick, next);
        if attempt.transfer.course.mark.is_kept() {
            self.moves(&mut attempt.transfer.course, Some(&before.backend));
        }
        (attempt.may_reuse, attempt.is_counted) = (true, false);
        Some(())
    }
}

impl Relay {
    /// A client goes to another backend than its own, which could not be reached.
    fn moves(&self, course: &mut Course, from: Option<&BackendPlan>) {
        course.mark.moved();
        if let Some(journal) = &mut course.journal {
            journal.bound(course.mark.verdict);
        }
        pick::count(&self.ctx, (&self.listener, self.route()), PersistenceCells::moved);
        let backend = from.map(|backend| tracing::field::display(&backend.name));
        debug!(listener = %self.listener.name, client = %self.peer, backend, "client moves, its backend cannot be reached");
    }
}

/// Whether a cause is the backend's doing.
fn is_of_backend(cause: Cause) -> bool {
    matches!(cause, Cause::BackendClosed | Cause::BadResponse | Cause::ResponseHeadTooLarge | Cause::ResponseTimeout)
}

/// What passive checks take a cause for that is the backend's doing.
const fn kind(cause: Cause) -> PassiveCause {
    match cause {
        Cause::ResponseTimeout => PassiveCause::Timeouts,
        // The client has 502 for it, or less than a response.
        _ => PassiveCause::ServerErrors,
    }
}

impl Attempt {
    /// Its backend is reached: counts the pick, once.
    fn connected(&mut self, link: &Link, reused: bool) {
        if !std::mem::replace(&mut self.is_counted, true) {
            link.cells().picks.add(1);
            link.cells().pinned.add(u64::from(self.pick.pinned));
        }
        if let Some(journal) = &mut self.transfer.course.journal {
            journal.connected(reused);
        }
    }
}
