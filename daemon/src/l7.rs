//! The HTTP relay: requests of a client connection, each to a backend of its own choice.
//!
//! Bytes pass through one scratch buffer of the worker and are kept only when a socket refuses
//! them, so an idle connection owns no buffer. What a message means is decided by
//! `poise_core::http`; it is neither parsed nor framed here. Called by the worker for every
//! connection of an `http` or `https` listener, after its handshake.

mod attempt;
mod client;
mod dial;
mod download;
mod exchange;
mod farewell;
mod h2;
mod held;
mod journal;
mod outbound;
mod pick;
mod reply;
mod stream;
mod upload;
mod witness;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::plan::ListenerPlan;
use poise_ipc::model::Http2;

use self::client::Relay;
use self::farewell::Farewells;
pub(crate) use self::farewell::turn_away;
use self::h2::Sessions;
pub(crate) use self::journal::Logbook;
use self::outbound::Pool;
pub use self::stream::Stream;
pub(crate) use self::witness::Witness;
use crate::connect::watch_peer;
use crate::worker::WorkerContext;

/// Buffers for heads that wait to be used again. With one for each of so many requests in flight
/// the common request allocates nothing.
const SPARE_MAX: usize = 256;
/// A larger buffer than this is freed instead: most heads are below 1 KiB.
const SPARE_LEN_MAX: usize = 4 << 10;

/// Second tries on another backend that a burst may use up, per worker: what a dying backend had
/// in flight should find another one.
const RETRIES_BURST_MAX: u32 = 1_000;
/// Requests that earn one such second try: a fifth of the traffic (§3.9 of the behaviour
/// reference), so that a group in trouble is not asked for everything twice.
const REQUESTS_PER_RETRY: u32 = 5;

/// What the relay keeps on a worker between connections.
pub struct WorkerState {
    pool: RefCell<Pool>,
    sessions: RefCell<Sessions>,
    spare: RefCell<Vec<Vec<u8>>>,
    /// Credit for second tries, counted in requests.
    credit: Cell<u32>,
    farewells: Farewells,
}

impl Default for WorkerState {
    fn default() -> Self {
        Self {
            pool: RefCell::default(),
            sessions: RefCell::default(),
            spare: RefCell::default(),
            credit: Cell::new(RETRIES_BURST_MAX * REQUESTS_PER_RETRY),
            farewells: Farewells::default(),
        }
    }
}

impl WorkerState {
    /// An empty buffer for a head.
    fn buffer(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    fn reuse(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if (1..=SPARE_LEN_MAX).contains(&buffer.capacity()) && spare.len() < SPARE_MAX {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// A request came: it earns its part of a second try.
    fn earn(&self) {
        self.credit.set((self.credit.get() + 1).min(RETRIES_BURST_MAX * REQUESTS_PER_RETRY));
    }

    /// Whether another backend may be tried after one failed without an answer.
    fn spend(&self) -> bool {
        let left = self.credit.get().checked_sub(REQUESTS_PER_RETRY);
        if let Some(left) = left {
            self.credit.set(left);
        }
        left.is_some()
    }
}

/// Serves a client until its connection ends. The worker counts the connection and notices a
/// panic; everything else is counted here.
// Not an async fn, which would keep its arguments for as long as the connection lives.
pub fn serve(
    ctx: Rc<WorkerContext>,
    listener: Arc<ListenerPlan>,
    client: Stream,
    peer: SocketAddr,
) -> impl Future<Output = ()> {
    client.socket().inspect(|socket| watch_peer(socket, &listener.settings));
    let is_agreed = client.session().is_some_and(|session| session.alpn_protocol() == Some(b"h2"));
    let may_be_h2 = listener.settings.http2 == Http2::On && !client.is_tls();
    let mut relay = Relay::new(ctx, listener, client, peer);
    async move {
        // On the heap, so that a connection of HTTP/1 does not hold the room for it.
        if is_agreed || may_be_h2 && Box::pin(relay.speaks_h2()).await {
            let Relay { ctx, listener, client, peer, carry, .. } = relay;
            return Box::pin(h2::serve(ctx, listener, client, peer, carry)).await;
        }
        relay.run().await;
    }
}
