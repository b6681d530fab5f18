//! The socket of one flow: connected to its backend, so that only that one is heard, and so that a
//! refusal by its host is.
//!
//! It owns no buffer. What is read and written, and when it closes, is the engine's; it counts the
//! flow at the backend while it lives.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use poise_core::flow::{FlowId, Key};
use poise_core::live::{BackendCells, BackendLive, Inflight};
use poise_core::plan::{BackendId, BackendPlan};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::sending::{Sent, send_behind};
use crate::loops::{Caller, Dials, Passage, Passing};
use crate::platform::{Batch, join_datagrams, watch_readable};
use crate::transparent;

/// An open flow's way to its backend.
pub(super) struct Conduit {
    pub(super) flow: FlowId,
    pub(super) key: Key,
    /// Watched for reading alone: every datagram that leaves would report room to write.
    pub(super) socket: AsyncFd<OwnedFd>,
    /// Puts it on the list of those with something to read.
    pub(super) waker: Waker,
    pub(super) backend: BackendId,
    /// Where it is connected to.
    pub(super) target: SocketAddr,
    /// The plan by which that was the backend's address.
    pub(super) generation: u64,
    /// Whether the kernel may be asked to split on the way to the backend, and to the client.
    pub(super) splits: (bool, bool),
    /// Since when the first reply is due; `None` once it came.
    pub(super) asked: Option<Instant>,
    /// Goes ahead of the first datagram to the backend; `None` once it went.
    pub(super) header: Option<Vec<u8>>,
    pub(super) live: Arc<BackendLive>,
    worker: usize,
    _slot: Inflight,
    _passing: Option<Passing>,
}

/// What a conduit is opened for.
pub(super) struct Order<'a> {
    pub(super) flow: FlowId,
    pub(super) key: Key,
    pub(super) backend: &'a Arc<BackendPlan>,
    pub(super) target: SocketAddr,
    pub(super) generation: u64,
    pub(super) worker: usize,
    /// The flow's slot at the backend.
    pub(super) slot: Inflight,
    /// The address to speak from, instead of our own.
    pub(super) from: Option<SocketAddr>,
    /// What goes ahead of the first datagram.
    pub(super) header: Option<Vec<u8>>,
    /// Its way so far, where the target is one of our own listeners.
    pub(super) passage: Option<Passage>,
}

impl Conduit {
    /// Connects, which for UDP asks nobody.
    ///
    /// # Errors
    /// Those of the system, and a refusal where the socket would be connected to itself.
    pub(super) fn open(order: Order<'_>, dials: &Arc<Dials>, waker: Waker) -> io::Result<Self> {
        let socket = connected(order.target, order.from)?;
        order.backend.live.worker(order.worker).connections.add(1);
        Self::around(order, socket, dials, waker, Some(Instant::now()))
    }

    /// Goes on with a socket that another process has connected.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub(super) fn take_up(order: Order<'_>, socket: OwnedFd, dials: &Arc<Dials>, waker: Waker) -> io::Result<Self> {
        Self::around(order, UdpSocket::from(socket), dials, waker, None)
    }

    fn around(
        order: Order<'_>,
        socket: UdpSocket,
        dials: &Arc<Dials>,
        waker: Waker,
        asked: Option<Instant>,
    ) -> io::Result<Self> {
        let Order { flow, key, backend, target, generation, worker, slot, from: _, header, passage } = order;
        let passing = match passage {
            Some(passage) => Some(dials.enter(Caller::udp(socket.local_addr()?), passage)),
            None => None,
        };
        let socket = watch_readable(socket)?;
        // Asks to be told; nothing can have come yet.
        let _ = socket.poll_read_ready(&mut Context::from_waker(&waker));
        backend.live.worker(worker).connections_open.add(1);
        Ok(Self {
            flow,
            key,
            socket,
            waker,
            backend: backend.id,
            target,
            generation,
            splits: (true, true),
            asked,
            header,
            live: Arc::clone(&backend.live),
            worker,
            _slot: slot,
            _passing: passing,
        })
    }

    /// Sends the header, where one is due, with the first of these datagrams that can be sent; takes
    /// those that were tried from the range.
    ///
    /// # Errors
    /// The number of the first that the backend has refused, as [`super::sending::send`].
    pub(super) fn introduce(&mut self, batch: &Batch, range: &mut Range<usize>, sent: &mut Sent) -> Result<(), usize> {
        while let Some(header) = self.header.as_deref().filter(|_| range.start < range.end) {
            let before = sent.datagrams;
            send_behind(&self.socket, header, (batch, range.start), sent).map_err(|_| range.start)?;
            range.start += 1;
            if sent.datagrams > before {
                self.header = None;
            }
        }
        Ok(())
    }

    /// What this worker counts of the backend.
    pub(super) fn cells(&self) -> &BackendCells {
        self.live.worker(self.worker)
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        self.cells().connections_open.sub(1);
    }
}

fn connected(target: SocketAddr, from: Option<SocketAddr>) -> io::Result<UdpSocket> {
    let socket = match from {
        Some(client) => transparent::socket(client, target, Type::DGRAM)?,
        None => Socket::new(Domain::for_address(target), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?,
    };
    // Without it datagrams come one by one.
    let _ = join_datagrams(&socket);
    socket.connect(&target.into())?;
    let socket = UdpSocket::from(socket);
    // On one host the kernel may give us the very port that we speak to: a backend that is not there
    // would seem to answer, with an echo.
    if target.ip().is_loopback() && socket.local_addr()? == target {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(socket)
}
