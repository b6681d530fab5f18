//! Signals: SIGHUP reloads the operator's file and the certificates, SIGUSR1 opens the access logs
//! again, SIGTERM and SIGINT stop with a drain, a second one ends at once.
//!
//! While connections drain, control goes on deciding about health. What is stopped after the
//! workers is `lib.rs`'s to say.

use std::time::Duration;

use poise_ipc::message::{ErrorReply, Reply, Role, Verb};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::control::command::{Command, Inbox};
use crate::control::reconcile::daemon;
use crate::worker::{WorkerCommand, Workers};

/// The signals that poised listens to.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    user: Signal,
    stops: Stops,
}

#[derive(Debug)]
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes over the signals of this process.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            stops: Stops { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? },
        })
    }

    /// Reloads as the signals say, and stops the workers; returns when they have ended.
    pub(crate) async fn conduct(mut self, workers: Workers, inbox: &Inbox, drain: Duration) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    reload(inbox).await;
                    reload_certificates(inbox).await;
                }
                _ = self.user.recv() => {
                    info!("the access logs are opened again");
                    workers.bell().reopen();
                }
                () = self.stops.next() => break,
            }
        }
        info!(drain_ms = millis(drain), "poised is stopping: connections drain");
        let senders = workers.senders();
        tell(&senders, drain).await;
        let mut ended = tokio::task::spawn_blocking(move || workers.join());
        tokio::select! {
            _ = &mut ended => {}
            () = self.stops.next() => {
                info!("a second signal: connections are cut");
                tell(&senders, Duration::ZERO).await;
                let _ = ended.await;
            }
        }
    }
}

impl Stops {
    /// Waits for a signal to stop.
    ///
    /// # Cancel safety
    /// Safe: signals are kept until they are received.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn tell(workers: &[mpsc::Sender<WorkerCommand>], drain: Duration) {
    for worker in workers {
        // A worker that is gone has nothing to stop.
        let _ = worker.send(WorkerCommand::Stop { drain_ms: millis(drain) }).await;
    }
}

/// Reads the operator's file again and says in the log what came of it.
async fn reload(inbox: &Inbox) {
    let (reply, answer) = oneshot::channel();
    let verb = Verb::Reload { take: None };
    if inbox.send(Command::Request { verb, author: daemon(), role: Role::Admin, reply }).await.is_err() {
        return;
    }
    match answer.await {
        Ok(Ok(Reply::Applied(applied))) if !applied.changed => info!("the configuration file brings no change"),
        Ok(Ok(_)) | Err(_) => {}
        Ok(Err(error)) => refused(&error),
    }
}

/// Reads the certificates again; what is wrong with them is in the log by then.
async fn reload_certificates(inbox: &Inbox) {
    let (reply, answer) = oneshot::channel();
    let verb = Verb::CertificatesReload { name: None };
    if inbox.send(Command::Request { verb, author: daemon(), role: Role::Admin, reply }).await.is_ok() {
        // Nobody else waits for what came of it.
        let _ = answer.await;
    }
}

fn refused(error: &ErrorReply) {
    warn!(reason = error.message, hint = error.hint, "the configuration file is not taken");
    for fault in &error.faults {
        warn!(%fault, "fault in the configuration file");
    }
    for edit in &error.edits {
        warn!(%edit, "the configuration file would change this");
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
