//! Connections of HTTP/2 to backends: opened when they are needed, shared by the requests of a
//! worker, and let go of when they rest, when the backend says goodbye or leads elsewhere.
//!
//! It chooses no backend and sends nothing again. Called by `attempt` through [`stream`] and [`dial`].

use std::cell::Cell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use http::uri::Scheme;
use poise_core::live::{BackendLive, Leaving};
use poise_core::plan::{BackendId, BackendPlan, Plan, Target, TlsStamp};
use poise_ipc::cause::Cause;
use poise_ipc::limits::HEAD_BYTES;
use poise_ipc::model::{AdminState, BackendProtocol};
use tokio::sync::Mutex;
use tracing::debug;

use super::super::dial::dial as dial_link;
use super::super::outbound::{Held, Link};
use super::super::stream::Stream;
use super::backend::BackendStream;
use super::pace::{Paced, Turn};
use super::{FRAME_BYTES_MAX, MORSELS_BYTES_MAX, SEND_BUFFER_BYTES};
use crate::connect::Errand;
use crate::worker::{Alarm, Phase, Watch, WorkerContext};

/// Connections to one backend, per worker: one is enough for most, as each carries many streams.
const SESSIONS_MAX: usize = 16;
/// Streams of one connection, whatever more the backend allows: the loss of a connection must not
/// be the loss of everything.
const STREAMS_MAX: usize = 100;
/// Longest rest of a connection, in milliseconds, as for those of HTTP/1.
const IDLE_MS_MAX: u64 = 30_000;
/// How often a connection looks whether it is still wanted, in milliseconds.
const LOOK_MS: u32 = 1_000;
/// Bytes that a backend may send on one stream before the client has taken them.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same for all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;

/// The connections of a worker.
#[derive(Default)]
pub(in super::super) struct Sessions {
    open: HashMap<BackendId, Vec<Session>>,
    /// Who dials a backend; others wait for the outcome instead of dialling too.
    gates: HashMap<BackendId, Rc<Mutex<()>>>,
}

/// A connection.
struct Session {
    sender: SendRequest<Bytes>,
    target: Target,
    tls: Option<TlsStamp>,
    use_: Rc<Use>,
}

/// How a connection is used.
struct Use {
    streams: Cell<usize>,
    streams_max: Cell<usize>,
    rests_since_ms: Cell<u64>,
    /// It takes no more streams.
    is_over: Cell<bool>,
}

/// A place among the streams of a connection.
pub(super) struct Place {
    ctx: Rc<WorkerContext>,
    use_: Rc<Use>,
}

impl Place {
    fn new(ctx: &Rc<WorkerContext>, use_: &Rc<Use>) -> Self {
        use_.streams.set(use_.streams.get() + 1);
        Self { ctx: Rc::clone(ctx), use_: Rc::clone(use_) }
    }

    /// The connection takes no more streams.
    pub(super) fn is_over(&self) {
        self.use_.is_over.set(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.use_.streams.set(self.use_.streams.get() - 1);
        self.use_.rests_since_ms.set(self.ctx.clock.now_ms());
    }
}

impl Session {
    fn leads_to(&self, backend: &BackendPlan) -> bool {
        self.target == backend.target && self.tls == backend.tls && !self.use_.is_over.get()
    }

    fn has_room(&self) -> bool {
        self.use_.streams.get() < self.use_.streams_max.get().min(STREAMS_MAX)
    }
}

impl Sessions {
    /// The least used connection to a backend. With all full and no more allowed, requests wait for
    /// a stream of one that is full.
    fn take(&mut self, backend: &BackendPlan) -> Option<(SendRequest<Bytes>, Rc<Use>)> {
        let sessions = self.open.get_mut(&backend.id)?;
        let best = sessions.iter().filter(|session| session.leads_to(backend)).min_by_key(|s| s.use_.streams.get())?;
        let may_take = best.has_room() || sessions.len() >= SESSIONS_MAX;
        may_take.then(|| (best.sender.clone(), Rc::clone(&best.use_)))
    }

