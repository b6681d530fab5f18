//! From one process to the next: letting go of the disk, going on when nobody takes over, and beginning
//! where another process stood.
//!
//! What is on the disk goes by way of the disk: configuration, names, entries, leases and windows. What is
//! not goes by way of `upgrade`: counters, rows of verdicts, ejections, keys. Who may ask is decided here,
//! how a process is started is not.

use std::path::PathBuf;
use std::time::Duration;

use poise_core::plan::BackendId;
use poise_ipc::message::{AuditOutcome, AuditRow, Author, ErrorCode, ErrorReply, Role, Shutdown, Upgrade};
use poise_ipc::status::{PredecessorStatus, Status};
use rustix::process::geteuid;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::commit::answer;
use super::{Asker, Reconcile, STOP_WAIT, StartError, daemon, slow_work, stopping};
use crate::control::audit::upgraded;
use crate::control::command::{Frozen, Order};
use crate::control::ports::Ports;
use crate::control::tallies::Counting;
use crate::log::chain;
use crate::recorder::{Limits, Recorder};
use crate::store::{StateDir, Store};
use crate::upgrade::Counted;
use crate::upgrade::words::Progress;
use crate::wall::now_ms;

/// How long an upgrade waits for the disk to take what it has to: a table of a million entries takes
/// some seconds.
const CLOSE_WAIT: Duration = Duration::from_secs(10);
/// Longest time that a stop may be given.
const WITHIN_MS_MAX: u64 = 3_600_000;

/// What the process comes from, and what becomes of it.
#[derive(Debug, Default)]
pub struct Life {
    /// Who carries out what is wanted of it; nobody where it cannot be upgraded or stopped so.
    pub orders: Option<mpsc::Sender<Order>>,
    /// The disk, to be opened again when nobody takes over.
    pub disk: Option<Disk>,
    /// What the process before has left.
    pub inheritance: Option<Box<Inheritance>>,
}

/// Where the state is.
#[derive(Debug)]
pub struct Disk {
    /// The directory with its lock.
    pub dir: StateDir,
    /// How much of the health log is kept.
    pub limits: Limits,
    /// How many revisions are kept.
    pub history_max: u32,
}

/// What the process before has left, beside what is on the disk.
#[derive(Debug)]
pub struct Inheritance {
    /// Everything as it stood there.
    pub status: Box<Status>,
    /// Its counters.
    pub counted: Counted,
    /// Those before it that still drain.
    pub predecessors: Vec<PredecessorStatus>,
    /// Who has asked for the upgrade; nobody where a signal did.
    pub author: Option<Author>,
}

