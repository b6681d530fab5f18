//! Reading and writing one socket within a poll: as much as it takes, and what it refused is held.
//!
//! It knows no HTTP. tokio forgets a socket's readiness after a short read or write, so the common
//! request costs no call that finds nothing. Used by both directions of an exchange.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that one direction of one connection moves before the others of the worker get their turn:
/// some 300 us.
pub(super) const TURN_BYTES_MAX: u64 = 1 << 20;

/// Reads once. `Ready(Ok(0))` is the end of the stream.
pub(super) fn poll_read(cx: &mut Context<'_>, stream: &mut TcpStream, into: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    Pin::new(stream).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
}

/// Writes until all is written or the socket refuses more; returns how much it took.
pub(super) fn write(cx: &mut Context<'_>, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match Pin::new(&mut *stream).poll_write(cx, &bytes[taken..]) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(n)) => taken += n,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    Ok(taken)
}

/// As [`write`], for the last bytes before the connection is closed or finished, which must follow
/// at once: the kernel holds them back so that the end travels in the same packet.
pub(super) fn write_last(cx: &mut Context<'_>, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let taken = match stream.try_io(Interest::WRITABLE, || Ok(send(&*stream, bytes, flags)?)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        outcome => outcome?,
    };
    // What is left waits for the socket in the usual way.
    write(cx, stream, &bytes[taken..]).map(|rest| taken + rest)
}

/// Tells the peer that nothing more will be written.
pub(super) fn finish(cx: &mut Context<'_>, stream: &mut TcpStream) {
    // A socket that is gone already needs no telling, and shutting down never waits.
    let _ = Pin::new(stream).poll_shutdown(cx);
}

/// Bytes in order, kept until they can be used: what a socket refused, or what came too early.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    at: usize,
}

impl Held {
    /// Holds these bytes, from the first.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What is held.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Adds to the end. The room is exact: many slow peers must not hold twice what they need.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.reserve_exact(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets go of the first `count` bytes; the memory goes with the last.
    pub(super) fn consume(&mut self, count: usize) {
        self.at += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Holds everything from the first byte again.
    pub(super) fn rewind(&mut self) {
        self.at = 0;
    }

    /// Writes what is held, but lets go of nothing; returns how much was taken.
    pub(super) fn write_kept(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> io::Result<usize> {
        let taken = write(cx, stream, self.bytes())?;
        self.at += taken;
        Ok(taken)
    }

    /// Writes what is held and lets go of it; returns how much was taken.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> io::Result<usize> {
        let taken = write(cx, stream, self.bytes())?;
        self.consume(taken);
        Ok(taken)
    }

    /// The buffer, whatever was consumed of it.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}