    fn forget(&mut self, backend: BackendId, use_: &Rc<Use>) {
        if let Some(sessions) = self.open.get_mut(&backend) {
            sessions.retain(|session| !Rc::ptr_eq(&session.use_, use_));
            if sessions.is_empty() {
                self.open.remove(&backend);
                self.gates.remove(&backend);
            }
        }
    }
}

/// A stream of a connection that is open already.
pub(in super::super) fn stream(ctx: &Rc<WorkerContext>, backend: &BackendPlan) -> Option<Link> {
    let (sender, use_) = ctx.l7.sessions.borrow_mut().take(backend)?;
    let scheme = if backend.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    let name = backend.target.ip().map_or_else(|| "localhost".to_owned(), |address| address.to_string());
    let stream = BackendStream::new(sender, Place::new(ctx, &use_), (scheme, name.into()));
    Some(Link::over(stream.into(), backend, ctx.index))
}

/// A stream of a new connection, or of one that somebody else opened meanwhile; within `timeout_ms`.
///
/// # Errors
/// Those of dialling; a backend that does not speak HTTP/2 is [`Cause::ConnectFailed`].
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(in super::super) async fn dial(
    ctx: &Rc<WorkerContext>,
    errand: Errand<'_>,
    backend: &BackendPlan,
    watch: &Watch,
    timeout_ms: u32,
) -> Result<Link, Cause> {
    let gate = Rc::clone(ctx.l7.sessions.borrow_mut().gates.entry(backend.id).or_default());
    watch.rearm(timeout_ms);
    let _turn = watch.bound(gate.lock()).await.map_err(cause_of)?;
    if let Some(link) = stream(ctx, backend) {
        return Ok(link);
    }
    let link = dial_link(ctx, errand, backend, watch, timeout_ms).await?;
    let (connection, held) = link.into_parts();
    let (paced, turn) = Paced::new(connection);
    let shaken = watch.bound(builder().handshake(paced)).await.map_err(cause_of)?;
    let (sender, connection) = shaken.map_err(|error| {
        debug!(backend = %backend.name, reason = %error, "no HTTP/2 with a backend");
        backend.live.worker(ctx.index).connect_failures.add(1);
        Cause::ConnectFailed
    })?;
    keep(ctx, backend, sender, (connection, turn, held));
    stream(ctx, backend).ok_or(Cause::ConnectFailed)
}

fn cause_of(alarm: Alarm) -> Cause {
    match alarm {
        Alarm::Due => Cause::ConnectTimeout,
        Alarm::Draining | Alarm::Cut => Cause::Shutdown,
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .max_header_list_size(HEAD_BYTES.end().0)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .data_frame_budget(MORSELS_BYTES_MAX);
    builder
}

/// Enters a connection, and has somebody drive it.
fn keep(
    ctx: &Rc<WorkerContext>,
    backend: &BackendPlan,
    sender: SendRequest<Bytes>,
    (connection, turn, held): (Connection<Paced<Stream>, Bytes>, Turn, Option<Held>),
) {
    let use_ = Rc::new(Use {
        streams: Cell::new(0),
        streams_max: Cell::new(STREAMS_MAX),
        rests_since_ms: Cell::new(ctx.clock.now_ms()),
        is_over: Cell::new(false),
    });
    let session = Session { sender, target: backend.target.clone(), tls: backend.tls, use_: Rc::clone(&use_) };
    let driver = Driver {
        ctx: Rc::clone(ctx),
        backend: backend.id,
        target: session.target.clone(),
        tls: session.tls,
        live: Arc::clone(&backend.live),
        use_,
        turn,
        _held: held,
    };
    ctx.l7.sessions.borrow_mut().open.entry(backend.id).or_default().push(session);
    // Owned by the worker's runtime, ends with the connection.
    drop(tokio::task::spawn_local(driver.run(connection)));
}

/// Drives one connection to its end.
struct Driver {
    ctx: Rc<WorkerContext>,
    backend: BackendId,
    target: Target,
    tls: Option<TlsStamp>,
    live: Arc<BackendLive>,
    use_: Rc<Use>,
    turn: Turn,
    _held: Option<Held>,
}

impl Driver {
    async fn run(self, mut connection: Connection<Paced<Stream>, Bytes>) {
        let watch = self.ctx.watch(LOOK_MS);
        poll_fn(|cx| {
            self.turn.begin();
            // Ends: every alarm but the last sets the next.
            loop {
                if Pin::new(&mut connection).poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                self.use_.streams_max.set(connection.max_concurrent_send_streams());
                match watch.poll_alarm(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Alarm::Draining | Alarm::Cut) => return Poll::Ready(()),
                    Poll::Ready(Alarm::Due) => {
                        if !self.is_wanted() {
                            // Without anybody to send, the connection ends with its last stream.
                            self.ctx.l7.sessions.borrow_mut().forget(self.backend, &self.use_);
                        }
                        watch.rearm(LOOK_MS);
                    }
                }
            }
        })
        .await;
        self.use_.is_over.set(true);
        self.ctx.l7.sessions.borrow_mut().forget(self.backend, &self.use_);
    }

    fn is_wanted(&self) -> bool {
        let now_ms = self.ctx.clock.now_ms();
        let rests = self.use_.streams.get() == 0;
        let is_stale = rests && now_ms.saturating_sub(self.use_.rests_since_ms.get()) >= IDLE_MS_MAX;
        let parts = rests && (self.ctx.phase() != Phase::Serving || self.live.leaving() != Leaving::No);
        !is_stale && !parts && !self.use_.is_over.get() && self.leads_there(&self.ctx.published.load())
    }

    fn leads_there(&self, plan: &Plan) -> bool {
        let mut found = plan.groups.iter().filter_map(|group| group.backend(self.backend));
        found.any(|backend| {
            backend.target == self.target
                && backend.tls == self.tls
                && backend.protocol == BackendProtocol::Http2
                && backend.state() != AdminState::Disabled
        })
    }
}
