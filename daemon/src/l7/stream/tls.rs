//! A connection under TLS, on rustls: what is encrypted passes through, nothing is kept at rest.
//!
//! A byte counts as written when the socket has its record, as one that is not encrypted would:
//! whoever waits for bytes to leave need not know of TLS. It shakes no hands and checks no
//! certificate. Called by `stream`.

use std::cell::RefCell;
use std::io::{self, BufRead as _, IoSlice, Read as _, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::{End, found, poll_read};
use crate::worker::Source as _;

/// Bytes that are read from a socket at once, when there is room for what they hold: four full
/// records. rustls alone reads 4 KiB.
const CIPHER_BYTES: usize = 64 << 10;
/// Room below which rustls reads for itself. Plaintext that finds no room stays within rustls,
/// which takes no more then; a read of its own is always within what it takes.
const CIPHER_ROOM_MIN: usize = 16 << 10;
/// Reads of records that are no data, such as tickets, before a connection at rest counts as one
/// that speaks out of turn.
const QUIET_READS_MAX: usize = 4;

thread_local! {
    /// One for all connections of a worker: filled and emptied within a call.
    static CIPHER: RefCell<Box<[u8]>> = RefCell::new(vec![0; CIPHER_BYTES].into_boxed_slice());
}

/// A connection whose handshake is over.
#[derive(Debug)]
pub(super) struct Tls {
    socket: TcpStream,
    session: Connection,
    /// The first byte that is given next was encrypted already, with those before it: it counts as
    /// written when the socket has taken everything.
    is_owed: bool,
    /// The peer was told that nothing follows, or must not be told.
    is_finished: bool,
}

impl From<TlsStream<TcpStream>> for Tls {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        let (socket, session) = match stream {
            TlsStream::Client(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Connection::Client(session))
            }
            TlsStream::Server(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Connection::Server(session))
            }
        };
        Self { socket, session, is_owed: false, is_finished: false }
    }
}

