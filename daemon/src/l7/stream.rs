//! One connection as the relay reads and writes it within a poll: plain, under TLS, or a stream of
//! a connection of HTTP/2.
//!
//! It knows no HTTP, holds no bytes of its own and shakes no hands: whoever accepts or dials does
//! that and passes on what it got. tokio forgets a socket's readiness after a short read or write,
//! so the common request costs no call that finds nothing. Used by both directions of an exchange.

mod asynchronous;
mod tls;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use poise_core::http::onward::Returned;
use poise_core::http::response::ResponseHead;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead as _, AsyncWrite as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use self::tls::Tls;
use super::h2::{BackendStream, ClientStream};
use crate::turn::has_left;
use crate::worker::Source;

/// Bytes that one direction of one connection moves before the others of the worker get their turn:
/// some 300 us.
pub(super) const TURN_BYTES_MAX: u64 = 1 << 20;

/// A connection with a client or a backend.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<Tls>),
    Client(Box<ClientStream>),
    Backend(Box<BackendStream>),
}

/// What is found where nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Bytes.
    Speaks,
    /// The end of the stream: the peer will say nothing more, and may have gone.
    Ended,
    /// A connection that was reset or broke.
    Failed,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self(Kind::Plain(socket))
    }
}

impl From<TlsStream<TcpStream>> for Stream {
    /// The handshake is over.
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self(Kind::Tls(Box::new(Tls::from(stream))))
    }
}

impl From<ClientStream> for Stream {
    fn from(stream: ClientStream) -> Self {
        Self(Kind::Client(Box::new(stream)))
    }
}

impl From<BackendStream> for Stream {
    fn from(stream: BackendStream) -> Self {
        Self(Kind::Backend(Box::new(stream)))
    }
}

