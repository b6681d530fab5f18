//! A listening socket of one worker: accepts connections and hands each to its protocol.
//!
//! Bounded by the worker's budget of descriptors: what exceeds it is refused and counted. Out of
//! descriptors it pauses instead of spinning. It binds nothing (that is `listen`) and reads no
//! byte of a connection.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::{ListenerId, ListenerPlan};
use poise_ipc::cause::Cause;
use poise_ipc::model::Protocol;
use rustix::net::SocketFlags;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};
use tracing::warn;

use super::{Purpose, WorkerContext};
use crate::platform::defer_accept;
use crate::{l4, l7};

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
    purpose: Cell<Purpose>,
    /// The real address.
    address: SocketAddr,
    socket: TcpListener,
}

impl Door {
    /// Starts to accept on a listening, non-blocking socket.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(super) fn open(ctx: &Rc<WorkerContext>, purpose: Purpose, socket: std::net::TcpListener) -> io::Result<Self> {
        defer(&socket, purpose.protocol);
        let socket = TcpListener::from_std(socket)?;
        let (address, ctx) = (socket.local_addr()?, Rc::clone(ctx));
        let entrance = Rc::new(Entrance { ctx, purpose: Cell::new(purpose), address, socket });
        let accepting = spawn_local(accept(Rc::clone(&entrance)));
        Ok(Self { entrance, accepting })
    }

    /// What is accepted from now on is for somebody else.
    pub(super) fn assign(&self, purpose: Purpose) {
        let before = self.entrance.purpose.replace(purpose);
        if before.protocol != purpose.protocol {
            defer(&self.entrance.socket, purpose.protocol);
        }
    }

    /// Takes what the kernel has already accepted, then closes the socket: when this returns,
    /// it is closed.
    pub(super) async fn close(mut self) {
        self.accepting.abort();
        // The task holds the socket too, until it has ended.
        let _ = (&mut self.accepting).await;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Ends: the kernel queues no more than the backlog, and new ones only while this runs.
        while let Ok(client) = rustix::net::accept_with(&self.entrance.socket, flags) {
            let client = std::net::TcpStream::from(client);
            if let (Ok(peer), Ok(client)) = (client.peer_addr(), TcpStream::from_std(client)) {
                self.entrance.admit(client, peer);
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A client of an `http` listener speaks first, so its connection may wait in the kernel until it
/// does; one of a `tcp` listener may wait for the backend to speak.
fn defer(socket: impl AsFd, protocol: Protocol) {
    let seconds = match protocol {
        Protocol::Http => DEFER_S,
        Protocol::Tcp | Protocol::Udp => 0,
    };
    // Without it everything works, a little slower.
    let _ = defer_accept(socket, seconds);
}

async fn accept(entrance: Rc<Entrance>) {
    loop {
        match entrance.socket.accept().await {
            Ok((client, peer)) => entrance.admit(client, peer),
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

    fn admit(&self, client: TcpStream, peer: SocketAddr) {
        self.ctx.clock.refresh();
        let Some(listener) = self.ctx.listener(self.purpose.get(), self.address) else {
            // Removed a moment ago: this socket is about to close.
            return;
        };
        if self.ctx.open.get() >= self.ctx.budget.connections_max {
            self.ctx.ended(&listener, None, peer, Cause::ConnectionLimit);
            return;
        }
        let open = Open::new(Rc::clone(&self.ctx), &listener, peer);
        let ctx = Rc::clone(&self.ctx);
        // Two spawns, so that a TCP pair does not carry the larger state of the HTTP relay.
        match listener.protocol() {
            Protocol::Tcp | Protocol::Udp => drop(spawn_local(async move {
                l4::serve(ctx, listener, client, peer).await;
                drop(open);
            })),
            Protocol::Http => drop(spawn_local(async move {
                l7::serve(ctx, listener, client, peer).await;
                drop(open);
            })),
        }
    }
}

/// Counts a connection while it is open. A panic ends that connection alone and is counted too.
struct Open {
    ctx: Rc<WorkerContext>,
    live: Arc<poise_core::live::ListenerLive>,
    listener: ListenerId,
    peer: SocketAddr,
}

impl Open {
    fn new(ctx: Rc<WorkerContext>, listener: &ListenerPlan, peer: SocketAddr) -> Self {
        let cells = listener.live.worker(ctx.index);
        cells.connections.add(1);
        cells.connections_open.add(1);
        ctx.open.set(ctx.open.get() + 1);
        Self { ctx, live: Arc::clone(&listener.live), listener: listener.id, peer }
    }
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