impl Tls {
    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) fn session(&self) -> &Connection {
        &self.session
    }

    /// Reads until there is no room or nothing more has arrived, so that nobody waits for a socket
    /// while rustls has what it brought.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut filled = 0;
        // Ends: every turn brings bytes, and the room is bounded.
        let outcome = loop {
            match self.session.reader().read(&mut into[filled..]) {
                Ok(0) => return Poll::Ready(Ok(filled)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break Poll::Ready(Err(error)),
            }
            if filled == into.len() {
                return Poll::Ready(Ok(filled));
            }
            match self.receive(cx, into, &mut filled) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        // What came before a fault or a wait is told first; the fault is there the next time.
        if filled > 0 { Poll::Ready(Ok(filled)) } else { outcome }
    }

    /// Reads the socket once and decrypts what it brought, into the room behind `filled` if that
    /// can be much.
    fn receive(&mut self, cx: &mut Context<'_>, into: &mut [u8], filled: &mut usize) -> Poll<io::Result<()>> {
        let room = into.len() - *filled;
        if room < CIPHER_ROOM_MIN {
            match self.session.read_tls(&mut Polled { cx, socket: &mut self.socket }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
                Ok(_) => return Poll::Ready(self.process(cx)),
            }
        }
        CIPHER.with_borrow_mut(|cipher| {
            let count = ready!(poll_read(cx, &mut self.socket, &mut cipher[..room.min(CIPHER_BYTES)]))?;
            let mut rest = &cipher[..count];
            // Ends: every turn takes bytes, and an end of the stream is told once.
            loop {
                self.session.read_tls(&mut rest)?;
                self.process(cx)?;
                if rest.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                if *filled == into.len() {
                    // What is left came with the part of a record that was there before: rustls
                    // has room for one.
                    continue;
                }
                match self.session.reader().read(&mut into[*filled..]) {
                    // The peer has said goodbye: what follows is nothing.
                    Ok(0) => return Poll::Ready(Ok(())),
                    Ok(count) => *filled += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        })
    }

    /// Decrypts, and answers what is for TLS alone.
    fn process(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let outcome = self.session.process_new_packets();
        if self.session.wants_write() {
            // A last word on a fault, or an answer to a key update; nothing waits for either.
            let _ = self.flush(cx);
        }
        outcome.map(|_| ()).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))
    }

    /// Writes as [`super::Stream::write`] does.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        // Ends: every turn takes bytes or leaves.
        while taken < bytes.len() {
            if !self.flush(cx)? {
                break;
            }
            taken += usize::from(std::mem::take(&mut self.is_owed));
            taken += self.encrypt(cx, &bytes[taken..])?;
        }
        Ok(taken)
    }

    /// Encrypts what rustls takes and sends it; returns how much of it counts as written.
    fn encrypt(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let taken = self.session.writer().write(bytes)?;
        if self.flush(cx)? {
            return Ok(taken);
        }
        self.is_owed = taken > 0;
        Ok(taken.saturating_sub(1))
    }

    /// Writes as [`super::Stream::write_last`] does.
    pub(super) fn write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let is_free = !self.is_owed && !bytes.is_empty() && self.flush(cx)?;
        if !is_free {
            return self.write(cx, bytes);
        }
        let taken = self.session.writer().write(bytes)?;
        if taken == bytes.len() {
            self.is_finished = true;
            self.session.send_close_notify();
        }
        if self.flush(cx)? {
            return self.write(cx, &bytes[taken..]).map(|rest| taken + rest);
        }
        self.is_owed = taken > 0;
        Ok(taken.saturating_sub(1))
    }

    /// Sends what is encrypted; true when the socket has all of it.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Polled { cx, socket: &mut self.socket }) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Encrypts what rustls takes, for a caller that flushes later: ready when nothing is in the way.
    pub(super) fn poll_encrypt(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.flush(cx)? {
            return Poll::Pending;
        }
        let taken = self.session.writer().write(bytes)?;
        self.flush(cx).map(|_| taken).into()
    }

    /// Says goodbye as [`super::Stream::finish`] does.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>) -> bool {
        if !std::mem::replace(&mut self.is_finished, true) {
            self.session.send_close_notify();
        }
        if let Ok(false) = self.flush(cx) {
            return false;
        }
        // A socket that is gone already needs no telling, and shutting down never waits.
        let _ = Pin::new(&mut self.socket).poll_shutdown(cx);
        true
    }

    /// No goodbye will be said.
    pub(super) fn silence(&mut self) {
        self.is_finished = true;
    }

    /// As [`super::Stream::at_rest`]: tickets and key updates are for TLS alone.
    pub(super) fn at_rest(&mut self) -> Option<End> {
        for _ in 0..QUIET_READS_MAX {
            match self.session.read_tls(&mut Tried(&self.socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return found(|into| self.session.reader().read(into));
                }
                Ok(0) => return Some(End::Ended),
                Ok(_) if self.session.process_new_packets().is_ok() => {}
                _ => return Some(End::Failed),
            }
        }
        Some(End::Failed)
    }

    /// Finds the end as [`super::Stream::poll_end`] does; what is for TLS alone is dealt with.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..QUIET_READS_MAX {
            if !self.session.wants_read() {
                let speaks = self.session.reader().fill_buf().is_ok_and(|bytes| !bytes.is_empty());
                return Poll::Ready(if speaks { End::Speaks } else { End::Ended });
            }
            match self.session.read_tls(&mut Polled { cx, socket: &mut self.socket }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Ok(0) => return Poll::Ready(End::Ended),
                Ok(_) if self.process(cx).is_ok() => {}
                _ => return Poll::Ready(End::Failed),
            }
        }
        Poll::Ready(End::Speaks)
    }

    /// Ready when there is something to read, be it within rustls.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.wants_read() { self.socket.poll_readable(cx) } else { Poll::Ready(()) }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        if !self.is_finished {
            self.session.send_close_notify();
            // What the socket does not take at once is not worth waiting for.
            let _ = self.session.write_tls(&mut Tried(&self.socket));
        }
    }
}

/// A socket for rustls, within a poll.
struct Polled<'a, 'c> {
    cx: &'a mut Context<'c>,
    socket: &'a mut TcpStream,
}

impl io::Read for Polled<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        now(poll_read(self.cx, self.socket, into))
    }
}

impl io::Write for Polled<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        now(Pin::new(&mut *self.socket).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            // A short write of one piece tells tokio that the socket is full.
            [piece] => self.write(piece),
            _ => now(Pin::new(&mut *self.socket).poll_write_vectored(self.cx, pieces)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket for rustls, outside a poll.
struct Tried<'a>(&'a TcpStream);

impl io::Read for Tried<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl io::Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn now<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