impl Stream {
    /// The socket below, for its options and for waiting, where it has one for itself. Whoever reads
    /// or writes it breaks TLS.
    pub fn socket(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Plain(socket) => Some(socket),
            Kind::Tls(tls) => Some(tls.socket()),
            Kind::Client(_) | Kind::Backend(_) => None,
        }
    }

    /// Whether it runs under TLS.
    pub fn is_tls(&self) -> bool {
        match &self.0 {
            Kind::Plain(_) | Kind::Backend(_) => false,
            Kind::Tls(_) => true,
            Kind::Client(stream) => stream.is_tls(),
        }
    }

    /// The version of TLS that it runs under, for logs.
    pub(super) fn tls_version(&self) -> Option<&'static str> {
        match &self.0 {
            Kind::Plain(_) | Kind::Backend(_) => None,
            Kind::Tls(tls) => Some(match tls.session().protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                _ => "1.3",
            }),
            Kind::Client(stream) => stream.tls_version(),
        }
    }

    /// Whether it is a stream of HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.0, Kind::Client(_))
    }

    /// The TLS connection, where there is one.
    pub fn session(&self) -> Option<&rustls::Connection> {
        match &self.0 {
            Kind::Plain(_) | Kind::Client(_) | Kind::Backend(_) => None,
            Kind::Tls(tls) => Some(tls.session()),
        }
    }

    /// Reads what is there. `Ready(Ok(0))` is the end of the stream, said by the peer; under TLS an
    /// end that it did not announce is an error.
    ///
    /// # Errors
    /// Those of the socket, and of TLS.
    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(socket) => poll_read(cx, socket, into),
            Kind::Tls(tls) => tls.poll_read(cx, into),
            Kind::Client(stream) => stream.poll_read(cx, into),
            Kind::Backend(stream) => stream.poll_read(cx, into),
        }
    }

    /// Has a stream of HTTP/2 take in what arrives while it is not read; others wait in the kernel.
    pub(super) fn gather(&mut self, cx: &mut Context<'_>) {
        match &mut self.0 {
            Kind::Plain(_) | Kind::Tls(_) => {}
            Kind::Client(stream) => stream.gather(cx),
            Kind::Backend(stream) => stream.gather(cx),
        }
    }

    /// Writes until all is written or the socket refuses more; returns how much it took. What was
    /// refused comes first the next time.
    ///
    /// # Errors
    /// Those of the socket, and of TLS.
    #[inline]
    pub(super) fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(socket) => write(cx, socket, bytes),
            Kind::Tls(tls) => tls.write(cx, bytes),
            Kind::Client(stream) => stream.write(cx, bytes),
            Kind::Backend(stream) => stream.write(cx, bytes),
        }
    }

    /// Tells a stream of HTTP/2 the head that was parsed from `bytes`; a final one goes with what is
    /// written next, be that nothing. Returns how many bytes that counts for; none where heads are
    /// text among what is written.
    pub(super) fn tell(
        &mut self,
        head: &ResponseHead<'_, '_>,
        bytes: &[u8],
        returned: Returned<'_>,
    ) -> Option<io::Result<usize>> {
        match &mut self.0 {
            Kind::Client(stream) => Some(stream.tell(head, bytes, returned)),
            Kind::Plain(_) | Kind::Tls(_) | Kind::Backend(_) => None,
        }
    }

    /// Takes back a head that was told and has not gone.
    pub(super) fn unsay(&mut self) {
        if let Kind::Client(stream) = &mut self.0 {
            stream.unsay();
        }
    }

    /// As [`Stream::write`], for the last bytes before the connection is closed or finished, which
    /// must follow at once: the end travels in the same packet.
    ///
    /// # Errors
    /// Those of the socket, and of TLS.
    pub(super) fn write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(socket) => write_last(cx, socket, bytes),
            Kind::Tls(tls) => tls.write_last(cx, bytes),
            Kind::Client(stream) => stream.write(cx, bytes),
            Kind::Backend(stream) => stream.write(cx, bytes),
        }
    }

    /// Tells the peer that nothing more will be written. False when the socket has no room to say
    /// it: to be tried again, which does no harm when it was said.
    pub(super) fn finish(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.0 {
            Kind::Plain(socket) => {
                // A socket that is gone already needs no telling, and shutting down never waits.
                let _ = Pin::new(socket).poll_shutdown(cx);
                true
            }
            Kind::Tls(tls) => tls.finish(cx),
            Kind::Client(stream) => {
                stream.finish();
                true
            }
            // A request ends where its framing says.
            Kind::Backend(_) => true,
        }
    }

    /// A message is complete that ends with the stream. The end of a socket comes by itself; a
    /// stream of HTTP/2 would be reset.
    pub(super) fn conclude(&mut self) {
        if let Kind::Client(stream) = &mut self.0 {
            stream.finish();
        }
    }

    /// Lets it end in a way that nobody takes for the orderly end of what was sent, as soon as it
    /// is dropped.
    pub(super) fn abort(&mut self) {
        // Best effort: a socket that is gone needs no reset, and a stream is reset anyway.
        let _ = self.socket().map(TcpStream::set_zero_linger);
        if let Kind::Tls(tls) = &mut self.0 {
            tls.silence();
        }
    }

    /// Ready when the peer has ended or said something, without taking it. As long as the runtime
    /// knows of no event this makes no system call.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match &mut self.0 {
            Kind::Plain(socket) => socket.poll_peek(cx, &mut ReadBuf::new(&mut [0; 1])).map(|peeked| match peeked {
                Ok(0) => End::Ended,
                Ok(_) => End::Speaks,
                Err(_) => End::Failed,
            }),
            Kind::Tls(tls) => tls.poll_end(cx),
            // It is asked whether it was reset.
            Kind::Client(_) | Kind::Backend(_) => Poll::Pending,
        }
    }

    /// What has arrived that somebody would have to read: the end of the stream, or bytes that nobody
    /// asked for. As long as the runtime knows of no event this makes no system call.
    pub(super) fn at_rest(&mut self) -> Option<End> {
        match &mut self.0 {
            Kind::Plain(socket) => found(|into| socket.try_read(into)),
            Kind::Tls(tls) => tls.at_rest(),
            Kind::Client(_) | Kind::Backend(_) => Some(End::Failed),
        }
    }

    /// Whether nothing has arrived, by what the kernel says.
    pub(super) fn is_quiet_now(&self) -> bool {
        let peek = |socket| recv(socket, &mut [0; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(self.socket().map(peek), Some(Err(rustix::io::Errno::AGAIN)))
    }

    /// Whether the peer has gone, as far as that can be told without reading.
    pub(super) fn has_left(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.0 {
            Kind::Client(stream) => stream.poll_gone(cx).is_ready(),
            Kind::Plain(socket) => has_left(cx, socket),
            Kind::Tls(tls) => matches!(tls.poll_end(cx), Poll::Ready(End::Ended | End::Failed)),
            // Whether a backend has gone, reading tells.
            Kind::Backend(_) => false,
        }
    }

    /// Whether the peer has given up this request alone, which only a stream of HTTP/2 can tell.
    pub(super) fn is_reset(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.0 {
            Kind::Client(stream) => stream.poll_gone(cx).is_ready(),
            Kind::Plain(_) | Kind::Tls(_) | Kind::Backend(_) => false,
        }
    }

    /// Whether the peer has said that it did nothing with what it was sent.
    pub(super) fn is_untouched(&self) -> bool {
        matches!(&self.0, Kind::Backend(stream) if stream.is_untouched())
    }

    /// Whether what a backend sent breaks the rules of the stream, whose end is then no mishap.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(&self.0, Kind::Backend(stream) if stream.is_malformed())
    }

    /// Keeps others from the connection below, after a backend was silent for too long on it.
    pub(super) fn distrust(&self) {
        if let Kind::Backend(stream) = &self.0 {
            stream.distrust();
        }
    }
}

impl Source for Stream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Kind::Plain(socket) => socket.poll_readable(cx),
            Kind::Tls(tls) => tls.poll_readable(cx),
            // It knows when it is read.
            Kind::Client(_) | Kind::Backend(_) => Poll::Ready(()),
        }
    }
}

/// What a reading that does not wait finds. Servers that close a connection at rest may say so first.
fn found(read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> Option<End> {
    let mut into = *b"HTTP/1.1 408";
    let goodbye = into;
    match read(&mut into) {
        Ok(0) => Some(End::Ended),
        Ok(count) => Some(if count == into.len() && into == goodbye { End::Ended } else { End::Speaks }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(_) => Some(End::Failed),
    }
}

fn poll_read(cx: &mut Context<'_>, socket: &mut TcpStream, into: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    Pin::new(socket).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
}

fn write(cx: &mut Context<'_>, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match Pin::new(&mut *socket).poll_write(cx, &bytes[taken..]) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(n)) => taken += n,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => break,
        }
    }
    Ok(taken)
}

fn write_last(cx: &mut Context<'_>, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let taken = match socket.try_io(Interest::WRITABLE, || Ok(send(&*socket, bytes, flags)?)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        outcome => outcome?,
    };
    // What is left waits for the socket in the usual way.
    write(cx, socket, &bytes[taken..]).map(|rest| taken + rest)
}

#[cfg(test)]
mod tests;
