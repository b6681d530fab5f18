//! Listening addresses: bound before a commit, handed to the workers with it.
//!
//! [`Binder::prepare`] finds every address that cannot be had, while nothing has changed yet;
//! [`Binder::commit`] opens, passes on and closes. What stays keeps its sockets, so no connection
//! is refused by an edit. It accepts nothing: that is the workers'.

mod socket;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use poise_core::plan::ListenerId;
use poise_ipc::Name;
use poise_ipc::model::{Bind, Listener};
use tokio::sync::{mpsc, oneshot};

use self::socket::overlaps;
use crate::worker::{DoorId, Purpose, WorkerCommand};

/// How long a commit waits for a worker to close a door. Workers answer at once; a commit must
/// not hang on one that does not.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// What is wanted of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, for errors.
    pub name: Name,
    /// Its settings: where it accepts (port 0 lets the kernel choose once), and how.
    pub settings: Listener,
}

impl Wanted {
    /// The door it asks for, where it is one that can be had.
    fn purpose(&self, listener: ListenerId) -> io::Result<Purpose> {
        let protocol = self.settings.protocol;
        let bind = self.settings.bind.ip().filter(|_| protocol.is_stream()).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Purpose { listener, bind, protocol })
    }
}

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listener {listener} cannot accept on {address}")]
pub struct BindError {
    /// The listener that wants it.
    pub listener: Name,
    /// The address.
    pub address: Bind,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// The addresses in use and how to change them.
// Not Clone: one writer decides what is listened on.
#[derive(Debug)]
pub struct Binder {
    workers: Vec<mpsc::Sender<WorkerCommand>>,
    doors: BTreeMap<ListenerId, Opened>,
    next: u64,
}

/// A door that all workers have open.
#[derive(Clone, Copy, Debug)]
struct Opened {
    door: DoorId,
    purpose: Purpose,
    /// The real address.
    address: SocketAddr,
}

/// Addresses that are bound but not served yet. Dropping it lets go of them.
#[derive(Debug)]
#[must_use = "what was bound is let go when this is dropped"]
pub struct Prepared {
    kept: BTreeMap<ListenerId, Opened>,
    fresh: Vec<Fresh>,
}

#[derive(Debug)]
struct Fresh {
    purpose: Purpose,
    address: SocketAddr,
    /// One socket per worker.
    sockets: Vec<TcpListener>,
}

impl Binder {
    /// A binder that serves nothing yet, for these workers.
    pub fn new(workers: Vec<mpsc::Sender<WorkerCommand>>) -> Self {
        Self { workers, doors: BTreeMap::new(), next: 0 }
    }

    /// The real address of a listener, also when its configured port is 0.
    pub fn address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.doors.get(&listener).map(|opened| opened.address)
    }

    /// Binds what is wanted and not yet bound. Clients can connect to it from here on and wait
    /// for the commit.
    ///
    /// # Errors
    /// [`BindError`] for the first address that cannot be had; everything is as it was then.
    pub fn prepare(&self, wanted: &BTreeMap<ListenerId, Wanted>) -> Result<Prepared, BindError> {
        let mut prepared = Prepared { kept: self.staying(wanted), fresh: Vec::new() };
        for (&listener, want) in wanted {
            if prepared.kept.contains_key(&listener) {
                continue;
            }
            let fail = |source| BindError { listener: want.name.clone(), address: want.settings.bind.clone(), source };
            let purpose = want.purpose(listener).map_err(fail)?;
            if let Some(inherited) = self.unclaimed(&prepared, purpose.bind) {
                prepared.kept.insert(listener, Opened { purpose, ..inherited });
                continue;
            }
            prepared.fresh.push(self.bind(&prepared, purpose).map_err(fail)?);
        }
        Ok(prepared)
    }

