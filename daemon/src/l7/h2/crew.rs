//! The tasks that serve the streams of a connection, kept for the streams that follow.
//!
//! Each serves one stream at a time, by a relay of its own, and rests afterwards: to make a task for
//! every stream costs more than to carry a small request. It knows nothing of frames, and what
//! becomes of a request the relay counts. Called by `edge`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use poise_core::http::onward::PeerText;
use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;

use super::super::client::Relay;
use super::super::held::Held;
use super::super::stream::Stream;
use crate::worker::WorkerContext;

/// Tasks of one connection that rest: as many as the streams that a browser has open at once. They
/// go when the connection itself is found at rest.
const RESTING_MAX: usize = 32;

/// The tasks of one connection.
pub(super) struct Crew {
    ctx: Rc<WorkerContext>,
    peer: SocketAddr,
    peer_text: PeerText,
    resting: RefCell<Vec<Rc<Seat>>>,
    /// Streams that are served.
    open: Cell<usize>,
    /// Most of them at once.
    open_max: Cell<usize>,
    /// When there was last one.
    rests_since_ms: Cell<u64>,
    is_dismissed: Cell<bool>,
}

/// One stream to be served.
pub(super) struct Job {
    /// The stream.
    pub(super) stream: Stream,
    /// Its head, where that is the whole request.
    pub(super) head: Vec<u8>,
    /// What it came to.
    pub(super) listener: Arc<ListenerPlan>,
    /// Number of the plan that the listener was taken from.
    pub(super) generation: u64,
}

/// Where a task finds what it does next.
#[derive(Default)]
struct Seat {
    next: Cell<Next>,
    waker: Cell<Option<Waker>>,
}

#[derive(Default)]
enum Next {
    #[default]
    Rest,
    Serve(Job),
    Leave,
}

impl Crew {
    /// The tasks of a connection with this peer: none yet.
    pub(super) fn new(ctx: &Rc<WorkerContext>, peer: SocketAddr) -> Rc<Self> {
        Rc::new(Self {
            ctx: Rc::clone(ctx),
            peer,
            peer_text: PeerText::new(peer.ip()),
            resting: RefCell::default(),
            open: Cell::new(0),
            open_max: Cell::new(0),
            rests_since_ms: Cell::new(ctx.clock.now_ms()),
            is_dismissed: Cell::new(false),
        })
    }

    /// Whether no stream is open.
    pub(super) fn is_at_rest(&self) -> bool {
        self.open.get() == 0
    }

    /// Most streams that were open at once.
    pub(super) fn open_max(&self) -> usize {
        self.open_max.get()
    }

    /// How long no stream has been open, in milliseconds.
    pub(super) fn rested_ms(&self) -> u64 {
        self.ctx.clock.now_ms().saturating_sub(self.rests_since_ms.get())
    }

    /// Counts the rest from now on.
    pub(super) fn rest_anew(&self) {
        self.rests_since_ms.set(self.ctx.clock.now_ms());
    }

    /// Has a stream served.
    pub(super) fn serve(self: &Rc<Self>, job: Job) {
        self.open.set(self.open.get() + 1);
        let rested = self.resting.borrow_mut().pop();
        if let Some(seat) = rested {
            seat.tell(Next::Serve(job));
            return;
        }
        // Where a task rests, there were more before.
        self.open_max.set(self.open_max.get().max(self.open.get()));
        let seat = Rc::new(Seat::default());
        seat.next.set(Next::Serve(job));
        // It ends with the connection: then it reads and writes nothing but errors, and is let go.
        drop(tokio::task::spawn_local(work(Rc::clone(self), seat)));
    }

    /// Lets those go that rest.
    pub(super) fn relieve(&self) {
        for seat in self.resting.take() {
            seat.tell(Next::Leave);
        }
    }

    /// Lets all go, as soon as they are done.
    pub(super) fn dismiss(&self) {
        self.is_dismissed.set(true);
        self.relieve();
    }

    /// Whether a task that has served is kept.
    fn keeps(&self, seat: &Rc<Seat>) -> bool {
        let mut resting = self.resting.borrow_mut();
        let keeps = !self.is_dismissed.get() && resting.len() < RESTING_MAX;
        if keeps {
            resting.push(Rc::clone(seat));
        }
        keeps
    }
}

impl Seat {
    fn tell(&self, next: Next) {
        self.next.set(next);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next stream; none when it is time to go.
    fn poll_job(&self, cx: &Context<'_>) -> Poll<Option<Job>> {
        match self.next.take() {
            Next::Serve(job) => Poll::Ready(Some(job)),
            Next::Leave => Poll::Ready(None),
            Next::Rest => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

/// Serves streams until it is let go.
async fn work(crew: Rc<Crew>, seat: Rc<Seat>) {
    let _counted = crew.ctx.stream_task();
    while let Some(job) = poll_fn(|cx| seat.poll_job(cx)).await {
        let open = Open { crew: &crew, listener: Arc::clone(&job.listener) };
        let Job { stream, head, listener, generation } = job;
        let client = (crew.peer, crew.peer_text);
        let mut relay = Relay::with(Rc::clone(&crew.ctx), (listener, generation), stream, client);
        relay.carry = Held::new(head);
        relay.run_once().await;
        drop(relay);
        drop(open);
        if !crew.keeps(&seat) {
            return;
        }
    }
}

/// Counts a stream while it is open. A panic ends that stream alone and is counted too.
struct Open<'c> {
    crew: &'c Crew,
    listener: Arc<ListenerPlan>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let crew = self.crew;
        crew.open.set(crew.open.get() - 1);
        crew.rest_anew();
        if std::thread::panicking() {
            crew.ctx.ended(&self.listener, None, crew.peer, Cause::Internal);
        }
    }
}
