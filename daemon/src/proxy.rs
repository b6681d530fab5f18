//! The PROXY protocol on live connections: reading the header of a proxy in front, and the header
//! for a backend.
//!
//! Only listed networks are believed. The header is looked at without taking anything, then taken
//! to its last byte, so what follows is still the client's own. The worker asks for every
//! connection before anything is decided by the client's address; what a header looks like is the
//! rules' (`poise_core::proxy`).

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use poise_core::plan::ListenerPlan;
use poise_core::proxy::{Addresses, Decoded, HEADER_LEN_MAX, Header, Transport, decode, encode_v1, encode_v2};
use poise_ipc::cause::Cause;
use poise_ipc::model::{ClientAddress, ProxyMode};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tracing::debug;

use crate::worker::{Alarm, WorkerContext};

/// Time for a header to arrive, in milliseconds: proxies send it at once, and two lost packets fit.
const HEADER_MS_MAX: u32 = 3_000;

/// Who a connection is from, as far as is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client; `0.0.0.0:0` behind a Unix socket.
    pub(crate) client: SocketAddr,
    /// Where the client connected to, if a header said so.
    pub(crate) reached: Option<SocketAddr>,
}

impl Origin {
    /// Nobody else than the peer.
    pub(crate) const fn of(peer: SocketAddr) -> Self {
        Self { client: peer, reached: None }
    }
}

/// Finds out who a connection is from; takes the header where one is due.
///
/// # Errors
/// Why the connection is not to be served.
///
/// # Cancel safety
/// Not cancel safe: the header may have been taken.
pub(crate) async fn origin(
    ctx: &Rc<WorkerContext>,
    listener: &ListenerPlan,
    stream: &TcpStream,
    peer: SocketAddr,
) -> Result<Origin, Cause> {
    let accept = &listener.settings.accept_proxy;
    let believed = || accept.from.iter().any(|rule| rule.network.contains(peer.ip()));
    match accept.mode {
        ProxyMode::Off => return Ok(Origin::of(peer)),
        ProxyMode::Optional if !believed() => return Ok(Origin::of(peer)),
        ProxyMode::Required if !believed() => return Err(Cause::BadProxyHeader),
        ProxyMode::Optional | ProxyMode::Required => {}
    }
    let watch = ctx.watch(HEADER_MS_MAX);
    let found = match watch.bound(header(ctx, stream)).await {
        Ok(found) => found?,
        Err(Alarm::Due) if accept.mode == ProxyMode::Optional && is_silent(stream) => None,
        Err(Alarm::Due) => return Err(Cause::BadProxyHeader),
        Err(Alarm::Draining | Alarm::Cut) => return Err(Cause::Shutdown),
    };
    match found {
        Some(Header { addresses: Some(Addresses { source, destination }), .. }) => {
            Ok(Origin { client: source, reached: Some(destination) })
        }
        None if accept.mode == ProxyMode::Required => Err(Cause::BadProxyHeader),
        Some(Header { addresses: None, .. }) | None => Ok(Origin::of(peer)),
    }
}

/// Waits for a header and takes it; `None` where the connection begins with something else.
async fn header(ctx: &WorkerContext, stream: &TcpStream) -> Result<Option<Header>, Cause> {
    loop {
        let ready = stream.ready(Interest::READABLE).await.map_err(|_| Cause::ClientClosed)?;
        let looked = stream.try_io(Interest::READABLE, || look(ctx, stream));
        match looked {
            Ok(Look::Header(header)) => return take(ctx, stream, header).map(Some),
            Ok(Look::Absent) => return Ok(None),
            Ok(Look::Invalid) => return Err(Cause::BadProxyHeader),
            // A part of a header that nobody will complete.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && ready.is_read_closed() => {
                return Err(Cause::BadProxyHeader);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(Look::Ended) | Err(_) => return Err(Cause::ClientClosed),
        }
    }
}

/// What a connection begins with.
enum Look {
    Header(Header),
    Absent,
    Invalid,
    Ended,
}

/// Looks at the first bytes. A part of a header is not enough: the runtime is then to wait for
/// more, as if nothing were there. That is safe since only more bytes end the wait.
fn look(ctx: &WorkerContext, stream: &TcpStream) -> io::Result<Look> {
    ctx.scratch.with(|scratch| {
        let seen = &mut scratch[..HEADER_LEN_MAX];
        let (len, _) = recv(stream, &mut *seen, RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
        match decode(&seen[..len], Transport::Stream) {
            _ if len == 0 => Ok(Look::Ended),
            Ok(Decoded::Partial) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(Decoded::Header(header)) => Ok(Look::Header(header)),
            Ok(Decoded::Absent) => Ok(Look::Absent),
            Err(reason) => {
                debug!(%reason, "a PROXY header is refused");
                Ok(Look::Invalid)
            }
        }
    })
}

/// Takes a header that was seen whole, and not a byte more.
fn take(ctx: &WorkerContext, stream: &TcpStream, header: Header) -> Result<Header, Cause> {
    ctx.scratch.with(|scratch| {
        let mut rest = header.len;
        while rest > 0 {
            match recv(stream, &mut scratch[..rest], RecvFlags::DONTWAIT) {
                Ok((len, _)) if len > 0 => rest -= len,
                _ => return Err(Cause::ClientClosed),
            }
        }
        Ok(header)
    })
}

/// Whether a client has sent nothing yet: it may be waiting for the backend to speak.
fn is_silent(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    recv(stream, &mut [0_u8; 1], flags).is_err_and(|error| error == rustix::io::Errno::WOULDBLOCK)
}

/// The header ahead of the first datagram of a flow, if the listener wants one; `reached` is where the
/// client sent it. Only version 2 knows datagrams.
pub(crate) fn datagram_header(listener: &ListenerPlan, client: SocketAddr, reached: SocketAddr) -> Option<Vec<u8>> {
    let wanted = listener.settings.client_address == ClientAddress::ProxyV2;
    wanted.then(|| encode_v2(Some(Addresses::new(client, reached)), Transport::Datagram))
}

/// The header that tells a backend who the client is, if the listener wants one.
pub(crate) fn header_for(listener: &ListenerPlan, origin: Origin, client: &TcpStream) -> Option<Vec<u8>> {
    let encode: fn(Option<Addresses>) -> Vec<u8> = match listener.settings.client_address {
        ClientAddress::ProxyV1 => encode_v1,
        ClientAddress::ProxyV2 => |addresses| encode_v2(addresses, Transport::Stream),
        ClientAddress::Off | ClientAddress::Transparent => return None,
    };
    // A client behind a Unix socket has no address.
    let known = !origin.client.ip().is_unspecified();
    let reached = origin.reached.or_else(|| client.local_addr().ok()).filter(|_| known);
    Some(encode(reached.map(|reached| Addresses::new(origin.client, reached))))
}

/// Sends a header ahead of everything else.
///
/// # Errors
/// Those of the system: the backend has gone already.
pub(crate) async fn send(mut backend: TcpStream, header: &[u8]) -> io::Result<TcpStream> {
    backend.write_all(header).await?;
    Ok(backend)
}
