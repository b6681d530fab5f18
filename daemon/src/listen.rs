//! Listening addresses: bound before a commit, handed to the workers with it.
//!
//! [`Binder::prepare`] finds every address that cannot be had, while nothing has changed yet;
//! [`Binder::commit`] opens, passes on and closes. What stays keeps its sockets, so no connection
//! is refused by an edit. It accepts nothing: that is the workers'.

mod inherited;
mod socket;
mod unix;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use poise_core::plan::ListenerId;
use poise_ipc::Name;
use poise_ipc::model::{Bind, Listener, Mode};
use poise_ipc::transport::file::SocketFile;
use socket2::Type;
use tokio::sync::{mpsc, oneshot};

pub use self::inherited::Inherited;
use self::socket::Spot;
use crate::loops::Own;
use crate::worker::{Accepting, DoorId, HeldFlow, Listening, Purpose, WorkerCommand};

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
    /// What a door for it is for.
    fn purpose(&self, listener: ListenerId) -> Purpose {
        let Listener { bind, dual_stack, protocol, .. } = &self.settings;
        let dual = *dual_stack && bind.ip().is_some_and(|address| address.is_ipv6() && address.ip().is_unspecified());
        Purpose { listener, bind: bind.clone(), dual, protocol: *protocol }
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
    /// Sockets of another process that nobody has claimed yet.
    inherited: Vec<Inherited>,
}

/// A door that all workers have open.
#[derive(Clone, Debug)]
struct Opened {
    door: DoorId,
    place: Place,
    purpose: Purpose,
}

/// What is bound for a door.
#[derive(Clone, Debug)]
struct Place {
    /// The real address.
    address: Bind,
    /// The file of a Unix socket, which goes with the last who knows of it.
    file: Option<Arc<SocketFile>>,
    /// The mode that it has.
    mode: Mode,
}

/// Addresses that are bound but not served yet. Dropping it lets go of them.
#[derive(Debug)]
#[must_use = "what was bound is let go when this is dropped"]
pub struct Prepared {
    kept: BTreeMap<ListenerId, Opened>,
    fresh: Vec<Fresh>,
    /// Modes that are wanted of Unix sockets.
    modes: BTreeMap<ListenerId, Mode>,
}

#[derive(Debug)]
struct Fresh {
    purpose: Purpose,
    place: Place,
    /// One socket per worker.
    sockets: Vec<Bound>,
}

/// A socket with the flows that another process has opened through it.
type Bound = (Listening, Vec<HeldFlow>);

impl Binder {
    /// A binder that serves nothing yet, for these workers.
    pub fn new(workers: Vec<mpsc::Sender<WorkerCommand>>) -> Self {
        Self { workers, doors: BTreeMap::new(), next: 0, inherited: Vec::new() }
    }

    /// The real address of a listener, also when its configured port is 0.
    pub fn address(&self, listener: ListenerId) -> Option<Bind> {
        self.doors.get(&listener).map(|opened| opened.place.address.clone())
    }

    /// Takes sockets that another process has bound: whoever wants their address gets them.
    pub fn inherit(&mut self, inherited: Vec<Inherited>) {
        self.inherited = inherited;
    }

    /// Another process listens there from now on: the files of Unix sockets stay.
    pub fn leave(&mut self) {
        for opened in self.doors.values() {
            if let Some(file) = &opened.place.file {
                file.leave();
            }
        }
    }

    /// Binds what is wanted and not yet bound. Clients can connect to it from here on and wait
    /// for the commit.
    ///
    /// # Errors
    /// [`BindError`] for the first address that cannot be had; everything is as it was then.
    pub fn prepare(&mut self, wanted: &BTreeMap<ListenerId, Wanted>) -> Result<Prepared, BindError> {
        let modes = wanted.iter().map(|(&listener, want)| (listener, want.settings.socket_mode)).collect();
        let mut prepared = Prepared { kept: self.staying(wanted), fresh: Vec::new(), modes };
        for (&listener, want) in wanted {
            if prepared.kept.contains_key(&listener) {
                continue;
            }
            let purpose = want.purpose(listener);
            if let Some(inherited) = self.unclaimed(&prepared, &purpose) {
                prepared.kept.insert(listener, Opened { purpose, ..inherited });
                continue;
            }
            let fail = |source| BindError { listener: want.name.clone(), address: want.settings.bind.clone(), source };
            let mode = want.settings.socket_mode;
            let fresh = match self.claim(&purpose, mode).map_err(fail)? {
                Some(fresh) => fresh,
                None => self.bind(&prepared, purpose, mode).map_err(fail)?,
            };
            prepared.fresh.push(fresh);
        }
        Ok(prepared)
    }

    /// Listeners that keep their address, with what they are for now.
    fn staying(&self, wanted: &BTreeMap<ListenerId, Wanted>) -> BTreeMap<ListenerId, Opened> {
        let stays = |(&listener, opened): (&ListenerId, &Opened)| {
            let purpose = wanted.get(&listener)?.purpose(listener);
            opened.serves(&purpose).then(|| (listener, Opened { purpose, ..opened.clone() }))
        };
        self.doors.iter().filter_map(stays).collect()
    }

    /// A door at this address that nobody keeps.
    fn unclaimed(&self, prepared: &Prepared, purpose: &Purpose) -> Option<Opened> {
        let claimed = |door: DoorId| prepared.kept.values().any(|kept| kept.door == door);
        // Port 0 asks for a port of its own.
        let asks_for_any = purpose.bind.ip().is_some_and(|address| address.port() == 0);
        let free = |opened: &&Opened| !asks_for_any && opened.serves(purpose) && !claimed(opened.door);
        self.doors.values().find(free).cloned()
    }

