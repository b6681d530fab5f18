//! Signals: SIGHUP reloads the operator's file and the certificates, SIGUSR1 opens the access logs
//! again, SIGUSR2 upgrades, SIGTERM and SIGINT stop with a drain, a second one ends at once.
//!
//! What is done about them is said here for reloads, and in `conduct` for the rest.

use poise_ipc::message::{ErrorReply, Reply, Role, Verb};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::control::command::{Command, Inbox};
use crate::control::reconcile::daemon;

/// The signals that poised listens to.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Signal,
    user: Signal,
    other: Signal,
    stops: Stops,
}

/// What a signal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// SIGHUP: the configuration file and the certificates are read again.
    Reload,
    /// SIGUSR1: the access logs are opened again.
    Reopen,
    /// SIGUSR2: another process takes over.
    Upgrade,
    /// SIGTERM, SIGINT: it drains and ends.
    Stop,
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
            other: signal(SignalKind::user_defined2())?,
            stops: Stops { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? },
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// Safe: signals are kept until they are received.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.user.recv() => Told::Reopen,
            _ = self.other.recv() => Told::Upgrade,
            () = self.stops.next() => Told::Stop,
        }
    }

    /// The next one that wants an end.
    ///
    /// # Cancel safety
    /// Safe: signals are kept until they are received.
    pub(crate) async fn stop(&mut self) {
        self.stops.next().await;
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

/// Reads the operator's file again and says in the log what came of it.
pub(crate) async fn reload(inbox: &Inbox) {
    let (reply, answer) = oneshot::channel();
    let verb = Verb::Reload { take: None, decide: Vec::new(), dry_run: false };
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
pub(crate) async fn reload_certificates(inbox: &Inbox) {
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
