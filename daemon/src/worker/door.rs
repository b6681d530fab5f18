//! A listening socket of one worker: accepts connections and hands each to its protocol.
//!
//! Bounded by the worker's budget of descriptors: what exceeds it is refused and counted. Out of
//! descriptors it pauses instead of spinning. It binds nothing (that is `listen`) and reads no
//! byte of a connection.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use poise_core::limit::Admitted;
use poise_core::plan::{ListenerId, ListenerPlan};
use poise_ipc::cause::Cause;
use poise_ipc::model::{Bind, Protocol, ProxyMode};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_local};
use tracing::warn;

use super::acceptor::{Acceptor, Arrival};
use super::{Accepting, Held, Purpose, WorkerContext};
use crate::admit::admit;
use crate::loops::Passage;
use crate::proxy::{self, Origin};
use crate::{l4, l7, tls};

/// Pause after an error that the next accept would meet again. Recovery is due within 2 s; ten
/// tries a second cost nothing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time that the kernel keeps a silent connection to itself, in seconds: the shortest there is,
/// since the time that clients have for a head begins behind it. Saves one wake-up per connection
/// (1.14 times the new connections a second).
const DEFER_S: u8 = 1;

/// An open door; dropping it closes the socket with what is queued in it.
pub(super) struct Door {
    entrance: Rc<Entrance>,
    accepting: JoinHandle<()>,
}

struct Entrance {
    ctx: Rc<WorkerContext>,
    purpose: RefCell<Purpose>,
    /// The real address.
    address: Bind,
    socket: Acceptor,
}

