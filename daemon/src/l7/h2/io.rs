//! The bytes of a client's connection as `h2` takes them: what was read ahead comes first, and the
//! frames are counted on the way.
//!
//! It ends nothing: the verdict is left where `edge` finds it, and from a flood nothing more is
//! read. Used by `edge`.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::held::Held;
use super::super::stream::Stream;
use super::frames::{Frames, Verdict};
use crate::worker::WorkerContext;

/// A client's connection.
pub(super) struct Io {
    ctx: Rc<WorkerContext>,
    stream: Stream,
    ahead: Held,
    frames: Frames,
    signals: Rc<Signals>,
}

/// What passes between a connection's bytes and whoever looks after it.
#[derive(Debug, Default)]
pub(super) struct Signals {
    verdict: Cell<Verdict>,
    keeps_much: Cell<bool>,
    turn: Cell<Turn>,
}

/// What is known of the socket in the turn that is under way. `h2` reads again for every stream that
/// it hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// Nobody counts turns.
    #[default]
    Uncounted,
    /// There may be something to read.
    Begun,
    /// There was nothing more to read, and the task will be woken when there is.
    Drained,
}

impl Signals {
    /// What is thought of the frames so far.
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.get()
    }

    /// Whether much may be kept of what has been read.
    pub(super) fn keeps_much(&self) -> bool {
        self.keeps_much.get()
    }

    /// A turn of the connection's task begins.
    pub(super) fn begin_turn(&self) {
        self.turn.set(Turn::Begun);
    }
}

impl Io {
    /// A connection of which `ahead` was read already, and the place where the verdict is left.
    pub(super) fn new(ctx: &Rc<WorkerContext>, stream: Stream, ahead: Held) -> (Self, Rc<Signals>) {
        let signals = Rc::<Signals>::default();
        let frames = Frames::new(super::PREFACE.len(), ctx.clock.now_ms());
        (Self { ctx: Rc::clone(ctx), stream, ahead, frames, signals: Rc::clone(&signals) }, signals)
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(cx, into);
        if outcome.is_pending() && self.signals.turn.get() == Turn::Begun {
            self.signals.turn.set(Turn::Drained);
        }
        outcome
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.signals.verdict() == Verdict::Flood || this.signals.turn.get() == Turn::Drained {
            // Whoever finds the verdict ends the connection.
            return Poll::Pending;
        }
        let before = into.filled().len();
        if this.ahead.is_empty() {
            ready!(this.poll_stream(cx, into))?;
        } else {
            let count = this.ahead.bytes().len().min(into.remaining());
            into.put_slice(&this.ahead.bytes()[..count]);
            this.ahead.consume(count);
        }
        this.signals.verdict.set(this.frames.received(&into.filled()[before..], this.ctx.clock.now_ms()));
        this.signals.keeps_much.set(this.frames.keeps_much());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.frames.sent(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
