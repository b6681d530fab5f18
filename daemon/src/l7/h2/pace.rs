//! The bytes of a backend's connection in turns: between two of them the tasks of its streams take what
//! has come, so that a flood of small messages is gathered before `h2` holds too many frames of it.
//!
//! It changes no byte. Used by `sessions`.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(test)]
mod tests;

/// Bytes of a turn; a frame of one byte has ten, so that some 6,500 come at the most.
const TURN_BYTES: usize = 64 << 10;

/// A connection that is read in turns.
pub(super) struct Paced<S> {
    stream: S,
    turn: Turn,
}

/// What is left of the turn that is under way.
#[derive(Clone, Debug)]
pub(super) struct Turn(Rc<Cell<usize>>);

impl Turn {
    /// The next turn begins.
    pub(super) fn begin(&self) {
        self.0.set(TURN_BYTES);
    }
}

impl<S> Paced<S> {
    /// A connection, and who begins its turns.
    pub(super) fn new(stream: S) -> (Self, Turn) {
        let turn = Turn(Rc::new(Cell::new(TURN_BYTES)));
        (Self { stream, turn: turn.clone() }, turn)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.turn.0.get();
        if left == 0 {
            // Behind those who are ready by now.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.turn.0.set(left.saturating_sub(into.filled().len() - before));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
