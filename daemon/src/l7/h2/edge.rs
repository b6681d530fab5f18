//! A client's connection of HTTP/2: takes its streams, and parts with it in time.
//!
//! Every stream is served by a task of its `crew`, which counts what becomes of its request; here only the
//! connection is looked after: floods, rest, drains and the goodbye. Called by `l7`.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request};
use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use tracing::debug;

use super::super::held::Held;
use super::super::stream::Stream;
use super::client::ClientStream;
use super::crew::{Crew, Job};
use super::frames::Verdict;
use super::incoming::Incoming;
use super::io::{Io, Signals};
use super::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES_MAX, MORSELS_BYTES_MAX, RESETS_MAX, SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES,
    ask,
};
use crate::worker::{Alarm, Phase, Watch, WorkerContext};

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4).
pub(in super::super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that a field counts for beside its text (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: u32 = 32;
/// How often a connection looks whether its listener is still there, in milliseconds.
const LOOK_MS: u32 = 5_000;
/// How long a connection without streams may take to part, in milliseconds.
const PART_MS: u32 = 2_000;
/// Streams at once that do not make a connection large. `h2` has a place for as many as there ever
/// were, 0.8 KiB each with what waits for them, and gives none back.
const STREAMS_USUAL: usize = 16;
/// How long a connection that has grown beyond 64 KiB may rest, in milliseconds: it goes, because
/// nothing less gives its memory back.
const LARGE_REST_MS_MAX: u32 = 10_000;
/// Streams that a client may reset before we have seen them: all those of a page that is left.
const UNSEEN_RESETS_MAX: usize = 100;

/// What is known of a connection.
struct Edge {
    ctx: Rc<WorkerContext>,
    listener: Arc<ListenerPlan>,
    /// Number of the plan that the listener was taken from.
    generation: u64,
    peer: SocketAddr,
    tls: Option<&'static str>,
    watch: Watch,
    crew: Rc<Crew>,
    signals: Rc<Signals>,
    /// It has not asked for anything yet.
    is_new: bool,
    /// It was told goodbye.
    is_parting: bool,
    /// The goodbye was a final one.
    is_cut: bool,
}

/// Serves a client that speaks HTTP/2, of whom `ahead` was read already.
pub(in super::super) async fn serve(
    ctx: Rc<WorkerContext>,
    listener: Arc<ListenerPlan>,
    stream: Stream,
    peer: SocketAddr,
    ahead: Held,
) {
    let watch = ctx.watch(listener.settings.head_timeout_ms);
    let tls = stream.tls_version();
    let (io, signals) = Io::new(&ctx, stream, ahead);
    let crew = Crew::new(&ctx, peer);
    let mut edge = Edge {
        generation: ctx.published.load().generation,
        ctx,
        listener,
        peer,
        tls,
        watch,
        crew,
        signals,
        is_new: true,
        is_parting: false,
        is_cut: false,
    };
    let handshake = edge.watch.bound(builder(&edge.listener).handshake(io)).await;
    let cause = match handshake {
        Ok(Ok(mut connection)) => {
            edge.watch.rearm(edge.look_ms());
            poll_fn(|cx| edge.poll(cx, &mut connection)).await
        }
        Ok(Err(error)) => edge.cause_of(&error),
        Err(Alarm::Due) => Some(Cause::RequestTimeout),
        Err(Alarm::Draining | Alarm::Cut) => None,
    };
    if let Some(cause) = cause {
        edge.ctx.ended(&edge.listener, None, edge.peer, cause);
    }
}

/// Limits for the box: what `h2` allows by default would let one connection hold 40 MB.
fn builder(listener: &ListenerPlan) -> Builder {
    let limits = &listener.settings.limits;
    let resets_max = usize::try_from(RESETS_MAX).unwrap_or(usize::MAX);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.streams_max.0)
        .max_header_list_size(
            limits.head_bytes_max.0.saturating_add(limits.fields_max.0.saturating_mul(FIELD_OVERHEAD)),
        )
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .data_frame_budget(MORSELS_BYTES_MAX)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .max_local_error_reset_streams(Some(resets_max));
    builder
}

impl Edge {
    /// Ready when the connection has ended, with the cause if it ended badly.
    fn poll(&mut self, cx: &mut Context<'_>, connection: &mut Connection<Io, Bytes>) -> Poll<Option<Cause>> {
        self.signals.begin_turn();
        // Ends: streams are bounded, and every alarm but the last sets the next.
        loop {
            match connection.poll_accept(cx) {
                Poll::Ready(None | Some(Err(_))) if self.is_cut => return Poll::Ready(Some(Cause::Http2Flood)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(self.cause_of(&error)),
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.follow(connection);
                    self.begin(request, respond);
                    continue;
                }
                Poll::Pending => {}
            }
            if self.judge(connection) {
                continue;
            }
            match self.watch.poll_alarm(cx) {
                Poll::Pending if self.ctx.phase() == Phase::Serving || self.is_parting => return Poll::Pending,
                Poll::Ready(Alarm::Draining | Alarm::Cut) => return Poll::Ready(None),
                Poll::Pending | Poll::Ready(Alarm::Due) => {
                    if self.has_overstayed() {
                        return Poll::Ready(self.is_cut.then_some(Cause::Http2Flood));
                    }
                    self.follow(connection);
                    if self.crew.is_at_rest() {
                        self.crew.relieve();
                    }
                    self.watch.rearm(self.look_ms());
                }
            }
        }
    }

    /// Ends a connection that floods; true when it was told just now.
    fn judge(&mut self, connection: &mut Connection<Io, Bytes>) -> bool {
        match self.signals.verdict() {
            Verdict::Weary if !self.is_parting => {
                self.part(connection);
                true
            }
            Verdict::Flood if !self.is_cut => {
                (self.is_cut, self.is_parting) = (true, true);
                self.crew.rest_anew();
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                true
            }
            _ => false,
        }
    }

    /// Follows the plan and the phase: where the listener is gone, or the worker drains, the streams
    /// that are open end in their own time and no others begin.
    fn follow(&mut self, connection: &mut Connection<Io, Bytes>) {
        let plan = self.ctx.published.load();
        let mut stays = self.ctx.phase() == Phase::Serving;
        if plan.generation != self.generation {
            self.generation = plan.generation;
            match plan.listeners.get(&self.listener.id) {
                Some(listener) if listener.protocol() == self.listener.protocol() => {
                    self.listener = Arc::clone(listener);
                }
                _ => stays = false,
            }
        }
        if self.crew.is_at_rest() && self.crew.rested_ms() >= u64::from(self.rest_ms_max()) {
            stays = false;
        }
        if !stays && !self.is_parting {
            self.part(connection);
        }
    }

    fn part(&mut self, connection: &mut Connection<Io, Bytes>) {
        self.is_parting = true;
        if self.crew.is_at_rest() {
            self.crew.rest_anew();
        }
        connection.graceful_shutdown();
    }

    /// How long it may be without a stream.
    fn rest_ms_max(&self) -> u32 {
        let settings = &self.listener.settings;
        let sooner_ms = match () {
            () if self.is_new => settings.head_timeout_ms,
            () if self.is_large() => LARGE_REST_MS_MAX,
            () => u32::MAX,
        };
        settings.idle_timeout_ms.min(sooner_ms)
    }

    /// Whether it holds more than an idle connection should.
    fn is_large(&self) -> bool {
        self.crew.open_max() > STREAMS_USUAL || self.signals.keeps_much()
    }

    fn look_ms(&self) -> u32 {
        if self.is_parting { LOOK_MS.min(PART_MS) } else { LOOK_MS.min(self.rest_ms_max()) }
    }

    /// Whether it was told goodbye and does not go.
    fn has_overstayed(&self) -> bool {
        self.is_parting && (self.is_cut || self.crew.is_at_rest()) && self.crew.rested_ms() >= u64::from(PART_MS)
    }

    /// Begins a stream: a relay of its own, for one request.
    fn begin(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        self.is_new = false;
        let (asked, body) = request.into_parts();
        let mut head = self.ctx.l7.buffer();
        let is_whole = body.is_end_stream();
        let Ok(has_length) = ask::write(&asked, is_whole, &mut head) else {
            self.listener.live.worker(self.ctx.index).requests.add(1);
            self.ctx.ended(&self.listener, None, self.peer, Cause::BadRequest);
            respond.send_reset(Reason::PROTOCOL_ERROR);
            return;
        };
        // A head that a body follows is read together with what has come of it.
        let (head, first) = if is_whole { (head, Vec::new()) } else { (Vec::new(), head) };
        let request = Incoming::new(first, (!is_whole).then_some(body), !has_length);
        let stream = ClientStream::new(request, respond, asked.method == Method::HEAD, self.tls);
        let (listener, generation) = (Arc::clone(&self.listener), self.generation);
        self.crew.serve(Job { stream: stream.into(), head, listener, generation });
    }

    /// Why a connection ended badly, as far as somebody should know.
    fn cause_of(&self, error: &h2::Error) -> Option<Cause> {
        debug!(listener = %self.listener.name, client = %self.peer, reason = %error, "connection ended");
        let by_us = error.is_library();
        match error.reason() {
            Some(Reason::ENHANCE_YOUR_CALM) if by_us => Some(Cause::Http2Flood),
            Some(reason) if by_us && reason != Reason::NO_ERROR => Some(Cause::BadRequest),
            _ => None,
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.crew.dismiss();
    }
}
