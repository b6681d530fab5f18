//! The workers: threads that accept and serve, each with a runtime, sockets and counters of its
//! own.
//!
//! They share the plan and what hangs on it, nothing else. `listen` tells them which sockets to
//! serve; `l4`, `udp` and `l7` speak with clients and backends. Nothing here binds a socket or chooses a
//! backend. `lib.rs` starts and stops them.

mod acceptor;
mod budget;
mod clock;
mod context;
mod door;
mod flood;
mod held;
mod pacer;
mod run;
mod served;
mod sweep;
mod throttle;

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use poise_core::plan::ListenerId;
use poise_ipc::model::{Bind, Protocol};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::budget::Budget;
use self::budget::raise_descriptors;
pub use self::clock::Clock;
#[cfg(test)]
pub(crate) use self::context::tests::context_within;
pub use self::context::{Alarm, Phase, SCRATCH_BYTES, Scratch, Watch, WorkerContext};
use self::context::{Rings, Shared};
pub use self::held::{Held, HeldFlow};
pub(crate) use self::pacer::{Share, Source, Way};
use self::throttle::Throttle;
use crate::access_log::Bell;
use crate::loops::{Dials, Own};
use crate::pages::Shelf;
use crate::published::Published;
use crate::records::evidence::{self, EVIDENCE_MAX, EvidenceReceiver};
use crate::records::lines::{self, LINES_BYTES_MAX, LineReceiver};
use crate::records::{RECORDS_MAX, RecordReceiver, ring};
use crate::tls;

/// Commands that may wait for a worker. It takes them at once, so this is a bound for a burst of
/// edits; the sender waits beyond it.
pub const COMMANDS_MAX: usize = 64;

/// Number of a listening address, the same at every worker; it may pass from listener to listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DoorId(pub u64);

/// Whom the connections of a door are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The listener.
    pub listener: ListenerId,
    /// Its configured address.
    pub bind: Bind,
    /// Whether `[::]` takes IPv4 too.
    pub dual: bool,
    /// What it speaks.
    pub protocol: Protocol,
}

/// A bound, non-blocking socket.
#[derive(Debug)]
pub enum Listening {
    /// It accepts connections.
    Stream(Accepting),
    /// It takes datagrams; one of those that share the address.
    Udp(UdpSocket),
}

/// A listening, non-blocking socket.
#[derive(Debug)]
pub enum Accepting {
    /// One of those that share the address.
    Tcp(std::net::TcpListener),
    /// A descriptor of the one socket at its path.
    Unix(UnixListener),
}

/// What a worker is told.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Serve this socket.
    Open {
        /// A number that no open door has.
        door: DoorId,
        /// Whom its connections are for.
        purpose: Purpose,
        /// The socket.
        socket: Listening,
        /// Flows that another process has opened through it.
        flows: Vec<HeldFlow>,
    },
    /// What is accepted at this door from now on is for somebody else.
    Assign {
        /// The door.
        door: DoorId,
        /// Whom its connections are for.
        purpose: Purpose,
    },
    /// poised listens there from now on, as far as connections to itself are concerned.
    Own {
        /// All its addresses.
        own: Arc<Own>,
    },
    /// Stop accepting at this door. Open connections live on.
    Close {
        /// The door.
        door: DoorId,
        /// Answered when the socket is closed.
        closed: oneshot::Sender<()>,
    },
    /// Tell what is open, for another process. Datagrams wait in the sockets from then on; connections
    /// are accepted as before.
    Hand {
        /// What is open at this worker; none where that cannot be told.
        held: oneshot::Sender<Option<Vec<Held>>>,
    },
    /// Nobody has taken it: go on.
    Resume,
    /// Another process serves the sockets: let go of them with what waits there, and drain. At rest
    /// connections leave spread over the time.
    Leave {
        /// How long open connections may live on, in milliseconds.
        drain_ms: u64,
    },
    /// Stop accepting; end when all connections have ended, or cut them after this time. A later
    /// stop can only shorten it.
    Stop {
        /// How long open connections may live on, in milliseconds.
        drain_ms: u64,
    },
}