    fn bind(&self, prepared: &Prepared, purpose: Purpose, mode: Mode) -> io::Result<Fresh> {
        match &purpose.bind {
            Bind::Ip(address) => {
                let spot = spot(*address, &purpose);
                let fresh = prepared.fresh.iter().map(|fresh| (&fresh.place, &fresh.purpose));
                let kept = prepared.kept.values().map(|kept| (&kept.place, &kept.purpose));
                if fresh.clone().chain(kept).filter_map(bound).any(|ours| ours == spot) {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                let open = self.doors.values().map(|opened| (&opened.place, &opened.purpose));
                let ours: Vec<_> = fresh.chain(open).filter_map(bound).collect();
                spot.try_alone(&ours)?;
                let (address, sockets) = socket::bind(spot, self.workers.len())?;
                let sockets = sockets.into_iter().map(|socket| (socket, Vec::new())).collect();
                let place = Place { address: Bind::Ip(address), file: None, mode };
                Ok(Fresh { purpose, place, sockets })
            }
            Bind::Unix(path) => {
                let (file, sockets) = unix::bind_at(Path::new(path), mode, self.workers.len())?;
                let place = Place { address: purpose.bind.clone(), file: Some(Arc::new(file)), mode };
                let listening = |socket| (Listening::Stream(Accepting::Unix(socket)), Vec::new());
                Ok(Fresh { purpose, place, sockets: sockets.into_iter().map(listening).collect() })
            }
        }
    }

    /// Lets the workers follow what was prepared: opens and passes on first, then closes, and
    /// returns when what is closed refuses connections.
    pub async fn commit(&mut self, prepared: Prepared) {
        let Prepared { kept, fresh, modes } = prepared;
        let before = std::mem::replace(&mut self.doors, kept);
        let mut sockets = Vec::with_capacity(fresh.len());
        for Fresh { purpose, place, sockets: made } in fresh {
            let door = DoorId(self.next);
            self.next += 1;
            sockets.push((door, purpose.clone(), made));
            self.doors.insert(purpose.listener, Opened { door, place, purpose });
        }
        // Before the first client: it may be one of our own.
        let own = Arc::new(self.own());
        self.tell(|| WorkerCommand::Own { own: Arc::clone(&own) }).await;
        for opened in self.doors.values() {
            let passed_on = |before: &Opened| before.door == opened.door && before.purpose != opened.purpose;
            if before.values().any(passed_on) {
                self.tell(|| WorkerCommand::Assign { door: opened.door, purpose: opened.purpose.clone() }).await;
            }
        }
        for (door, purpose, mut sockets) in sockets {
            for worker in &self.workers {
                let Some((socket, flows)) = sockets.pop() else { break };
                // A worker that is gone serves nothing; its socket closes.
                let _ = worker.send(WorkerCommand::Open { door, purpose: purpose.clone(), socket, flows }).await;
            }
        }
        self.set_modes(&modes);
        // What nobody wanted at the first commit, nobody will.
        self.forgo();
        self.close(before).await;
    }

    /// Where poised listens now.
    fn own(&self) -> Own {
        let mut own = Own::default();
        for opened in self.doors.values() {
            match &opened.place.address {
                Bind::Ip(address) if opened.purpose.protocol.is_stream() => own.add_ip(*address, opened.purpose.dual),
                Bind::Ip(address) => own.add_udp(*address, opened.purpose.dual),
                Bind::Unix(path) => own.add_unix(path),
            }
        }
        own
    }

    fn set_modes(&mut self, modes: &BTreeMap<ListenerId, Mode>) {
        for (listener, opened) in &mut self.doors {
            let Some((&mode, file)) = modes.get(listener).zip(opened.place.file.as_ref()) else { continue };
            if mode == opened.place.mode {
                continue;
            }
            match unix::open_to(file, mode) {
                Ok(()) => opened.place.mode = mode,
                Err(error) => {
                    tracing::warn!(address = %opened.place.address, %error, "the mode of a listener cannot be set");
                }
            }
        }
    }

    /// Closes those doors of before that nobody has now.
    async fn close(&self, before: BTreeMap<ListenerId, Opened>) {
        let stays = |opened: &Opened| self.doors.values().any(|now| now.door == opened.door);
        let mut waits = Vec::new();
        for Opened { door, place, .. } in before.into_values().filter(|opened| !stays(opened)) {
            // The file goes first: who comes later finds nobody instead of a reset.
            drop(place);
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
    /// Whether this door is what is asked for: as it was configured, or where it really is.
    fn serves(&self, purpose: &Purpose) -> bool {
        let there = self.purpose.bind == purpose.bind || self.place.address == purpose.bind;
        let stream = |purpose: &Purpose| purpose.protocol.is_stream();
        there && self.purpose.dual == purpose.dual && stream(&self.purpose) == stream(purpose)
    }
}

/// What is bound of something that is.
fn bound((place, purpose): (&Place, &Purpose)) -> Option<Spot> {
    place.address.ip().map(|address| spot(address, purpose))
}

fn spot(address: SocketAddr, purpose: &Purpose) -> Spot {
    let kind = if purpose.protocol.is_stream() { Type::STREAM } else { Type::DGRAM };
    Spot { address, dual: purpose.dual, kind }
}

#[cfg(test)]
mod tests;