impl Door {
    /// Starts to accept on a listening, non-blocking socket.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(super) fn open(ctx: &Rc<WorkerContext>, purpose: Purpose, socket: Accepting) -> io::Result<Self> {
        let socket = Acceptor::new(socket)?;
        socket.defer(defer_s(purpose.protocol));
        let (address, ctx) = (socket.address()?.unwrap_or_else(|| purpose.bind.clone()), Rc::clone(ctx));
        let entrance = Rc::new(Entrance { ctx, purpose: RefCell::new(purpose), address, socket });
        let accepting = spawn_local(accept(Rc::clone(&entrance)));
        Ok(Self { entrance, accepting })
    }

    /// What is accepted from now on is for somebody else.
    pub(super) fn assign(&self, purpose: Purpose) {
        let protocol = purpose.protocol;
        let before = self.entrance.purpose.replace(purpose);
        if before.protocol != protocol {
            self.entrance.socket.defer(defer_s(protocol));
        }
    }

    /// What another process needs to serve it.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub(super) fn hand(&self) -> io::Result<Held> {
        let entrance = &self.entrance;
        Ok(Held {
            purpose: entrance.purpose.borrow().clone(),
            address: entrance.address.clone(),
            socket: entrance.socket.share()?,
            flows: Vec::new(),
        })
    }

    /// Leaves the socket, with what waits there, to another process.
    pub(super) async fn leave(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    /// Takes what the kernel has already accepted, then closes the socket: when this returns,
    /// it is closed.
    pub(super) async fn close(mut self) {
        self.accepting.abort();
        // The task holds the socket too, until it has ended.
        let _ = (&mut self.accepting).await;
        // Ends: the kernel queues no more than the backlog, and new ones only while this runs.
        while let Ok(arrival) = self.entrance.socket.accept_now() {
            self.entrance.admit(arrival);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A client of an `http` or `https` listener speaks first, so its connection may wait in the kernel until it
/// does; one of a `tcp` listener may wait for the backend to speak.
const fn defer_s(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Http | Protocol::Https => DEFER_S,
        Protocol::Tcp | Protocol::Udp => 0,
    }
}

async fn accept(entrance: Rc<Entrance>) {
    loop {
        match entrance.socket.accept().await {
            Ok(arrival) => entrance.admit(arrival),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                entrance.accept_failed(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an accept failed because of the connection that it met (accept(2)), so that the next
/// one may succeed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

impl Entrance {
    fn accept_failed(&self, error: &io::Error) {
        if self.ctx.accept_log.admits(self.ctx.clock.refresh()) {
            warn!(address = %self.address, %error, "accepting pauses");
        }
    }

    fn admit(&self, arrival: Arrival) {
        self.ctx.clock.refresh();
        let Some(listener) = self.ctx.listener(&self.purpose.borrow(), &self.address) else {
            // Removed a moment ago: this socket is about to close.
            return;
        };
        let Arrival { client, peer, caller } = arrival;
        // Requests that come round are answered: each has passed our name on.
        let asked = caller.filter(|_| !listener.protocol().is_http());
        if let Some(passage) = asked.and_then(|caller| self.ctx.loops.goes_round(listener.id, &caller)) {
            self.refuse_round(&listener, &passage, (client, peer));
            return;
        }
        if !self.ctx.has_room() {
            self.ctx.ended(&listener, None, peer, Cause::ConnectionLimit);
            return;
        }
        // Behind a PROXY header the client is somebody else: whoever reads it asks again.
        let is_known = listener.settings.accept_proxy.mode == ProxyMode::Off;
        let admitted = is_known.then(|| admit(&listener, peer, self.ctx.clock.now_ms())).transpose();
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(cause) => return turn_away(&self.ctx, &listener, (client, peer), cause),
        };
        let mut open = Open::new(Rc::clone(&self.ctx), &listener, peer, admitted);
        let ctx = Rc::clone(&self.ctx);
        // Two spawns, so that a TCP pair does not carry the larger state of the HTTP relay.
        match listener.protocol() {
            Protocol::Tcp | Protocol::Udp => drop(spawn_local(async move {
                match open.received(&listener, &client).await {
                    Ok(origin) => l4::serve(ctx, listener, client, origin).await,
                    Err(cause) => turn_away(&ctx, &listener, (client, peer), cause),
                }
                drop(open);
            })),
            Protocol::Http => drop(spawn_local(async move {
                match open.received(&listener, &client).await {
                    Ok(origin) => l7::serve(ctx, listener, client.into(), origin.client).await,
                    Err(cause) => turn_away(&ctx, &listener, (client, peer), cause),
                }
                drop(open);
            })),
            Protocol::Https => drop(spawn_local(async move {
                match open.received(&listener, &client).await {
                    Ok(origin) => {
                        // On the heap, so that a connection does not hold the room for it as long as it lives.
                        let shaken = Box::pin(tls::shake_hands(&ctx, &listener, client, origin.client)).await;
                        if let Some(client) = shaken {
                            l7::serve(ctx, listener, client.into(), origin.client).await;
                        }
                    }
                    Err(cause) => turn_away(&ctx, &listener, (client, peer), cause),
                }
                drop(open);
            })),
        }
    }

    /// Refuses a connection of poised to itself that has been here before: it would go round for
    /// ever. The record names the listener and the backend that led back.
    fn refuse_round(&self, listener: &ListenerPlan, passage: &Passage, (client, peer): (TcpStream, SocketAddr)) {
        listener.live.worker(self.ctx.index).ended(Cause::Loop);
        let last = passage.listeners.last().copied().unwrap_or(listener.id);
        self.ctx.record(last, Some(passage.backend), peer, Cause::Loop);
        // Whoever dialled must not take it for an empty answer.
        let _ = client.set_zero_linger();
    }
}

/// Counts a connection while it is open. A panic ends that connection alone and is counted too.
struct Open {
    ctx: Rc<WorkerContext>,
    live: Arc<poise_core::live::ListenerLive>,
    listener: ListenerId,
    peer: SocketAddr,
    /// Within the limits of the listener; absent while the client is not known.
    admitted: Option<Admitted>,
}

impl Open {
    fn new(ctx: Rc<WorkerContext>, listener: &ListenerPlan, peer: SocketAddr, admitted: Option<Admitted>) -> Self {
        let cells = listener.live.worker(ctx.index);
        cells.connections.add(1);
        cells.connections_open.add(1);
        ctx.open.set(ctx.open.get() + 1);
        Self { ctx, live: Arc::clone(&listener.live), listener: listener.id, peer, admitted }
    }

    /// Finds out who the connection is from, and lets that client in unless its peer was let in
    /// already.
    ///
    /// # Errors
    /// Why it is not to be served, which is not counted yet.
    async fn received(&mut self, listener: &ListenerPlan, stream: &TcpStream) -> Result<Origin, Cause> {
        if self.admitted.is_some() {
            return Ok(Origin::of(self.peer));
        }
        // On the heap, so that a connection does not hold the room for it as long as it lives.
        Box::pin(proxy::origin(&self.ctx, listener, stream, self.peer)).await.and_then(|origin| {
            self.admitted = Some(admit(listener, origin.client, self.ctx.clock.now_ms())?);
            Ok(origin)
        })
    }
}

/// Parts with a connection that is not served: one of HTTP in the clear may be told why. A reply
/// under TLS would cost a handshake.
fn turn_away(
    ctx: &Rc<WorkerContext>,
    listener: &Arc<ListenerPlan>,
    (client, peer): (TcpStream, SocketAddr),
    cause: Cause,
) {
    if listener.protocol() == Protocol::Http {
        return l7::turn_away(ctx, listener, (client, peer), cause);
    }
    ctx.ended(listener, None, peer, cause);
    // As if nobody listened.
    let _ = client.set_zero_linger();
}

impl Drop for Open {
    fn drop(&mut self) {
        let cells = self.live.worker(self.ctx.index);
        cells.connections_open.sub(1);
        if std::thread::panicking() {
            cells.ended(Cause::Internal);
            self.ctx.record(self.listener, None, self.peer, Cause::Internal);
        }
        self.ctx.closed();
    }
}

#[cfg(test)]
mod tests;
