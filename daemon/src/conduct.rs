//! The life of the process from its readiness to its end: reloads, upgrades, the drain.
//!
//! It carries out what signals and operators want of the process, one thing at a time, and owns the
//! workers. What an upgrade says to the other process is in `upgrade`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use poise_ipc::message::{ErrorCode, ErrorReply, Reply, Role, Stopping, Upgraded, Verb};
use poise_ipc::status::PredecessorStatus;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::control::command::{Answer, Command, Frozen, Inbox, Order};
use crate::control::ipc::Ending;
use crate::control::reconcile::daemon;
use crate::control::tallies::Counting;
use crate::log::chain;
use crate::notify::Manager;
use crate::signals::{Signals, Told, reload, reload_certificates};
use crate::store::StateDir;
use crate::upgrade::UpgradeError;
use crate::upgrade::channel::Channel;
use crate::upgrade::predecessor::{Doors, Guest, Packed, Program, tell};
use crate::upgrade::successor::Heard;
use crate::upgrade::words::{self, Progress};
use crate::wall::now_ms;
use crate::worker::{Held, WorkerCommand, Workers};

/// How long the single writer may take to let go of the disk: it gives that ten seconds itself.
const FREEZE_WAIT: Duration = Duration::from_secs(15);
/// How long a worker may take to tell what it has open: it answers between two wake-ups.
const HAND_WAIT: Duration = Duration::from_secs(5);
/// Time between two words to the process that follows.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Who conducts, and what it takes.
pub(crate) struct Conductor {
    /// What signals say.
    pub(crate) signals: Signals,
    /// What operators want.
    pub(crate) orders: mpsc::Receiver<Order>,
    /// The threads that serve.
    pub(crate) workers: Workers,
    /// The single writer.
    pub(crate) inbox: Inbox,
    /// How long open connections may go on.
    pub(crate) drain: Duration,
    /// The service manager.
    pub(crate) manager: Manager,
    /// How the control sockets end.
    pub(crate) stop: oneshot::Sender<Ending>,
    /// What an upgrade hands over beside what others tell.
    pub(crate) own: Own,
}

/// What the process itself has.
pub(crate) struct Own {
    /// The program.
    pub(crate) program: Program,
    /// The lock of the state directory.
    pub(crate) state: StateDir,
    /// The control sockets.
    pub(crate) doors: Doors,
    /// How long each step of an upgrade may take.
    pub(crate) step_wait: Duration,
    /// The process before, while that drains.
    pub(crate) before: Before,
}

/// The process before this one, and those before that.
#[derive(Debug)]
pub(crate) struct Before {
    /// What is heard of it; nothing once it has ended.
    heard: Option<mpsc::Receiver<Heard>>,
    /// It may still hold something.
    holds: bool,
    /// Those that drain, the oldest first.
    known: Vec<PredecessorStatus>,
}

impl Before {
    /// That of which something may be heard, if there is one.
    pub(crate) fn of(heard: Option<mpsc::Receiver<Heard>>) -> Self {
        Self { holds: heard.is_some(), heard, known: Vec::new() }
    }

    /// Waits for what comes next of it; none when it has ended, for ever when there is none. Cancel safe.
    async fn next(&mut self) -> Option<Heard> {
        let Some(heard) = &mut self.heard else { return std::future::pending().await };
        let next = heard.recv().await;
        match &next {
            Some(Heard::Progress(progress)) => self.known.clone_from(&progress.predecessors),
            Some(Heard::Released) => {}
            None => {
                info!(pid = self.known.last().map(|last| last.pid), "the process before has ended");
                self.heard = None;
                self.known.clear();
            }
        }
        next
    }
}

/// How the time of service ends.
enum End {
    Stop { within: Duration, asker: Option<oneshot::Sender<Answer>> },
    Handed { guest: Guest, asker: Option<oneshot::Sender<Answer>> },
}

impl Conductor {
    /// Serves until told otherwise, and returns when the workers have ended.
    pub(crate) async fn conduct(mut self) {
        match self.serve().await {
            End::Stop { within, asker } => self.drain(within, asker).await,
            End::Handed { guest, asker } => self.leave(guest, asker).await,
        }
    }

