//! One probe: connect, shake hands if TLS is spoken, ask, and judge what comes back; `udp` has its own
//! way.
//!
//! Ends within the timeout of the check, wherever it is by then; what went wrong is told by phase
//! and reason. It keeps nothing between probes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poise_core::plan;
use poise_ipc::model::{Address, CheckProtocol};
use poise_ipc::status::{Phase, Reason, Verdict};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout_at;
use tracing::debug;

use super::prepared::{Prepared, Question, Secured};
use super::target::Target;
use super::track::{Detail, Track, Trail};
use super::wanted::Wanted;
use super::{grpc, http, http2, tcp, udp};
use crate::connect::Manner;
use crate::shortage::is_shortage;
use crate::tls::TlsStream;

/// Where and why a probe failed.
pub(super) type Failure = (Phase, Reason);

/// What a backend has answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status code, where the protocol has one.
    pub(super) code: Option<u16>,
    /// Whether the rest of it is as wanted.
    pub(super) content: Result<(), Failure>,
}

/// Probes a target once.
pub(super) async fn probe(target: &Target, prepared: &Prepared, detail: Detail) -> (Verdict, Trail) {
    let mut track = Track::new(target.timeout(), detail);
    let verdict = if target.check.protocol == CheckProtocol::Udp {
        udp::probe(target, prepared, &mut track).await
    } else {
        judge(target, &ask(target, prepared, &mut track).await)
    };
    (verdict, track.end())
}

fn judge(target: &Target, asked: &Result<Answer, Failure>) -> Verdict {
    let fail = |(phase, reason): Failure, code| Verdict::Fail { phase, reason, code };
    let is_http = matches!(target.check.protocol, CheckProtocol::Http | CheckProtocol::Https);
    match *asked {
        Err(failure) => fail(failure, None),
        Ok(Answer { code: Some(code), .. }) if is_http && !target.check.expects(code) => {
            fail((Phase::Response, Reason::Code), Some(code))
        }
        Ok(Answer { code, content: Err(failure) }) => fail(failure, code),
        Ok(Answer { code, content: Ok(()) }) => Verdict::Pass { code },
    }
}

async fn ask(target: &Target, prepared: &Prepared, track: &mut Track) -> Result<Answer, Failure> {
    if target.leads == plan::Target::Unresolved {
        return Err((Phase::Resolve, Reason::Unreachable));
    }
    if !prepared.is_said() {
        let socket = track.within(Phase::Connect, touch(&target.leads)).await?;
        track.connected();
        track.ends(|| (peer(target), socket.local_addr().ok().and_then(|a| a.as_socket()).map(Address::Ip)));
        // The backend's kernel has answered; its application is not bothered (S-22).
        let _ = socket.set_linger(Some(Duration::ZERO));
        return Ok(Answer { code: None, content: Ok(()) });
    }
    let mut stream = track.within(Phase::Connect, connect(&target.leads)).await?;
    track.connected();
    track.ends(|| (peer(target), stream.local_addr().ok().map(Address::Ip)));
    if !prepared.header.is_empty() {
        track.within(Phase::Send, stream.write_all(&prepared.header)).await?;
    }
    match &prepared.tls {
        None => put(track, track.tap(stream), prepared).await,
        Some(tls) => {
            let stream = secure(target, tls, track, stream).await?;
            track.secured();
            put(track, track.tap(stream), prepared).await
        }
    }
}

