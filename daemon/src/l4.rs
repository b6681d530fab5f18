//! The TCP relay: a client connection and the one to its backend, joined byte by byte.
//!
//! Called by the worker for every connection of a `tcp` listener. The backend is chosen once per
//! connection; whoever speaks first is forwarded first. It reads no protocol and waits for no
//! control: an edit leaves open connections alone, and so does a drain until its time is over.

mod dial;
mod direction;
mod pipes;
mod relay;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::live::{BackendCells, Inflight};
use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use tokio::net::TcpStream;

use self::dial::{Dialed, dial};
use self::direction::Side;
use self::pipes::Pipes;
use self::relay::{End, Pair};
use crate::connect::watch_peer;
use crate::proxy::Origin;
use crate::worker::WorkerContext;

/// What the relay keeps on a worker for all its pairs.
#[derive(Debug)]
pub(crate) struct WorkerState {
    pipes: Pipes,
    /// Bytes that were read and that their destination refused so far, over all pairs.
    refused_bytes: Cell<usize>,
}

impl WorkerState {
    /// With at most so many pipes.
    pub(crate) fn new(pipes_max: usize) -> Self {
        Self { pipes: Pipes::new(pipes_max), refused_bytes: Cell::new(0) }
    }
}

/// Serves a client until its connection ends. The worker counts the connection and notices a
/// panic; everything else is counted here.
pub(crate) async fn serve(ctx: Rc<WorkerContext>, listener: Arc<ListenerPlan>, client: TcpStream, origin: Origin) {
    let peer = origin.client;
    watch_peer(&client, &listener.settings);
    let watch = ctx.watch(listener.settings.connect_timeout_ms);
    listener.group.came(ctx.index);
    // On the heap, so that a pair does not hold the room for it as long as it lives.
    let dialed = Box::pin(dial(&ctx, &listener, (&client, origin), &watch)).await;
    let Dialed { backend, stream, inflight, passing: _passing } = match dialed {
        Ok(dialed) => dialed,
        Err(failure) => {
            listener.group.ended(ctx.index, failure.backend, failure.cause);
            ctx.ended(&listener, failure.backend, peer, failure.cause);
            // As if nobody listened: the client must not take it for an empty answer.
            reset(&client);
            return;
        }
    };
    // Only what the relay needs stays: an old plan must not live as long as its connections.
    let (id, live, idle_timeout_ms) = (listener.id, Arc::clone(&listener.live), listener.settings.idle_timeout_ms);
    let limiter = Arc::clone(&listener.limiter);
    drop(listener);
    let (to_client, to_backend) = (live.worker(ctx.index), backend.live.worker(ctx.index));
    let reached = Reached::new(to_backend, inflight);
    let mut pair = Pair::new(&ctx, client, stream, &limiter);
    let end = pair.run(&watch, idle_timeout_ms, to_client, &backend.live).await;
    drop(reached);
    if let Some(cause) = end.cause() {
        if matches!(end, End::Failed(Side::Backend)) {
            to_backend.failures.add(1);
        }
        to_client.ended(cause);
        to_backend.ended(cause);
        ctx.record(id, Some(backend.id), peer, cause);
    }
    pair.close(end);
}

/// Counts a connection to a backend while it is open, whatever ends it.
struct Reached<'a> {
    backend: &'a BackendCells,
    _inflight: Inflight,
}

impl<'a> Reached<'a> {
    fn new(backend: &'a BackendCells, inflight: Inflight) -> Self {
        backend.connections.add(1);
        backend.connections_open.add(1);
        Self { backend, _inflight: inflight }
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        self.backend.connections_open.sub(1);
    }
}

impl End {
    /// Why the connection ended badly, if it did.
    fn cause(self) -> Option<Cause> {
        match self {
            Self::Complete => None,
            Self::Abandoned | Self::Failed(Side::Client) => Some(Cause::ClientClosed),
            Self::Failed(Side::Backend) => Some(Cause::BackendClosed),
            Self::Idle => Some(Cause::IdleTimeout),
            Self::Cut => Some(Cause::Shutdown),
            Self::Drained { .. } => Some(Cause::Drained),
        }
    }
}

/// Lets the peer see a reset instead of an orderly end when the stream is dropped.
fn reset(stream: &TcpStream) {
    // Fails only on a socket that is gone already.
    let _ = stream.set_zero_linger();
}