impl<P: Ports + 'static> Reconcile<P> {
    /// Passes on that another program is to take over.
    pub(super) fn upgrade(&mut self, upgrade: Upgrade, author: &Author, asker: Asker) {
        let binary = upgrade.binary.map(PathBuf::from);
        let own = geteuid().as_raw();
        if binary.is_some() && author.uid != 0 && author.uid != own {
            let message = "which program takes over is for root and the daemon's own user to say";
            return answer(asker, Err(ErrorReply::new(ErrorCode::Forbidden, message)));
        }
        if binary.as_ref().is_some_and(|binary| !binary.is_absolute()) {
            let error = ErrorReply::new(ErrorCode::Invalid, "a program is named by an absolute path");
            return answer(asker, Err(error.hint("as in /usr/local/bin/poised")));
        }
        info!(author = author.user, "an upgrade is asked for");
        self.upgrader = Some(author.clone());
        self.order(Order::Upgrade { binary, asker });
    }

    /// Passes on that the daemon is to end.
    pub(super) fn shutdown(&self, shutdown: Shutdown, author: &Author, asker: Asker) {
        if shutdown.within_ms.is_some_and(|within_ms| within_ms > WITHIN_MS_MAX) {
            let error = ErrorReply::new(ErrorCode::Invalid, "a drain of more than an hour");
            return answer(asker, Err(error.hint("give at most 1h")));
        }
        info!(author = author.user, "a stop is asked for");
        self.order(Order::Shutdown { within: shutdown.within_ms.map(Duration::from_millis), asker });
    }

    fn order(&self, order: Order) {
        let refused = match &self.parts.life.orders {
            Some(orders) => match orders.try_send(order) {
                Ok(()) => return,
                Err(TrySendError::Full(order)) => {
                    (order, ErrorReply::new(ErrorCode::Busy, "an upgrade or a stop is under way"))
                }
                Err(TrySendError::Closed(order)) => (order, stopping()),
            },
            None => (order, ErrorReply::new(ErrorCode::Internal, "this process has no life of its own")),
        };
        let (Order::Upgrade { asker, .. } | Order::Shutdown { asker, .. }, error) = refused;
        answer(asker, Err(error));
    }

    /// Finishes the commit under way, stores everything and lets go of the disk.
    pub(super) async fn freeze(&mut self, reply: oneshot::Sender<Result<Box<Frozen>, String>>) {
        let frozen = self.try_freeze().await;
        let has_failed = frozen.is_err();
        if reply.send(frozen).is_err() || has_failed {
            self.reopen();
        }
    }

    async fn try_freeze(&mut self) -> Result<Box<Frozen>, String> {
        if self.parts.life.disk.is_none() {
            return Err("this process cannot let go of its disk".to_owned());
        }
        for job in std::mem::take(&mut self.waiting) {
            job.refuse(super::frozen());
        }
        while self.under_way.is_some() {
            let Ok(done) = tokio::time::timeout(STOP_WAIT, slow_work(&mut self.under_way)).await else {
                return Err("a change waits for the disk".to_owned());
            };
            self.done(done).await;
        }
        let status = Box::new(self.fresh_status().as_ref().clone());
        self.store_health();
        self.store_names();
        self.store_layers();
        self.store_entries();
        self.hand_over_all();
        self.frozen = true;
        self.parts.recorder.close();
        let store = std::mem::replace(&mut self.parts.store, Store::closed());
        let closing = tokio::task::spawn_blocking(move || store.close(CLOSE_WAIT));
        if !closing.await.unwrap_or(false) {
            return Err("the disk does not keep up with the store".to_owned());
        }
        let plan = self.parts.publisher.published().load_full();
        self.tallies.follow(&plan);
        Ok(Box::new(Frozen {
            status,
            counted: self.tallies.counting(&plan).counted(),
            tickets: self.parts.tls.ticket_keys(),
            predecessors: self.predecessors.clone(),
            author: self.upgrader.take(),
        }))
    }

    /// Nobody has taken over.
    pub(super) fn thaw(&mut self, done: oneshot::Sender<()>) {
        self.reopen();
        self.upgrader = None;
        // Whoever asked may have given up.
        let _ = done.send(());
    }

    /// Opens the disk again. Until that is possible changes are refused and traffic goes on.
    pub(super) fn reopen(&mut self) {
        if !std::mem::take(&mut self.frozen) {
            return;
        }
        let Some(Disk { dir, limits, history_max }) = &mut self.parts.life.disk else { return };
        dir.sign();
        match Recorder::open(dir.path(), *limits) {
            Ok(recorder) => self.parts.recorder = recorder,
            Err(error) => error!(%error, "the health log cannot be opened again"),
        }
        let opened = dir.share().map_err(|error| error.to_string());
        match opened.and_then(|dir| Store::open(dir, *history_max).map_err(|error| chain(&error))) {
            Ok((store, _)) => self.parts.store = store,
            Err(error) => error!(error, "the store cannot be opened again: changes are refused until a restart"),
        }
        // What was being written when it closed may be lost.
        self.handed.clear();
    }

    /// Ends: another process has taken over what there is.
    pub(super) fn leave(mut self, reply: oneshot::Sender<Counting>) -> P {
        let plan = self.parts.publisher.published().load_full();
        self.tallies.follow(&plan);
        // Nobody counts on where the process ends at once.
        let _ = reply.send(self.tallies.counting(&plan));
        let mut ports = self.parts.ports;
        ports.leave();
        ports
    }

    /// Runs with what another process has run, from where that one stood.
    pub(super) async fn take_up(&mut self, inheritance: Inheritance) -> Result<(), StartError> {
        let Inheritance { status, counted, predecessors, author } = inheritance;
        let backends = status.groups.iter().flat_map(|group| &group.backends);
        let known = backends.map(|backend| (BackendId(backend.id), &backend.health));
        self.trackers.take_up(known, now_ms());
        self.open().await?;
        self.carry(counted);
        self.predecessors = predecessors;
        // The process that was asked has let go of the disk.
        self.parts.store.audit(taken_over(author));
        Ok(())
    }

    /// How the processes before this one are doing.
    pub(super) fn hear_of(&mut self, progress: Progress) {
        let Progress { predecessors, counted } = progress;
        self.predecessors = predecessors;
        if let Some(counted) = counted {
            self.carry(*counted);
        }
        self.snapshot = None;
    }

    fn carry(&mut self, counted: Counted) {
        let plan = self.parts.publisher.published().load_full();
        self.tallies.carry(&plan, counted);
    }
}

/// The row of the upgrade in the audit trail.
fn taken_over(author: Option<Author>) -> AuditRow {
    let (author, outcome) = (author.unwrap_or_else(daemon), AuditOutcome::Done { revision: None });
    let (verb, what) = ("upgrade".to_owned(), upgraded(None));
    AuditRow { seq: 0, at_ms: now_ms(), author, role: Role::Admin, verb, what, outcome }
}
