//! What a probe leaves behind as it goes: the time of each part, the ends of its connection, and the
//! first bytes that went over it.
//!
//! It judges nothing. `attempt` marks the parts; the bytes are noted by a [`Tap`] round the stream,
//! inside TLS, so that they can be read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use poise_ipc::health::{EXCERPT_BYTES_MAX, Exchange};
use poise_ipc::model::Address;
use poise_ipc::status::{Phase, Phases, Reason};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::attempt::{Failure, micros, reason};

/// The trail of one probe.
#[derive(Debug)]
pub(super) struct Track {
    /// When it has to be over.
    pub(super) deadline: Instant,
    began: Instant,
    mark: Instant,
    phases: Phases,
    detail: Detail,
    /// Where it went.
    peer: Option<Address>,
    /// Where it came from.
    source: Option<Address>,
    wire: Wire,
}

/// How much is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Times and bytes.
    Usual,
    /// The ends of the connection too, which costs a call of the system.
    Ends,
}

/// What went over the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    exchange: Exchange,
    first_at: Option<Instant>,
}

/// A trail that has ended.
#[derive(Debug)]
pub(super) struct Trail {
    pub(super) latency_us: u64,
    pub(super) phases: Phases,
    pub(super) exchange: Exchange,
    pub(super) peer: Option<Address>,
    pub(super) source: Option<Address>,
}

impl Track {
    /// One that begins now and may take so long.
    pub(super) fn new(timeout: Duration, detail: Detail) -> Self {
        let now = Instant::now();
        Self {
            deadline: now + timeout,
            began: now,
            mark: now,
            phases: Phases::default(),
            detail,
            peer: None,
            source: None,
            wire: Wire::default(),
        }
    }

    /// The connection is there.
    pub(super) fn connected(&mut self) {
        self.phases.connect_us = Some(self.lap());
    }

    /// Notes where the connection goes and where it comes from, if that is wanted.
    pub(super) fn ends(&mut self, ends: impl FnOnce() -> (Address, Option<Address>)) {
        if self.detail == Detail::Ends {
            let (peer, source) = ends();
            (self.peer, self.source) = (Some(peer), source);
        }
    }

    /// TLS is spoken.
    pub(super) fn secured(&mut self) {
        self.phases.tls_us = Some(self.lap());
    }

    fn lap(&mut self) -> u64 {
        let now = Instant::now();
        micros(now - std::mem::replace(&mut self.mark, now))
    }

    /// A step of this phase, until the deadline.
    pub(super) async fn within<T>(
        &self,
        phase: Phase,
        step: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Failure> {
        let done = timeout_at(self.deadline, step).await.map_err(|_| (phase, Reason::Timeout))?;
        done.map_err(|error| (phase, reason(&error)))
    }

    /// Where bytes are noted.
    pub(super) fn wire(&self) -> Wire {
        self.wire.clone()
    }

    /// The stream, with what goes over it noted.
    pub(super) fn tap<S>(&self, stream: S) -> Tap<S> {
        Tap { stream, wire: self.wire() }
    }

    /// The end.
    pub(super) fn end(self) -> Trail {
        let now = Instant::now();
        let Noted { exchange, first_at } = std::mem::take(&mut *self.wire.noted());
        let mut phases = self.phases;
        if let Some(first_at) = first_at {
            phases.first_byte_us = Some(micros(first_at - self.mark));
            phases.rest_us = Some(micros(now - first_at));
        }
        let latency_us = micros(now - self.began);
        Trail { latency_us, phases, exchange, peer: self.peer, source: self.source }
    }
}

impl Wire {
    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        // What was noted stays true whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is sent.
    pub(super) fn sent(&self, bytes: &[u8]) {
        keep(&mut self.noted().exchange.sent, bytes);
    }

    /// Notes what has come.
    pub(super) fn received(&self, bytes: &[u8]) {
        let mut noted = self.noted();
        noted.first_at.get_or_insert_with(Instant::now);
        keep(&mut noted.exchange.received, bytes);
        noted.exchange.received_bytes += bytes.len() as u64;
    }

    /// The answer begins here, whatever came before it.
    pub(super) fn answered(&self) {
        self.noted().first_at = Some(Instant::now());
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = EXCERPT_BYTES_MAX.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// A stream of which the first bytes are noted.
#[derive(Debug)]
pub(super) struct Tap<S> {
    stream: S,
    wire: Wire,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let come = &buf.filled()[before..];
        if !come.is_empty() {
            self.wire.received(come);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(len)) = polled {
            self.wire.sent(&bytes[..len]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
