//! One probe: connect, and for `http` ask and read the head of the answer; `udp` has its own way.
//!
//! Ends within the timeout of the check, wherever it is by then; what went wrong is told by phase
//! and reason. It keeps nothing between probes.

use poise_core::plan;
use std::io;

use poise_ipc::model::{BackendProtocol, CheckProtocol};
use poise_ipc::status::{Phase, Reason, Verdict};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::target::{Secured, Target};
use super::{http, http2, udp};
use crate::connect::Manner;
use crate::shortage::is_shortage;
use crate::tls::TlsStream;

/// Where and why a probe failed.
pub(super) type Failure = (Phase, Reason);

/// Probes a target once.
pub(super) async fn probe(target: &Target) -> Verdict {
    let deadline = Instant::now() + target.timeout();
    if target.check.protocol == CheckProtocol::Udp {
        return udp::probe(target, deadline).await;
    }
    match ask(target, deadline).await {
        Ok(None) => Verdict::Pass { code: None },
        Ok(Some(code)) if target.check.expects(code) => Verdict::Pass { code: Some(code) },
        Ok(code) => Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code },
        Err((phase, reason)) => Verdict::Fail { phase, reason, code: None },
    }
}

/// The status code that was answered, or none where only the connection was asked for.
async fn ask(target: &Target, deadline: Instant) -> Result<Option<u16>, Failure> {
    let http = target.check.protocol == CheckProtocol::Http;
    let connected = timeout_at(deadline, connect(&target.leads, http || target.tls.is_some())).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let stream = connected.map_err(|error| (Phase::Connect, reason(&error)))?;
    if let Some(tls) = &target.tls {
        let stream = secure(target, tls, stream, deadline).await?;
        return if http { asked(target, stream, deadline).await.map(Some) } else { Ok(None) };
    }
    if http {
        let stream = http::introduce(target, stream, deadline).await?;
        return asked(target, stream, deadline).await.map(Some);
    }
    // The backend's kernel has answered; its application is not bothered (S-22).
    let _ = stream.set_zero_linger();
    Ok(None)
}

/// The status code of an answer, in the HTTP that the group's backends speak.
async fn asked<S>(target: &Target, stream: S, deadline: Instant) -> Result<u16, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match target.speaks {
        BackendProtocol::Http1 => http::status(target, stream, deadline).await,
        BackendProtocol::Http2 => http2::status(target, stream, deadline).await,
    }
}

/// Shakes hands over TLS.
async fn secure(target: &Target, tls: &Secured, stream: TcpStream, deadline: Instant) -> Result<TlsStream, Failure> {
    let stream = http::introduce(target, stream, deadline).await?;
    // Gone from what is published: the target is about to change.
    let settings = tls.settings.as_ref().ok_or((Phase::Tls, Reason::Local))?;
    let shaken = timeout_at(deadline, settings.connect(&tls.address, stream)).await;
    let shaken = shaken.map_err(|_| (Phase::Tls, Reason::Timeout))?;
    shaken.map_err(|error| {
        debug!(backend = %target.path, %error, "a probe has failed in TLS");
        (Phase::Tls, error.reason)
    })
}

/// Connects. Without `acknowledge` the last step of the handshake is put off, so that a reset
/// can take its place and the backend's application never sees the connection.
async fn connect(leads: &plan::Target, acknowledge: bool) -> io::Result<TcpStream> {
    let plan::Target::Ip(address) = *leads else {
        return crate::connect::connect(leads, Manner::default()).await;
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if !acknowledge {
        socket.set_tcp_quickack(false)?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
    if stream.local_addr()? == address {
        // The kernel has let the probe meet itself: nobody listens there.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
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
