//! Reaching a backend for a new connection: persistence first, then the scheduler, then whoever
//! is left.
//!
//! No byte of the client has been read yet, so any number of backends may be tried without harm;
//! the number is bounded all the same. It does not forward anything.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::live::Inflight;
use poise_core::persistence::Recall;
use poise_core::plan::{BackendId, BackendPlan, ListenerPlan};
use poise_core::queue::Start;
use poise_ipc::cause::Cause;
use poise_ipc::status::PassiveCause;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

use crate::connect::{self, Errand, Manner, Reached, watch_peer};
use crate::loops::Passing;
use crate::proxy::{self, Origin};
use crate::shortage::is_shortage;
use crate::transparent::is_of_source;
use crate::turn::{Turn, has_left, wait};
use crate::worker::{Alarm, Watch, WorkerContext};

/// Backends that one connection may try. Refusals are instant; of unreachable ones a client
/// would not wait for more than a few connect timeouts.
const DIALS_MAX: usize = 5;

/// A backend that answered.
pub(super) struct Dialed {
    pub(super) backend: Arc<BackendPlan>,
    pub(super) stream: TcpStream,
    pub(super) inflight: Inflight,
    /// What makes the connection known again, where it leads back to poised.
    pub(super) passing: Option<Box<Passing>>,
}

/// Why no backend was reached.
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// The last one that was tried.
    pub(super) backend: Option<BackendId>,
}

/// A dial that did not reach its backend.
struct Miss {
    cause: Cause,
    /// Whether that was not the backend's doing.
    own: bool,
}

/// Connects to the backend for this client, or to another if that one cannot be reached.
pub(super) async fn dial(
    ctx: &Rc<WorkerContext>,
    listener: &ListenerPlan,
    (client, origin): (&TcpStream, Origin),
    watch: &Watch,
) -> Result<Dialed, Failure> {
    let peer = origin.client;
    let header = proxy::header_for(listener, origin, client);
    let manner = Manner { data: header.is_some() || has_spoken(client), from: listener.speaks_from(peer) };
    let errand = Errand { listener: listener.id, client: Some(client), manner };
    let pinned = pinned(ctx, listener, peer)?;
    let mut caller = Caller { ctx, listener, client, peer, watch, tried: Vec::new() };
    let mut turn = caller.first_turn(pinned).await.map_err(|cause| Failure { cause, backend: None })?;
    loop {
        let cells = turn.backend.live.worker(ctx.index);
        cells.picks.add(1);
        watch.rearm(listener.settings.connect_timeout_ms);
        let miss = match watch.bound(reach(ctx, errand, &turn.backend, header.as_deref())).await {
            Ok(Ok(Reached { stream, passing })) => {
                let Turn { backend, slot: inflight } = turn;
                backend.live.streaks.succeeded(PassiveCause::ConnectErrors);
                watch_peer(&stream, &listener.settings);
                remember(ctx, listener, peer, (pinned, &backend));
                return Ok(Dialed { backend, stream, inflight, passing });
            }
            Ok(Err(error)) if manner.from.is_some() && is_of_source(&error) => {
                Miss { cause: Cause::TransparentFailed, own: true }
            }
            Ok(Err(error)) => Miss { cause: Cause::ConnectFailed, own: is_shortage(&error) },
            // No answer finds the way to the client's address and then here, as far as can be told.
            Err(Alarm::Due) if manner.from.is_some() => Miss { cause: Cause::TransparentFailed, own: true },
            Err(Alarm::Due) => Miss { cause: Cause::ConnectTimeout, own: false },
            Err(Alarm::Draining | Alarm::Cut) => Miss { cause: Cause::Shutdown, own: true },
        };
        if !miss.own {
            cells.connect_failures.add(1);
            turn.backend.live.streaks.failed(PassiveCause::ConnectErrors);
        }
        let failure = Failure { cause: miss.cause, backend: Some(turn.backend.id) };
        caller.tried.push(turn.backend.id);
        drop(turn);
        let bound = pinned.is_some() && listener.binds();
        if caller.tried.len() == DIALS_MAX || miss.cause == Cause::Shutdown || bound {
            return Err(failure);
        }
        turn = caller.next_turn(failure).await?;
    }
}

