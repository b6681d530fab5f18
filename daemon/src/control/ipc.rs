//! The control socket: accepts, decides what each peer may do, and keeps the number bounded.
//!
//! Two sockets lead to the same writer: the main one, and a view-only one beside it. Nothing is
//! decided here about the configuration, and nothing of the data path waits for a peer. Bound and
//! served by the wiring.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use poise_ipc::frame::Codec;
use poise_ipc::hello::Hello;
use poise_ipc::message::{AuditRow, ErrorCode, ErrorReply, Role, ServerMessage};
use poise_ipc::transport::{Access, Held, ListenError, Listener, Stream, view_socket};
use rustix::process::geteuid;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::bus::Feed;
use super::command::{Command, Inbox};
use accounts::Accounts;
use connection::Guest;
use roles::Door;
pub use roles::Groups;
use slots::{Admission, CONNECTIONS_MAX, Seat, Uses};

mod accounts;
mod connection;
mod roles;
mod slots;
mod subscription;
mod wire;

/// Pause after a failed accept: descriptors run out for longer than an instant.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Time that connections have to finish their request when poised ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The way from a connection to control.
#[derive(Clone, Debug)]
pub struct Link {
    /// The single writer.
    pub inbox: Inbox,
    /// What happens.
    pub feed: Feed,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

impl Link {
    /// The way there; `read_only` when nothing may be changed.
    pub fn new(inbox: Inbox, feed: Feed, read_only: bool) -> Self {
        Self { inbox, feed, read_only }
    }

    /// Notes a request for the audit trail; waits for room, so that none is missing.
    async fn note(&self, row: AuditRow) {
        // Fails only when poised ends.
        let _ = self.inbox.send(Command::Note(Box::new(row))).await;
    }
}

/// How the sockets end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// They are closed, and their files removed.
    Close,
    /// Another process listens on them.
    Leave,
}

/// The bound sockets.
#[derive(Debug)]
pub struct Server {
    main: Listener,
    view: Option<Listener>,
    own_uid: u32,
    groups: Groups,
}

/// A connection that is served.
#[derive(Debug)]
struct Place {
    seat: Arc<Seat>,
    task: AbortHandle,
}

/// Everybody who is connected. Dropping it closes all connections.
#[derive(Debug)]
struct Hall {
    link: Link,
    stopping: watch::Receiver<bool>,
    own_uid: u32,
    groups: Groups,
    uses: Uses,
    places: Vec<Place>,
    /// Peers turned away since there was a place last: the log says so when it begins and ends.
    turned_away: u64,
    tasks: JoinSet<()>,
}

impl Server {
    /// Binds the main socket at `path`, and the view-only one beside it when poised runs as root
    /// or the machine has a group for it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`] of the main socket. The view-only one is a convenience: its failure is a
    /// warning.
    pub fn bind(path: &Path, groups: Groups) -> Result<Self, ListenError> {
        let accounts = Accounts::read();
        let main = Listener::bind(path, Access { group: accounts.group(&groups.operate) })?;
        let own_uid = geteuid().as_raw();
        let view_group = accounts.group(&groups.view);
        let view = (own_uid == 0 || view_group.is_some())
            .then(|| Listener::bind(&view_socket(path), Access { group: view_group }));
        let view = view.and_then(|bound| {
            bound.inspect_err(|error| tracing::warn!(reason = %error, "the view-only socket is not open")).ok()
        });
        Ok(Self { main, view, own_uid, groups })
    }

    /// Goes on with the sockets of another process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When they cannot be watched, or the file of the main one is gone.
    pub fn take_up(path: &Path, main: Held, view: Option<Held>, groups: Groups) -> std::io::Result<Self> {
        let main = Listener::take_up(path, main)?;
        let view = view.and_then(|held| {
            let taken = Listener::take_up(&view_socket(path), held);
            taken.inspect_err(|error| tracing::warn!(reason = %error, "the view-only socket is not open")).ok()
        });
        Ok(Self { main, view, own_uid: geteuid().as_raw(), groups })
    }

