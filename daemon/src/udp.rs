//! The UDP relay: datagrams of a client go to one backend, and what that one answers goes back.
//!
//! The worker opens it for every `udp` listener. One task serves the listening socket and the
//! sockets of all its flows, in batches; which datagrams are of one flow is for the rules to say
//! (`poise_core::flow`). It binds nothing and waits for no control.

mod conduit;
mod engine;
mod guide;
mod ready;
mod sending;

use std::cell::{Cell, RefCell, RefMut};
use std::io;
use std::net::UdpSocket;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use socket2::SockRef;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_local};

use self::engine::Engine;
use crate::platform::{Batch, join_datagrams, tell_local_address};
use crate::worker::{Held, HeldFlow, Purpose, WorkerContext};

/// How long a socket that is to close waits for replies to what clients have just asked. Other
/// sockets of the address, or another process, serve it right after; flows need nothing from here.
const LINGER: Duration = Duration::from_millis(200);

/// Bytes that may wait in a listening socket for the worker, and for the network: bursts of all
/// clients meet there. The kernel gives no more than `net.core.rmem_max` and `wmem_max`.
const QUEUE_BYTES: usize = 4 << 20;

/// What the relay keeps on a worker for all its sockets.
#[derive(Default)]
pub(crate) struct WorkerState {
    /// Made with the first socket and gone with the last: most workers relay no datagrams.
    batch: RefCell<Option<Box<Batch>>>,
    doors: Cell<usize>,
    /// Flows that are open, over all sockets: each has a descriptor.
    flows: Cell<usize>,
}

impl WorkerState {
    /// Flows that are open.
    pub(crate) fn flows(&self) -> usize {
        self.flows.get()
    }

    /// The room for datagrams, lent to a synchronous section.
    fn batch(&self) -> RefMut<'_, Batch> {
        RefMut::map(self.batch.borrow_mut(), |batch| &mut **batch.get_or_insert_with(|| Box::new(Batch::new())))
    }

    fn opened(&self) {
        self.doors.set(self.doors.get() + 1);
    }

    fn closed(&self) {
        self.doors.set(self.doors.get() - 1);
        if self.doors.get() == 0 {
            *self.batch.borrow_mut() = None;
        }
    }
}

/// What the worker tells the task of a socket.
struct Orders {
    purpose: RefCell<Purpose>,
    /// The purpose is new.
    assigned: Cell<bool>,
    closing: Cell<bool>,
    /// Another process is about to serve the socket: nothing is read until it is known whether it does.
    paused: Cell<bool>,
    /// Who asks for what is open.
    asked: RefCell<Option<oneshot::Sender<io::Result<Held>>>>,
    task: RefCell<Option<Waker>>,
}

/// An open socket; dropping it closes it and its flows.
pub(crate) struct Door {
    orders: Rc<Orders>,
    serving: JoinHandle<()>,
}

impl Door {
    /// Starts to serve a bound, non-blocking socket.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket, or there is no randomness for its table.
    pub(crate) fn open(
        ctx: &Rc<WorkerContext>,
        purpose: Purpose,
        socket: UdpSocket,
        flows: Vec<HeldFlow>,
    ) -> io::Result<Self> {
        prepare(&socket)?;
        let orders = Orders {
            purpose: RefCell::new(purpose),
            assigned: Cell::new(true),
            closing: Cell::new(false),
            paused: Cell::new(false),
            asked: RefCell::new(None),
            task: RefCell::new(None),
        };
        let orders = Rc::new(orders);
        let engine = Engine::new(Rc::clone(ctx), Rc::clone(&orders), socket, flows)?;
        Ok(Self { orders, serving: spawn_local(engine.run()) })
    }

    /// What comes from now on is for somebody else; open flows go with it.
    pub(crate) fn assign(&self, purpose: Purpose) {
        self.orders.purpose.replace(purpose);
        self.orders.assigned.set(true);
        self.wake();
    }

    /// What another process needs to serve the socket and its flows. What comes from then on waits.
    ///
    /// # Errors
    /// Without free descriptors; it goes on then.
    pub(crate) async fn hand(&self) -> io::Result<Held> {
        let (asked, held) = oneshot::channel();
        self.orders.asked.replace(Some(asked));
        self.wake();
        held.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Nobody has taken it: what waits is served.
    pub(crate) fn resume(&self) {
        self.orders.paused.set(false);
        self.wake();
    }

    /// Leaves the socket and the flows to another process.
    pub(crate) async fn leave(mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }

    /// Forwards what the kernel has already queued, waits a moment for replies, then closes the
    /// socket: when this returns, it is closed.
    pub(crate) async fn close(mut self) {
        self.orders.closing.set(true);
        self.wake();
        if tokio::time::timeout(LINGER, &mut self.serving).await.is_err() {
            self.serving.abort();
            // The task holds the socket until it has ended.
            let _ = (&mut self.serving).await;
        }
    }

    fn wake(&self) {
        if let Some(task) = self.orders.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Sets a listening socket up for batches, and for replies from the address that was asked.
fn prepare(socket: &UdpSocket) -> io::Result<()> {
    // Without these three everything works, with more calls and losses at bursts.
    let _ = join_datagrams(socket);
    let _ = SockRef::from(socket).set_recv_buffer_size(QUEUE_BYTES);
    let _ = SockRef::from(socket).set_send_buffer_size(QUEUE_BYTES);
    let address = socket.local_addr()?;
    if address.ip().is_unspecified() {
        tell_local_address(socket, address.is_ipv6())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