/// Who looks for a backend.
struct Caller<'a> {
    ctx: &'a Rc<WorkerContext>,
    listener: &'a ListenerPlan,
    client: &'a TcpStream,
    peer: SocketAddr,
    watch: &'a Watch,
    /// Backends that could not be reached.
    tried: Vec<BackendId>,
}

impl Caller<'_> {
    /// The backend that persistence remembers, if there is one, or the scheduler's choice.
    async fn first_turn(&self, pinned: Option<&Arc<BackendPlan>>) -> Result<Turn, Cause> {
        let Some(backend) = pinned else { return self.turn().await };
        match self.listener.group.start_pinned(backend) {
            Some(slot) => Ok(Turn::at(backend, slot)),
            None => self.wait(Some(backend.id)).await.and_then(|turn| self.of_the_bound(backend, turn)),
        }
    }

    /// Whoever must not move does not take another backend's slot, which it is offered when its own
    /// is of no use any more.
    fn of_the_bound(&self, bound: &BackendPlan, turn: Turn) -> Result<Turn, Cause> {
        let moved = turn.backend.id != bound.id;
        if moved && self.listener.binds() { Err(Cause::Unusable) } else { Ok(turn) }
    }

    /// One that was not tried. When nobody is left the failure of the last dial says more than the
    /// choice.
    async fn next_turn(&self, last: Failure) -> Result<Turn, Failure> {
        self.turn().await.map_err(|cause| match cause {
            Cause::NoBackend | Cause::AllDown => last,
            cause => Failure { cause, ..last },
        })
    }

    async fn turn(&self) -> Result<Turn, Cause> {
        match self.listener.group.start(self.peer.ip(), &self.tried) {
            Start::Begun(backend, slot) => Ok(Turn::at(backend, slot)),
            Start::NoneEligible(cause) => Err(cause),
            Start::Full => self.wait(None).await,
        }
    }

    async fn wait(&self, wants: Option<BackendId>) -> Result<Turn, Cause> {
        // On the heap, so that a connection that need not wait does not hold the room for it.
        Box::pin(wait(self.ctx, &self.listener.group, wants, self.watch, |cx| has_left(cx, self.client))).await
    }
}

/// Connects to a backend and says who the client is, if it is to be told.
async fn reach(
    ctx: &WorkerContext,
    errand: Errand<'_>,
    backend: &BackendPlan,
    header: Option<&[u8]>,
) -> io::Result<Reached> {
    let Reached { stream, passing } = connect::reach(ctx, errand, backend).await?;
    let stream = match header {
        Some(header) => proxy::send(stream, header).await?,
        None => stream,
    };
    Ok(Reached { stream, passing })
}

/// The backend that this client had before, if it may still be used; counted as pinned.
fn pinned<'a>(
    ctx: &WorkerContext,
    listener: &'a ListenerPlan,
    peer: SocketAddr,
) -> Result<Option<&'a Arc<BackendPlan>>, Failure> {
    match listener.recall(peer.ip(), ctx.clock.now_ms()) {
        Recall::Anew => Ok(None),
        Recall::Unusable(id) => Err(Failure { cause: Cause::Unusable, backend: Some(id) }),
        Recall::Backend(backend) => {
            backend.live.worker(ctx.index).pinned.add(1);
            Ok(Some(backend))
        }
    }
}

/// Remembers which backend took a client, unless it is the one that was remembered.
fn remember(
    ctx: &WorkerContext,
    listener: &ListenerPlan,
    peer: SocketAddr,
    (pinned, taker): (Option<&Arc<BackendPlan>>, &BackendPlan),
) {
    let Some(table) = listener.source_table() else { return };
    if pinned.is_none_or(|pinned| pinned.id != taker.id) {
        table.bind(peer.ip(), taker.id, ctx.clock.now_ms());
        if pinned.is_some() {
            table.count_redispatch();
        }
    }
}

/// Whether a client has already sent something.
fn has_spoken(client: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(recv(client, &mut [0_u8; 1], flags), Ok((n, _)) if n > 0)
}