/// Puts the question over a connection that is ready for it.
async fn put<S>(track: &Track, mut stream: S, prepared: &Prepared) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let wanted = &prepared.wanted;
    match &prepared.question {
        Question::Connection => Ok(Answer { code: None, content: Ok(()) }),
        Question::Payload(payload) => {
            tcp::ask(track, &mut stream, payload, wanted).await?;
            Ok(Answer { code: None, content: Ok(()) })
        }
        Question::Http1(request, is_head) => http::ask(track, &mut stream, (request, *is_head), wanted).await,
        Question::Http2(request, body) => Ok(http2::ask(track, stream, (request, body), wanted).await?.judge(wanted)),
        Question::Grpc(request, message) => {
            let wanted = Wanted::anything(grpc::REPLY_BYTES_MAX);
            Ok(grpc::judge(&http2::ask(track, stream, (request, message), &wanted).await?))
        }
        Question::Nothing => Err((Phase::Send, Reason::Local)),
    }
}

/// Shakes hands over TLS.
async fn secure(target: &Target, tls: &Secured, track: &Track, stream: TcpStream) -> Result<TlsStream, Failure> {
    let _ = stream.set_nodelay(true);
    let settings = tls.settings.as_ref().ok_or((Phase::Tls, Reason::Local))?;
    let shaken = timeout_at(track.deadline, settings.connect(&tls.address, stream)).await;
    let shaken = shaken.map_err(|_| (Phase::Tls, Reason::Timeout))?;
    shaken.map_err(|error| {
        debug!(backend = %target.path(), %error, "a probe has failed in TLS");
        (Phase::Tls, error.reason)
    })
}

/// Connects, in order to say something.
async fn connect(leads: &plan::Target) -> io::Result<TcpStream> {
    let plan::Target::Ip(address) = *leads else {
        return crate::connect::connect(leads, Manner::default()).await;
    };
    let stream = TcpSocket::from_std_stream(socket(address)?.into()).connect(address).await?;
    not_itself(address, &SockRef::from(&stream))?;
    Ok(stream)
}

/// Connects, and no more: the last step of the handshake is put off, so that a reset can take its
/// place and the backend's application never sees the connection.
async fn touch(leads: &plan::Target) -> io::Result<Socket> {
    let plan::Target::Ip(address) = *leads else {
        let stream = crate::connect::connect(leads, Manner::default()).await?;
        return Ok(Socket::from(stream.into_std()?));
    };
    let socket = socket(address)?;
    socket.set_tcp_quickack(false)?;
    let socket = match socket.connect(&address.into()) {
        Ok(()) => socket,
        // On this host the answer is there at once: waiting for it would cost more than the probe does.
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {
            if address.ip().is_loopback() && is_settled(&socket)? {
                socket.take_error()?.map_or(Ok(socket), Err)?
            } else {
                settled(socket).await?
            }
        }
        Err(error) => return Err(error),
    };
    not_itself(address, &SockRef::from(&socket))?;
    Ok(socket)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

/// Whether a connection has been made, or has failed, by now.
fn is_settled(socket: &Socket) -> io::Result<bool> {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    Ok(poll(&mut fds, Some(&Timespec::default()))? > 0)
}

/// Waits until a connection has been made or has failed.
async fn settled(socket: Socket) -> io::Result<Socket> {
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    stream.take_error()?.map_or(Ok(()), Err)?;
    Ok(Socket::from(stream.into_std()?))
}

/// On one host the kernel may let the probe meet itself, where nobody listens.
fn not_itself(address: SocketAddr, socket: &SockRef<'_>) -> io::Result<()> {
    let is_itself = address.ip().is_loopback() && socket.local_addr()?.as_socket() == Some(address);
    if is_itself { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

/// Where a probe goes, as far as that is known.
pub(super) fn peer(target: &Target) -> Address {
    target.leads.ip().map_or_else(|| target.address.clone(), Address::Ip)
}

/// What an error of a socket means for a verdict.
pub(super) fn reason(error: &io::Error) -> Reason {
    if is_shortage(error) {
        return Reason::Local;
    }
    match error.kind() {
        // Where the file of a Unix socket is missing nobody listens either.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Reason::Refused,
        io::ErrorKind::TimedOut => Reason::Timeout,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Reason::Reset,
        _ => Reason::Unreachable,
    }
}

/// A span in microseconds.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