/// The running workers.
// Not Clone: there is one owner, who stops and joins the threads.
pub struct Workers {
    senders: Vec<mpsc::Sender<WorkerCommand>>,
    records: Vec<RecordReceiver>,
    lines: Vec<LineReceiver>,
    evidence: Vec<EvidenceReceiver>,
    bell: Bell,
    pages: Shelf,
    threads: Vec<JoinHandle<()>>,
    epoch: Instant,
}

impl Workers {
    /// Starts `count` workers, named `worker-N`. Raises the process's soft limit of descriptors to
    /// its hard limit first and shares it among them.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be made; those already started end.
    pub fn spawn(count: usize, published: &Published, tls: &tls::Published) -> io::Result<Self> {
        let epoch = Instant::now();
        let shared = Shared {
            published: Published::clone(published),
            tls: tls.clone(),
            tls_log: Throttle::default(),
            start: epoch,
            budget: Budget::of(raise_descriptors(), count),
            accept_log: Throttle::default(),
            dials: Arc::new(Dials::default()),
            bell: Bell::default(),
            pages: Shelf::default(),
            process: getrandom::u32().map_err(io::Error::other)?,
        };
        let mut workers = Self::none(&shared);
        for index in 0..count {
            let (sender, commands) = mpsc::channel(COMMANDS_MAX);
            let (records, record_receiver) = ring(RECORDS_MAX);
            let (lines, line_receiver) = lines::ring(LINES_BYTES_MAX);
            let (evidence, evidence_receiver) = evidence::ring(EVIDENCE_MAX);
            let rings = Rings { records, lines, evidence };
            let (started, start) = std::sync::mpsc::sync_channel(1);
            let shared = shared.clone();
            let body = move || run::run(|| WorkerContext::new(index, rings, &shared), commands, &started);
            workers.threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(body)?);
            start.recv().map_err(io::Error::other)??;
            workers.senders.push(sender);
            workers.records.push(record_receiver);
            workers.lines.push(line_receiver);
            workers.evidence.push(evidence_receiver);
        }
        Ok(workers)
    }

    fn none(shared: &Shared) -> Self {
        let (bell, pages, epoch) = (shared.bell.clone(), shared.pages.clone(), shared.start);
        let (records, lines, evidence) = Default::default();
        Self { senders: Vec::new(), records, lines, evidence, bell, pages, threads: Vec::new(), epoch }
    }

    /// When their time began.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Where each worker takes its commands.
    pub fn senders(&self) -> Vec<mpsc::Sender<WorkerCommand>> {
        self.senders.clone()
    }

    /// The rings of records, one per worker; empty the second time.
    pub fn take_records(&mut self) -> Vec<RecordReceiver> {
        std::mem::take(&mut self.records)
    }

    /// The rings of lines of the access log, one per worker; empty the second time.
    pub fn take_lines(&mut self) -> Vec<LineReceiver> {
        std::mem::take(&mut self.lines)
    }

    /// The rings of refused messages, one per worker; empty the second time.
    pub fn take_evidence(&mut self) -> Vec<EvidenceReceiver> {
        std::mem::take(&mut self.evidence)
    }

    /// Where the workers find the bodies of their own replies.
    pub fn pages(&self) -> Shelf {
        self.pages.clone()
    }

    /// What wakes the one who takes the lines.
    pub fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Stops all workers and waits for them: no longer than `drain`, plus what a cut takes.
    /// Blocks the thread, which must not be one of a runtime.
    pub fn stop(self, drain: Duration) {
        let drain_ms = u64::try_from(drain.as_millis()).unwrap_or(u64::MAX);
        for sender in &self.senders {
            // A worker that is gone has nothing to stop.
            let _ = sender.blocking_send(WorkerCommand::Stop { drain_ms });
        }
        self.join();
    }

    /// Waits until all workers have ended, for a caller that has sent the stop itself. Blocks.
    pub fn join(self) {
        drop(self.senders);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}