    /// What another process needs to go on with them.
    ///
    /// # Errors
    /// Without free descriptors.
    pub fn share(&self) -> std::io::Result<(Held, Option<Held>)> {
        Ok((self.main.share()?, self.view.as_ref().map(Listener::share).transpose()?))
    }

    /// Where the main socket listens.
    pub fn path(&self) -> &Path {
        self.main.path()
    }

    /// Serves until `stop` completes, then lets requests under way finish, for a second at most.
    pub async fn serve(self, link: Link, stop: impl Future<Output = Ending>) {
        let (stopping, told) = watch::channel(false);
        let mut hall = Hall {
            link,
            stopping: told,
            own_uid: self.own_uid,
            groups: self.groups.clone(),
            uses: Uses::default(),
            places: Vec::with_capacity(CONNECTIONS_MAX),
            turned_away: 0,
            tasks: JoinSet::new(),
        };
        let mut stop = std::pin::pin!(stop);
        let ending = loop {
            let accepted = tokio::select! {
                ending = &mut stop => break ending,
                accepted = self.main.accept() => accepted.map(|stream| (stream, Door::Main)),
                accepted = accept_view(self.view.as_ref()) => accepted.map(|stream| (stream, Door::View)),
                Some(_) = hall.tasks.join_next() => {
                    hall.places.retain(|place| !place.task.is_finished());
                    continue;
                }
            };
            match accepted {
                Ok((stream, door)) => hall.enter(stream, door).await,
                // Of one peer that went at once, or of the machine: neither ends the socket.
                Err(error) => {
                    tracing::debug!(reason = %error, "a control connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        if ending == Ending::Leave {
            self.main.leave();
            self.view.iter().for_each(Listener::leave);
        }
        drop(self);
        // Nobody may be left to hear it.
        let _ = stopping.send(true);
        let ended = async { while hall.tasks.join_next().await.is_some() {} };
        if timeout(STOP_TIMEOUT, ended).await.is_err() {
            tracing::debug!("connections were closed with a request under way");
        }
    }
}

impl Hall {
    async fn enter(&mut self, mut stream: Stream, door: Door) {
        // The peer may be gone already: then there is nobody to serve.
        let Ok(peer) = stream.peer() else { return };
        let accounts = Accounts::read();
        let role = roles::role(peer, door, self.own_uid, &accounts, &self.groups);
        self.places.retain(|place| !place.task.is_finished());
        match slots::admit(self.places.iter().map(|place| &*place.seat), role) {
            Admission::Room => {}
            Admission::Evict(at) => self.places.swap_remove(at).task.abort(),
            Admission::Full => {
                if self.turned_away == 0 {
                    tracing::warn!("control connections are turned away: every place has a request under way");
                }
                self.turned_away += 1;
                return turn_away(&mut stream, role).await;
            }
        }
        if self.turned_away > 0 {
            tracing::info!(count = self.turned_away, "control connections are no longer turned away");
            self.turned_away = 0;
        }
        let seat = Arc::new(Seat::new(role, &self.uses));
        let author = roles::author(peer, &accounts);
        tracing::debug!(user = %author.user, pid = author.pid, role = role.word(), "control connection");
        let (link, stopping) = (self.link.clone(), self.stopping.clone());
        let guest = Guest { author, role, seat: Arc::clone(&seat), link, stopping };
        let task = self.tasks.spawn(async move {
            let end = connection::serve(stream, guest).await;
            tracing::debug!(reason = ?end, "control connection ended");
        });
        self.places.push(Place { seat, task });
    }
}

/// Tells a peer that there is no place. A fresh socket takes these bytes without waiting.
async fn turn_away(stream: &mut Stream, role: Role) {
    let error = ErrorReply::new(ErrorCode::Busy, "too many connections to the control socket").hint("close some");
    let mut bytes = Hello::admit(role).encode().to_vec();
    bytes.extend(Codec::Frames.encode(&ServerMessage::Error { id: 0, error }).unwrap_or_default());
    let _ = timeout(ACCEPT_PAUSE, stream.write_all(&bytes)).await;
}

async fn accept_view(view: Option<&Listener>) -> std::io::Result<Stream> {
    match view {
        Some(view) => view.accept().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
