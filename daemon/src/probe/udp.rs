//! The UDP probe: one datagram, and what comes back.
//!
//! Where a reply is expected, silence fails. Where none is, only the word of the backend's host that
//! nobody listens says anything: silence proves nothing, and is reported as that.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poise_core::plan;
use poise_ipc::model::Address;
use poise_ipc::status::{Phase, Reason, Verdict};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::attempt::{peer, reason};
use super::prepared::{Prepared, Question};
use super::target::Target;
use super::track::Track;
use super::wanted::Standing;

/// Longest wait for a refusal where no reply is expected: hosts refuse at once.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// Asks an address once.
pub(super) async fn probe(target: &Target, prepared: &Prepared, track: &mut Track) -> Verdict {
    let failed = |phase, reason| Verdict::Fail { phase, reason, code: None };
    let fail = |phase, error: &io::Error| failed(phase, reason(error));
    if target.leads == plan::Target::Unresolved {
        return failed(Phase::Resolve, Reason::Unreachable);
    }
    let Some(address) = target.leads.ip() else {
        return fail(Phase::Connect, &io::ErrorKind::NotFound.into());
    };
    let socket = match connected(address) {
        Ok(socket) => socket,
        Err(error) => return fail(Phase::Connect, &error),
    };
    track.connected();
    track.ends(|| (peer(target), socket.local_addr().ok().map(Address::Ip)));
    let payload = if let Question::Payload(payload) = &prepared.question { &payload[..] } else { &[] };
    let question = [&prepared.header[..], payload].concat();
    track.wire().sent(&question);
    if let Err(error) = socket.send(&question).await {
        return fail(Phase::Send, &error);
    }
    let (check, wanted) = (&target.check, &prepared.wanted);
    let is_due = check.send.is_some() || !wanted.is_anything();
    // Nobody is kept waiting for what need not come.
    let longest = Instant::now() + target.interval().min(SILENCE_MAX);
    let deadline = if is_due { track.deadline } else { track.deadline.min(longest) };
    // The kernel drops what is not looked at.
    let mut answer = vec![0; wanted.bytes_max];
    match timeout_at(deadline, socket.recv(&mut answer)).await {
        Ok(Ok(len)) => {
            track.wire().received(&answer[..len]);
            match wanted.of_reply(&answer[..len]) {
                Standing::Right => Verdict::Pass { code: None },
                Standing::Wrong | Standing::Open => failed(Phase::Response, Reason::Content),
            }
        }
        Ok(Err(error)) => fail(Phase::Response, &error),
        Err(_) if is_due => failed(Phase::Response, Reason::Timeout),
        Err(_) => Verdict::Silent,
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