    /// Listeners that keep their address, with what they are for now.
    fn staying(&self, wanted: &BTreeMap<ListenerId, Wanted>) -> BTreeMap<ListenerId, Opened> {
        let stays = |(&listener, opened): (&ListenerId, &Opened)| {
            let purpose =
                wanted.get(&listener)?.purpose(listener).ok().filter(|purpose| opened.serves(purpose.bind))?;
            Some((listener, Opened { purpose, ..*opened }))
        };
        self.doors.iter().filter_map(stays).collect()
    }

    /// A door at this address that nobody keeps.
    fn unclaimed(&self, prepared: &Prepared, bind: SocketAddr) -> Option<Opened> {
        let claimed = |door: DoorId| prepared.kept.values().any(|kept| kept.door == door);
        // Port 0 asks for a port of its own.
        let free = |opened: &&Opened| bind.port() != 0 && opened.serves(bind) && !claimed(opened.door);
        self.doors.values().find(free).copied()
    }

    fn bind(&self, prepared: &Prepared, purpose: Purpose) -> io::Result<Fresh> {
        let ours = prepared.fresh.iter().map(|fresh| fresh.address);
        let mut ours = ours.chain(prepared.kept.values().map(|kept| kept.address));
        if ours.any(|address| address == purpose.bind) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // The trial would meet our own socket for all addresses of the port, or the one for a
        // single address; the kernel tells those apart by the better match.
        let ours = prepared.fresh.iter().map(|fresh| fresh.address);
        let mut ours = ours.chain(self.doors.values().map(|opened| opened.address));
        if !ours.any(|address| overlaps(address, purpose.bind)) {
            socket::trial(purpose.bind)?;
        }
        let (address, sockets) = socket::bind(purpose.bind, self.workers.len())?;
        Ok(Fresh { purpose, address, sockets })
    }

    /// Lets the workers follow what was prepared: opens and passes on first, then closes, and
    /// returns when what is closed refuses connections.
    pub async fn commit(&mut self, prepared: Prepared) {
        let mut doors = BTreeMap::new();
        for (listener, opened) in prepared.kept {
            let before = self.doors.values().find(|before| before.door == opened.door);
            if before.is_none_or(|before| before.purpose != opened.purpose) {
                self.tell(|| WorkerCommand::Assign { door: opened.door, purpose: opened.purpose }).await;
            }
            doors.insert(listener, opened);
        }
        for fresh in prepared.fresh {
            let door = DoorId(self.next);
            self.next += 1;
            let Fresh { purpose, address, mut sockets } = fresh;
            for worker in &self.workers {
                let Some(socket) = sockets.pop() else { break };
                // A worker that is gone serves nothing; its socket closes.
                let _ = worker.send(WorkerCommand::Open { door, purpose, socket }).await;
            }
            doors.insert(purpose.listener, Opened { door, purpose, address });
        }
        let before = std::mem::replace(&mut self.doors, doors);
        self.close(before.into_values().map(|opened| opened.door)).await;
    }

    /// Closes those doors of before that nobody has now.
    async fn close(&self, before: impl Iterator<Item = DoorId>) {
        let stays = |door: &DoorId| self.doors.values().any(|opened| opened.door == *door);
        let mut waits = Vec::new();
        for door in before.filter(|door| !stays(door)) {
            for worker in &self.workers {
                let (closed, wait) = oneshot::channel();
                if worker.send(WorkerCommand::Close { door, closed }).await.is_ok() {
                    waits.push(wait);
                }
            }
        }
        let all = async {
            for wait in waits {
                let _ = wait.await;
            }
        };
        if tokio::time::timeout(CLOSE_WAIT, all).await.is_err() {
            tracing::warn!("a worker is late in closing a listener");
        }
    }

    async fn tell(&self, command: impl Fn() -> WorkerCommand) {
        for worker in &self.workers {
            // A worker that is gone has no door to pass on.
            let _ = worker.send(command()).await;
        }
    }
}

impl Opened {
    /// Whether this door is what `bind` asks for: as it was configured, or where it really is.
    fn serves(&self, bind: SocketAddr) -> bool {
        self.purpose.bind == bind || self.address == bind
    }
}

#[cfg(test)]
mod tests;
