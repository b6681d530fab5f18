//! The old process's side: starts the new one, agrees with it step by step, hands over.
//!
//! What blocks runs beside the control thread. Dropping a [`Guest`] that was not let go kills the new
//! process: nobody is left half way.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use poise_ipc::transport::Held as Guarding;

use super::channel::{Channel, ChannelError};
use super::words::{Guarded, HandedFlow, HandedSocket, Luggage, PROTOCOL, Said, Told};
use super::{UpgradeError, VARIABLE};
use crate::control::command::Frozen;
use crate::worker::{Held, Listening};

/// What is not for the new process to see: it has descriptors of its own, and another process id.
const FOREIGN: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"];
/// How long a word to somebody who serves may take.
const WORD_WAIT: Duration = Duration::from_secs(2);

/// How this process was started, to start another one alike.
#[derive(Debug)]
pub(crate) struct Program {
    path: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

/// A new process on its way.
#[derive(Debug)]
pub(crate) struct Guest {
    child: Option<Child>,
    channel: Arc<Channel>,
    /// Its version.
    pub(crate) version: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// How long each step may take.
    step_wait: Duration,
}

/// The control sockets.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) main: Guarding,
    pub(crate) view: Option<Guarding>,
}

impl Doors {
    /// Further descriptors of the same sockets.
    ///
    /// # Errors
    /// Without free ones.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let share = |held: &Guarding| {
            Ok::<_, io::Error>(Guarding { socket: held.socket.try_clone()?, lock: held.lock.try_clone()? })
        };
        Ok(Self { main: share(&self.main)?, view: self.view.as_ref().map(share).transpose()? })
    }
}

impl Program {
    /// That of this process, looked up while its file is still what it was started from.
    pub(crate) fn own() -> Self {
        Self { path: std::env::current_exe(), arguments: std::env::args_os().collect() }
    }

    fn start(&self, other: Option<&Path>, channel: Channel) -> Result<Child, UpgradeError> {
        let own = self.path.as_ref();
        let path = match (other, own) {
            (Some(other), _) => other,
            (None, Ok(own)) => own,
            (None, Err(error)) => {
                let source = io::Error::new(error.kind(), error.to_string());
                return Err(UpgradeError::Start { program: "the program of this process".to_owned(), source });
            }
        };
        let mut command = Command::new(path);
        let mut arguments = self.arguments.iter();
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments).env(VARIABLE, "0").stdin(Stdio::from(OwnedFd::from(channel)));
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.spawn().map_err(|source| UpgradeError::Start { program: path.display().to_string(), source })
    }
}

impl Guest {
    /// Starts a program and waits until it has come.
    ///
    /// # Errors
    /// [`UpgradeError`]; it is killed then.
    pub(crate) async fn invite(
        program: &Program,
        other: Option<PathBuf>,
        step_wait: Duration,
    ) -> Result<Self, UpgradeError> {
        let (own, theirs) = Channel::pair()
            .map_err(|source| UpgradeError::Start { program: "a way to the new process".to_owned(), source })?;
        let child = program.start(other.as_deref(), theirs)?;
        let mut this = Self { child: Some(child), channel: Arc::new(own), version: String::new(), pid: 0, step_wait };
        let stage = "wait for the new process to start";
        match this.hear(stage).await? {
            Said::Here { protocol: PROTOCOL, version, pid } => (this.version, this.pid) = (version, pid),
            Said::Here { protocol: theirs, .. } => return Err(UpgradeError::Protocol { theirs }),
            Said::Refused { reason } => return Err(UpgradeError::Refused(reason)),
            Said::Ready | Said::Serving => return Err(UpgradeError::Order { stage }),
        }
        Ok(this)
    }

