//! The UDP probe: one datagram, and what comes back.
//!
//! Where a reply is expected, silence fails. Where none is, only the word of the backend's host that
//! nobody listens says anything: silence proves nothing, and is reported as that.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poise_core::proxy::{Transport, encode_v2};
use poise_ipc::model::{CheckProxy, HealthCheck};
use poise_ipc::status::{Phase, Reason, Verdict};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::attempt::reason;
use super::target::Target;

/// Longest wait for a refusal where no reply is expected: hosts refuse at once.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// Asks an address once, until `deadline`.
pub(super) async fn probe(target: &Target, deadline: Instant) -> Verdict {
    let fail = |phase, error: &io::Error| Verdict::Fail { phase, reason: reason(error), code: None };
    let Some(address) = target.leads.ip() else {
        return fail(Phase::Connect, &io::ErrorKind::NotFound.into());
    };
    let socket = match connected(address) {
        Ok(socket) => socket,
        Err(error) => return fail(Phase::Connect, &error),
    };
    let (check, expected) = (&target.check, HealthCheck::payload(target.check.receive.as_deref().unwrap_or_default()));
    let question = HealthCheck::payload(check.send.as_deref().unwrap_or_default());
    let question = [header(check.proxy), question].concat();
    if let Err(error) = socket.send(&question).await {
        return fail(Phase::Send, &error);
    }
    let is_due = check.send.is_some() || check.receive.is_some();
    // Nobody is kept waiting for what need not come.
    let deadline = if is_due { deadline } else { deadline.min(Instant::now() + target.interval().min(SILENCE_MAX)) };
    // Only the beginning is looked at; the kernel drops the rest.
    let mut answer = vec![0; expected.len().max(1)];
    match timeout_at(deadline, socket.recv(&mut answer)).await {
        Ok(Ok(len)) if answer[..len].starts_with(&expected) => Verdict::Pass { code: None },
        Ok(Ok(_)) => Verdict::Fail { phase: Phase::Response, reason: Reason::Garbage, code: None },
        Ok(Err(error)) => fail(Phase::Response, &error),
        Err(_) if is_due => fail(Phase::Response, &io::ErrorKind::TimedOut.into()),
        Err(_) => Verdict::Silent,
    }
}

/// Says of the datagram that it is poised's own; version 1 has no such form.
fn header(version: CheckProxy) -> Vec<u8> {
    match version {
        CheckProxy::V2 => encode_v2(None, Transport::Datagram),
        CheckProxy::Off | CheckProxy::V1 => Vec::new(),
    }
}

/// A socket that hears this address alone, and its host's refusals.
fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.connect(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    if socket.local_addr()? == address {
        // The kernel has let the probe meet itself: nobody listens there.
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(socket)
}