    async fn serve(&mut self) -> End {
        if !self.own.before.holds {
            self.manager.ready();
        }
        let mut alive = interval(self.manager.alive_every().unwrap_or(Duration::from_hours(1)));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = self.signals.next() => match told {
                    Told::Reload => {
                        self.manager.reloading();
                        reload(&self.inbox).await;
                        reload_certificates(&self.inbox).await;
                        self.manager.ready();
                    }
                    Told::Reopen => {
                        info!("the access logs are opened again");
                        self.workers.bell().reopen();
                    }
                    Told::Upgrade => match self.upgrade(None).await {
                        Ok(guest) => return End::Handed { guest, asker: None },
                        Err(UpgradeError::Stopped) => return End::Stop { within: self.drain, asker: None },
                        Err(_) => {}
                    },
                    Told::Stop => return End::Stop { within: self.drain, asker: None },
                },
                Some(order) = self.orders.recv() => match order {
                    Order::Upgrade { binary, asker } => match self.upgrade(binary).await {
                        Ok(guest) => return End::Handed { guest, asker: Some(asker) },
                        Err(error) => {
                            let is_over = matches!(error, UpgradeError::Stopped);
                            answer(asker, Err(refused(&error)));
                            if is_over {
                                return End::Stop { within: self.drain, asker: None };
                            }
                        }
                    },
                    Order::Shutdown { within, asker } => {
                        return End::Stop { within: within.unwrap_or(self.drain), asker: Some(asker) };
                    }
                },
                heard = self.own.before.next() => self.hear(heard).await,
                _ = alive.tick(), if self.manager.alive_every().is_some() => self.say_alive(),
            }
        }
    }

    /// Passes on what is heard of the process before.
    async fn hear(&mut self, heard: Option<Heard>) {
        let progress = match heard {
            Some(Heard::Progress(progress)) => Some(progress),
            Some(Heard::Released) => None,
            None => Some(Box::new(Progress { predecessors: Vec::new(), counted: None })),
        };
        if let Some(progress) = progress {
            // Fails only when control has ended.
            let _ = self.inbox.send(Command::Predecessors(progress)).await;
        }
        if std::mem::take(&mut self.own.before.holds) {
            self.manager.ready();
        }
    }

    /// Tells the service manager that this process lives, once the single writer has answered.
    fn say_alive(&self) {
        let (reply, answer) = oneshot::channel();
        if self.inbox.try_send(Command::Snapshot { reply }).is_err() {
            return;
        }
        let manager = self.manager.clone();
        drop(tokio::spawn(async move {
            if answer.await.is_ok() {
                manager.alive();
            }
        }));
    }

    /// Lets another process take over. Whatever goes wrong leaves everything as it was.
    ///
    /// # Errors
    /// Why nobody has.
    async fn upgrade(&mut self, other: Option<PathBuf>) -> Result<Guest, UpgradeError> {
        info!(program = other.as_ref().map(|path| path.display().to_string()), "an upgrade begins");
        let senders = self.workers.senders();
        let handed = tokio::select! {
            handed = hand_over(&self.own, &self.inbox, &senders, other) => handed,
            () = self.signals.stop() => Err(UpgradeError::Stopped),
        };
        if let Err(error) = &handed {
            self.go_on(&senders).await;
            warn!(error = chain(error), "nobody has taken over: this process goes on");
        }
        handed
    }

    /// Takes back what was about to be handed over.
    async fn go_on(&self, senders: &[mpsc::Sender<WorkerCommand>]) {
        for worker in senders {
            // A worker that is gone has nothing to go on with.
            let _ = worker.send(WorkerCommand::Resume).await;
        }
        let (done, thawed) = oneshot::channel();
        if self.inbox.send(Command::Thaw { done }).await.is_ok() {
            let _ = thawed.await;
        }
    }

    /// Stops accepting and drains: the stop goes from the outside in.
    async fn drain(self, within: Duration, asker: Option<oneshot::Sender<Answer>>) {
        let Self { mut signals, workers, manager, own, stop, .. } = self;
        let drain_ms = millis(within);
        info!(drain_ms, "poised is stopping: connections drain");
        manager.stopping();
        if let Some(asker) = asker {
            let stopping = Stopping { pid: std::process::id(), until_ms: now_ms().saturating_add(drain_ms) };
            answer(asker, Ok(Reply::Stopping(stopping)));
        }
        let senders = workers.senders();
        order(&senders, || WorkerCommand::Stop { drain_ms }).await;
        let mut ended = tokio::task::spawn_blocking(move || workers.join());
        tokio::select! {
            _ = &mut ended => {}
            () = signals.stop() => {
                info!("a second signal: connections are cut");
                order(&senders, || WorkerCommand::Stop { drain_ms: 0 }).await;
                let _ = ended.await;
            }
        }
        // What was kept for a process to follow would keep the sockets open.
        drop(own);
        // They are closed either way.
        let _ = stop.send(Ending::Close);
    }

    /// Another process serves: lets go of everything and drains.
    async fn leave(self, guest: Guest, asker: Option<oneshot::Sender<Answer>>) {
        let Self { mut signals, workers, inbox, drain, manager, stop, own, .. } = self;
        let (drain_ms, senders) = (millis(drain), workers.senders());
        order(&senders, || WorkerCommand::Leave { drain_ms }).await;
        let (pid, version) = (guest.pid, guest.version.clone());
        manager.handed_to(pid);
        let until_ms = now_ms().saturating_add(drain_ms);
        let (reply, counting) = oneshot::channel();
        let mut counting = match inbox.send(Command::Leave { reply }).await {
            Ok(()) => counting.await.ok(),
            Err(_) => None,
        };
        let from = env!("CARGO_PKG_VERSION").to_owned();
        info!(pid, version, drain_ms, "another process has taken over: connections drain");
        if let Some(asker) = asker {
            let upgraded = Upgraded { pid, version, predecessor: std::process::id(), from, until_ms };
            answer(asker, Ok(Reply::Upgraded(upgraded)));
        }
        let _ = stop.send(Ending::Leave);
        let mut before = own.before;
        drop((own.state, own.doors));
        let channel = guest.let_go();
        let mut follows = tell(&channel, words::Told::Released).await;
        let mut ended = tokio::task::spawn_blocking(move || workers.join());
        let mut every = interval(PROGRESS_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut has_ended, mut is_over) = (false, false);
        // What the process before still counts is passed on as long as somebody hears it.
        while !has_ended || (follows && before.heard.is_some() && !is_over) {
            tokio::select! {
                _ = &mut ended, if !has_ended => has_ended = true,
                () = signals.stop() => {
                    info!("a signal: connections are cut");
                    is_over = true;
                    order(&senders, || WorkerCommand::Stop { drain_ms: 0 }).await;
                }
                heard = before.next() => {
                    if let (Some(Heard::Progress(progress)), Some(counting)) = (heard, &mut counting)
                        && let Some(counted) = progress.counted
                    {
                        counting.carry(*counted);
                    }
                }
                _ = every.tick(), if follows => {
                    follows = report(&channel, counting.as_ref(), &before.known, until_ms).await;
                }
            }
        }
        if follows {
            report(&channel, counting.as_ref(), &before.known, until_ms).await;
        }
    }
}