    /// Offers it what runs and waits for its judgement.
    ///
    /// # Errors
    /// [`UpgradeError`].
    pub(crate) async fn offer(&self, config: String, workers: u16) -> Result<(), UpgradeError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let offer = Told::Offer { protocol: PROTOCOL, version, config, workers };
        self.tell("offer the configuration", offer).await?;
        let stage = "wait for the new process to judge the configuration";
        match self.hear(stage).await? {
            Said::Ready => Ok(()),
            Said::Refused { reason } => Err(UpgradeError::Refused(reason)),
            Said::Here { .. } | Said::Serving => Err(UpgradeError::Order { stage }),
        }
    }

    /// Hands over everything and waits until it is served.
    ///
    /// # Errors
    /// [`UpgradeError`]; nobody has taken anything over then.
    pub(crate) async fn hand(&self, packed: Packed) -> Result<(), UpgradeError> {
        let (channel, step_wait) = (Arc::clone(&self.channel), self.step_wait);
        let sending = move || {
            let Packed { luggage, descriptors } = packed;
            let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
            channel.send(&Told::Take(luggage), &descriptors, step_wait)
        };
        blocking(sending).await.map_err(UpgradeError::talk("hand over"))?;
        let stage = "wait for the new process to serve";
        match self.hear(stage).await? {
            Said::Serving => Ok(()),
            Said::Refused { reason } => Err(UpgradeError::Refused(reason)),
            Said::Here { .. } | Said::Ready => Err(UpgradeError::Order { stage }),
        }
    }

    /// Lets it live on its own, and returns the way to it.
    pub(crate) fn let_go(mut self) -> Arc<Channel> {
        self.child = None;
        Arc::clone(&self.channel)
    }

    async fn hear(&self, stage: &'static str) -> Result<Said, UpgradeError> {
        let (channel, within) = (Arc::clone(&self.channel), self.step_wait);
        let heard = blocking(move || channel.receive(Some(within))).await;
        heard.map(|(said, _)| said).map_err(UpgradeError::talk(stage))
    }

    async fn tell(&self, stage: &'static str, told: Told) -> Result<(), UpgradeError> {
        let (channel, within) = (Arc::clone(&self.channel), self.step_wait);
        blocking(move || channel.send(&told, &[], within)).await.map_err(UpgradeError::talk(stage))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Says something to a process that serves; whether it still hears.
pub(crate) async fn tell(channel: &Arc<Channel>, told: Told) -> bool {
    let channel = Arc::clone(channel);
    blocking(move || channel.send(&told, &[], WORD_WAIT)).await.is_ok()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChannelError> + Send + 'static,
) -> Result<T, ChannelError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ChannelError::Gone))
}

/// What is handed over, with its descriptors in order.
#[derive(Debug)]
pub(crate) struct Packed {
    luggage: Box<Luggage>,
    descriptors: Vec<OwnedFd>,
}

impl Packed {
    /// Packs what the workers and control have told.
    pub(crate) fn new(frozen: Frozen, held: Vec<Held>, state_lock: OwnedFd, doors: Doors) -> Self {
        let mut descriptors = Vec::new();
        let mut put = |descriptor: OwnedFd| {
            descriptors.push(descriptor);
            descriptors.len() - 1
        };
        let state_lock = put(state_lock);
        let mut guarded = |held: Guarding| Guarded { socket: put(held.socket), lock: put(held.lock) };
        let control = guarded(doors.main);
        let view = doors.view.map(&mut guarded);
        let sockets = held.into_iter().map(|held| socket(held, &mut put)).collect();
        let Frozen { status, counted, tickets, predecessors, author } = frozen;
        let tickets = Some(tickets);
        let luggage = Luggage { state_lock, control, view, sockets, tickets, status, counted, predecessors, author };
        let luggage = Box::new(luggage);
        Self { luggage, descriptors }
    }
}

fn socket(held: Held, put: &mut impl FnMut(OwnedFd) -> usize) -> HandedSocket {
    let Held { purpose, address, socket, flows } = held;
    let datagrams = matches!(socket, Listening::Udp(_));
    let flows = flows.into_iter().map(|flow| HandedFlow {
        descriptor: put(flow.socket),
        client: flow.known.key.client,
        local: flow.known.key.local,
        backend: flow.known.backend.0,
        target: flow.target,
        replies: flow.known.replies,
        owed: flow.known.owed,
        idle_ms: flow.known.idle_ms,
    });
    let flows = flows.collect();
    HandedSocket {
        descriptor: put(socket.into()),
        listener: purpose.listener.0,
        bind: purpose.bind,
        address,
        dual: purpose.dual,
        datagrams,
        flows,
    }
}
