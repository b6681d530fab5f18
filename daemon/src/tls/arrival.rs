//! Handshakes of a worker with its clients: within their time, counted, and never too many at once.
//!
//! Called by the worker's door before the relay gets the connection; what is agreed on is
//! `server`'s.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use poise_ipc::model::{Protocol, UnknownName};
use poise_ipc::status::TlsFailure;
use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tracing::debug;

use super::{Published, TlsStream};
use crate::worker::{Alarm, WorkerContext};

/// What is left of their time when handshakes crowd: whoever means it needs a fraction of it, and
/// those that only hold a place give it back soon.
const CROWDED_TIME: u32 = 5;

/// What TLS keeps on a worker.
#[derive(Debug)]
pub(crate) struct WorkerState {
    published: Published,
    /// Handshakes under way.
    under_way: Cell<usize>,
    /// How many may be.
    handshakes_max: usize,
}

impl WorkerState {
    /// The state of a worker that may hold so many connections. Handshakes may take half of them,
    /// so that a flood of those that come to nothing leaves room for the others.
    pub(crate) fn new(published: &Published, connections_max: usize) -> Self {
        let handshakes_max = (connections_max / 2).max(1);
        Self { published: published.clone(), under_way: Cell::new(0), handshakes_max }
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
    listener: &ListenerPlan,
    client: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream> {
    let cells = listener.live.worker(ctx.index);
    let failure = match attempt(ctx, listener, client).await {
        Ok(stream) => {
            cells.handshakes.add(1);
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            cells.resumed.add(u64::from(resumed));
            return Some(stream);
        }
        Err(Ended::Failed(failure)) => failure,
        Err(Ended::Shutdown) => {
            ctx.ended(listener, None, peer, Cause::Shutdown);
            return None;
        }
    };
    cells.handshake_failed(failure);
    ctx.ended(listener, None, peer, Cause::TlsHandshake);
    debug!(listener = %listener.name, client = %peer, reason = %failure, "no TLS with a client");
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
    Failed(TlsFailure),
    Shutdown,
}

async fn attempt(ctx: &Rc<WorkerContext>, listener: &ListenerPlan, client: TcpStream) -> Result<TlsStream, Ended> {
    let state = &ctx.tls;
    let tls = state.published.listener(listener.id).ok_or(Ended::Failed(TlsFailure::NoCertificate))?;
    if state.under_way.get() >= state.handshakes_max {
        // As if nobody listened: it costs nothing, and whoever means it comes again.
        let _ = client.set_zero_linger();
        return Err(Ended::Failed(TlsFailure::Busy));
    }
    let is_crowded = state.under_way.get() >= state.handshakes_max / 2;
    let watch = ctx.watch(if is_crowded { tls.timeout_ms / CROWDED_TIME } else { tls.timeout_ms });
    let _place = Place::take(ctx);
    match watch.bound(tls.accept(client)).await {
        Ok(outcome) => outcome.map_err(Ended::Failed),
        Err(Alarm::Due) => Err(Ended::Failed(TlsFailure::Timeout)),
        Err(Alarm::Draining | Alarm::Cut) => Err(Ended::Shutdown),
    }
}

/// A handshake under way.
struct Place<'a>(&'a Cell<usize>);

impl<'a> Place<'a> {
    fn take(ctx: &'a WorkerContext) -> Self {
        let under_way = &ctx.tls.under_way;
        under_way.set(under_way.get() + 1);
        Self(under_way)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