/// Goes through the steps up to the moment in which another process serves.
async fn hand_over(
    own: &Own,
    inbox: &Inbox,
    senders: &[mpsc::Sender<WorkerCommand>],
    other: Option<PathBuf>,
) -> Result<Guest, UpgradeError> {
    let guest = Guest::invite(&own.program, other, own.step_wait).await?;
    let workers = u16::try_from(senders.len()).unwrap_or(u16::MAX);
    guest.offer(config(inbox).await?, workers).await?;
    let state = own.state.share().map_err(|error| kept(&error))?;
    let doors = own.doors.share().map_err(|error| kept(&error))?;
    let frozen = freeze(inbox).await?;
    let held = hand(senders).await?;
    guest.hand(Packed::new(frozen, held, state.into(), doors)).await?;
    Ok(guest)
}

/// The running configuration.
async fn config(inbox: &Inbox) -> Result<String, UpgradeError> {
    let (reply, answer) = oneshot::channel();
    let verb = Verb::ConfigText;
    let asked = inbox.send(Command::Request { verb, author: daemon(), role: Role::Admin, reply }).await;
    match (asked, answer.await) {
        (Ok(()), Ok(Ok(Reply::ConfigText { text, .. }))) => Ok(text),
        _ => Err(UpgradeError::Kept("the configuration cannot be had".to_owned())),
    }
}

async fn freeze(inbox: &Inbox) -> Result<Frozen, UpgradeError> {
    let (reply, frozen) = oneshot::channel();
    if inbox.send(Command::Freeze { reply }).await.is_err() {
        return Err(UpgradeError::Stopped);
    }
    match timeout(FREEZE_WAIT, frozen).await {
        Ok(Ok(Ok(frozen))) => Ok(*frozen),
        Ok(Ok(Err(reason))) => Err(UpgradeError::Kept(reason)),
        Ok(Err(_)) | Err(_) => Err(UpgradeError::Kept("the disk does not answer".to_owned())),
    }
}

/// What all workers have open.
async fn hand(senders: &[mpsc::Sender<WorkerCommand>]) -> Result<Vec<Held>, UpgradeError> {
    let mut all = Vec::new();
    for worker in senders {
        let (held, told) = oneshot::channel();
        let late = || UpgradeError::Kept("a worker does not answer".to_owned());
        worker.send(WorkerCommand::Hand { held }).await.map_err(|_| late())?;
        let held = timeout(HAND_WAIT, told).await.map_err(|_| late())?.map_err(|_| late())?;
        all.extend(held.ok_or_else(|| UpgradeError::Kept("a listener cannot be told".to_owned()))?);
    }
    Ok(all)
}

/// Tells the process that follows how the drain goes; whether it still listens.
async fn report(
    channel: &Arc<Channel>,
    counting: Option<&Counting>,
    before: &[PredecessorStatus],
    until_ms: u64,
) -> bool {
    let Some(counting) = counting else { return false };
    let own = PredecessorStatus {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        open: counting.open(),
        until_ms,
    };
    let predecessors = before.iter().cloned().chain([own]).collect();
    let progress = Progress { predecessors, counted: Some(Box::new(counting.counted())) };
    tell(channel, words::Told::Progress(Box::new(progress))).await
}

async fn order(workers: &[mpsc::Sender<WorkerCommand>], command: impl Fn() -> WorkerCommand) {
    for worker in workers {
        // A worker that is gone has nothing to do.
        let _ = worker.send(command()).await;
    }
}

fn kept(error: &std::io::Error) -> UpgradeError {
    UpgradeError::Kept(error.to_string())
}

fn refused(error: &UpgradeError) -> ErrorReply {
    let reply = ErrorReply::new(ErrorCode::Upgrade, format!("nobody has taken over: {}", chain(error)));
    reply.hint("this process goes on as it was; its log and that of the new one say more")
}

fn answer(asker: oneshot::Sender<Answer>, said: Answer) {
    // Whoever asked may have left.
    let _ = asker.send(said);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
