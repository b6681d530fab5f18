//! What two processes of poised say to each other when one takes over from the other.
//!
//! JSON, so that builds that differ understand each other: what one does not know it passes over, what
//! is missing has a default. Descriptors travel beside a message; a number here is their place there.

use std::net::{IpAddr, SocketAddr};

use poise_ipc::message::Author;
use poise_ipc::model::Bind;
use poise_ipc::status::{PredecessorStatus, Status};
use serde::{Deserialize, Serialize};

use crate::tls::TicketKeys;

/// The version of this conversation. Another one is refused, which leaves the old process as it is.
pub const PROTOCOL: u32 = 1;

/// What the new process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// It has started.
    Here {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Version of the program.
        version: String,
        /// Its process id.
        pid: u32,
    },
    /// It can run what it was offered.
    Ready,
    /// It cannot.
    Refused {
        /// Why.
        reason: String,
    },
    /// It accepts.
    Serving,
}

/// What the old process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// This is what runs: can you?
    Offer {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Version of the program.
        version: String,
        /// The running configuration as text.
        config: String,
        /// Worker threads.
        workers: u16,
    },
    /// Take it, with the descriptors beside it.
    Take(Box<Luggage>),
    /// The old process has let go of everything.
    Released,
    /// How far its drain has come, and what it has counted in all.
    Progress(Box<Progress>),
}

/// Everything that is handed over and not on the disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct Luggage {
    /// The lock of the state directory.
    pub state_lock: usize,
    /// The control socket.
    pub control: Guarded,
    /// The view-only socket.
    #[serde(default)]
    pub view: Option<Guarded>,
    /// What listeners listen on.
    pub sockets: Vec<HandedSocket>,
    /// Keys of TLS session tickets.
    #[serde(default)]
    pub tickets: Option<TicketKeys>,
    /// Everything as it stands: health with its evidence is taken from it.
    pub status: Box<Status>,
    /// Counters.
    #[serde(default)]
    pub counted: Counted,
    /// Processes before it that still drain.
    #[serde(default)]
    pub predecessors: Vec<PredecessorStatus>,
    /// Who has asked for the upgrade; nobody where a signal did.
    #[serde(default)]
    pub author: Option<Author>,
}

/// A control socket with the lock beside it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Guarded {
    /// The listening socket.
    pub socket: usize,
    /// The lock.
    pub lock: usize,
}

/// A socket of a listener at one worker.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandedSocket {
    /// The descriptor.
    pub descriptor: usize,
    /// Identity of the listener.
    pub listener: u64,
    /// Its configured address.
    pub bind: Bind,
    /// The real one.
    pub address: Bind,
    /// Whether `[::]` takes IPv4 too.
    pub dual: bool,
    /// Whether it takes datagrams.
    pub datagrams: bool,
    /// Flows that are open through it.
    #[serde(default)]
    pub flows: Vec<HandedFlow>,
}

/// An open flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandedFlow {
    /// The socket that is connected to the backend.
    pub descriptor: usize,
    /// The client.
    pub client: SocketAddr,
    /// The address of ours that it wrote to, where the listening socket has several.
    #[serde(default)]
    pub local: Option<IpAddr>,
    /// Identity of the backend.
    pub backend: u64,
    /// Where the backend is.
    pub target: SocketAddr,
    /// Replies so far.
    pub replies: u32,
    /// The client spoke last.
    pub owed: bool,
    /// How long nothing has passed, in milliseconds.
    pub idle_ms: u64,
}

/// How a process that has handed over is doing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Itself and those before it.
    pub predecessors: Vec<PredecessorStatus>,
    /// What it has counted in all, by name; what was carried to it included.
    #[serde(default)]
    pub counted: Option<Box<Counted>>,
}

/// Counters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Of listeners with their routes.
    #[serde(default)]
    pub listeners: Vec<ListenerCounted>,
    /// Of backends.
    #[serde(default)]
    pub backends: Vec<BackendCounted>,
    /// Of groups, beside those of their backends.
    #[serde(default)]
    pub groups: Vec<GroupCounted>,
}

/// Counters of one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerCounted {
    /// Its identity.
    pub listener: u64,
    /// Its counters.
    pub counters: poise_ipc::status::ListenerCounters,
    /// Those of its routes, by place.
    #[serde(default)]
    pub routes: Vec<(Option<poise_ipc::Name>, poise_ipc::status::RouteCounters)>,
}

/// Counters of one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendCounted {
    /// Its identity.
    pub backend: u64,
    /// Its counters.
    pub counters: poise_ipc::status::BackendCounters,
}

/// What one group has counted beside its backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCounted {
    /// Its name.
    pub group: poise_ipc::Name,
    /// The counters.
    pub counters: poise_ipc::status::GroupCounters,
}
