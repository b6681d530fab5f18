//! Handshakes of a worker with its clients: within their time, counted, and never too many at once.
//!
//! Called by the worker's door before the relay gets the connection; what is agreed on is
//! `server`'s. Who sends plain HTTP is told so.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use poise_ipc::model::{Protocol, UnknownName};
use poise_ipc::status::TlsFailure;
use rustls::HandshakeKind;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::crowd::Crowd;
use super::news::News;
use super::server::Failed;
use super::{Published, TlsStream};
use crate::l7;
use crate::worker::{Alarm, WorkerContext};

/// What is left of their time when handshakes crowd: whoever means it needs a fraction of it, and
/// those that only hold a place give it back soon.
const CROWDED_TIME: u32 = 5;

/// Bytes that tell plain HTTP from TLS: a method, a space and how a target begins.
const START_LEN_MAX: usize = 64;

/// What TLS keeps on a worker.
#[derive(Debug)]
pub(crate) struct WorkerState {
    published: Published,
    crowd: Crowd,
    news: News,
}

impl WorkerState {
    /// The state of a worker that may hold so many connections. Handshakes may take half of them,
    /// so that a flood of those that come to nothing leaves room for the others.
    pub(crate) fn new(published: &Published, connections_max: usize) -> Self {
        Self { published: published.clone(), crowd: Crowd::new((connections_max / 2).max(1)), news: News::default() }
    }

    /// What is published about TLS.
    pub(crate) const fn published(&self) -> &Published {
        &self.published
    }
}

/// Shakes hands with a client; `None` when it comes to nothing, which is counted and recorded.
///
/// # Cancel safety
/// Dropping it closes the connection.
pub(crate) async fn shake_hands(
    ctx: &Rc<WorkerContext>,
    listener: &Arc<ListenerPlan>,
    client: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream> {
    let cells = listener.live.worker(ctx.index);
    let failed = match attempt(ctx, listener, client).await {
        Ok(stream) => {
            cells.handshakes.add(1);
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            cells.resumed.add(u64::from(resumed));
            return Some(stream);
        }
        Err(Ended::Failed(failed)) => {
            ctx.ended(listener, None, peer, Cause::TlsHandshake);
            failed
        }
        Err(Ended::Plain(client)) => {
            l7::turn_away(ctx, listener, (client, peer), Cause::PlainHttp);
            Failed::new(TlsFailure::PlainHttp)
        }
        Err(Ended::Shutdown) => {
            ctx.ended(listener, None, peer, Cause::Shutdown);
            return None;
        }
    };
    cells.handshake_failed(failed.reason);
    ctx.tls.news.tell(&listener.name, peer, &failed, ctx.clock.now_ms());
    None
}

/// Whether a request has come by a connection that is not for its host (`host:port` or `host`). Asks
/// for nothing where clients may come by any name.
#[inline]
pub(crate) fn misdirects(ctx: &WorkerContext, listener: &ListenerPlan, authority: Option<&[u8]>) -> bool {
    let settings = &listener.settings;
    if settings.protocol != Protocol::Https || settings.tls.unknown_name != UnknownName::Reject {
        return false;
    }
    let Some(authority) = authority.and_then(|authority| std::str::from_utf8(authority).ok()) else { return false };
    // An address in brackets is no name.
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let tls = ctx.tls.published.listener(listener.id);
    !host.starts_with('[') && tls.is_some_and(|tls| tls.misdirects(host))
}

/// Why there is no connection.
enum Ended {
    Failed(Failed),
    /// The client speaks plain HTTP.
    Plain(TcpStream),
    Shutdown,
}

async fn attempt(ctx: &Rc<WorkerContext>, listener: &ListenerPlan, client: TcpStream) -> Result<TlsStream, Ended> {
    let state = &ctx.tls;
    let failed = |reason| Ended::Failed(Failed::new(reason));
    let tls = state.published.listener(listener.id).ok_or_else(|| failed(TlsFailure::NoCertificate))?;
    let is_crowded = state.crowd.is_half_full();
    let watch = ctx.watch(if is_crowded { tls.timeout_ms / CROWDED_TIME } else { tls.timeout_ms });
    let place = state.crowd.take(listener.id, &listener.live.worker(ctx.index).handshakes_open);
    let work = watch.bound(async {
        if speaks_http(ctx, &client).await {
            return Err(Ended::Plain(client));
        }
        tls.accept(client).await.map_err(Ended::Failed)
    });
    tokio::select! {
        outcome = work => match outcome {
            Ok(outcome) => outcome,
            Err(Alarm::Due) => Err(failed(TlsFailure::Timeout)),
            Err(Alarm::Draining | Alarm::Cut) => Err(Ended::Shutdown),
        },
        () = place.lost() => Err(failed(TlsFailure::Busy)),
    }
}

/// Whether what a client says first is a request of HTTP/1 in the clear. It is left in the socket.
async fn speaks_http(ctx: &WorkerContext, client: &TcpStream) -> bool {
    poll_fn(|cx| {
        ctx.scratch.with(|scratch| {
            let mut start = ReadBuf::new(&mut scratch[..START_LEN_MAX]);
            // Whoever has gone is met by the handshake.
            Poll::Ready(ready!(client.poll_peek(cx, &mut start)).is_ok() && is_request(start.filled()))
        })
    })
    .await
}

/// Whether a request of HTTP/1 begins like this: a method in capitals and a target. No record of TLS
/// does, and what else does not, as the greetings of mail, is told in the way of TLS.
fn is_request(start: &[u8]) -> bool {
    let method_len = start.iter().position(|byte| !byte.is_ascii_uppercase()).unwrap_or(start.len());
    let (method, rest) = start.split_at(method_len);
    let has = |target: &[u8]| rest.len() >= target.len() && rest[..target.len()].eq_ignore_ascii_case(target);
    !method.is_empty() && (has(b" /") || has(b" http") || (method == b"OPTIONS" && has(b" * ")))
}

#[cfg(test)]
mod tests;
