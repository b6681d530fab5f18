//! Connections to backends, and the pool of those that wait for their next request.
//!
//! One pool per worker, keyed by identity, newest first: what was used last is least likely to
//! have been closed. It decides neither which backend is used (`pick`) nor when a connection may
//! come back (`exchange`).

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use poise_core::live::{BackendCells, BackendLive, Leaving};
use poise_core::plan::{BackendId, BackendPlan, Plan, Target, TlsStamp};
use poise_ipc::model::AdminState;
use tracing::warn;

use super::stream::{End, Stream};
use crate::loops::Passing;
use crate::worker::{Phase, WorkerContext};

/// Idle connections to one backend, per worker: as many as 512 busy clients leave behind.
const IDLE_PER_BACKEND_MAX: usize = 512;
/// Idle connections to all backends, per worker: a share of the descriptors that clients need too.
const IDLE_MAX: usize = 2_048;
/// Longest rest of a connection, in milliseconds: below the keep-alive time of common servers.
const IDLE_MS_MAX: u64 = 30_000;
/// How long connections to a backend are used once only, in milliseconds.
const DISTRUST_MS: u64 = 60_000;
/// Time between two looks at the idle connections.
const SWEEP: Duration = Duration::from_secs(1);

/// A connection to a backend. It is counted while it lives.
pub(super) struct Link {
    /// The socket.
    pub(super) stream: Stream,
    /// Whose it is.
    pub(super) backend: BackendId,
    target: Target,
    /// What it goes by, where it is TLS.
    tls: Option<TlsStamp>,
    live: Arc<BackendLive>,
    worker: usize,
    idle_since_ms: u64,
    held: Option<Held>,
}

/// What a connection holds while it is open: its place in the counters, and what makes it known
/// again where it leads back to poised.
pub(super) struct Held {
    live: Arc<BackendLive>,
    worker: usize,
    _passing: Option<Box<Passing>>,
}

impl Link {
    /// Counts and keeps a connection that was just opened.
    pub(super) fn new(stream: Stream, passing: Option<Box<Passing>>, backend: &BackendPlan, worker: usize) -> Self {
        let cells = backend.live.worker(worker);
        cells.connections.add(1);
        cells.connections_open.add(1);
        let held = Held { live: Arc::clone(&backend.live), worker, _passing: passing };
        Self { held: Some(held), ..Self::over(stream, backend, worker) }
    }

    /// A stream of a connection that is counted and kept elsewhere.
    pub(super) fn over(stream: Stream, backend: &BackendPlan, worker: usize) -> Self {
        Self {
            stream,
            backend: backend.id,
            target: backend.target.clone(),
            tls: backend.tls,
            live: Arc::clone(&backend.live),
            worker,
            idle_since_ms: 0,
            held: None,
        }
    }

    /// The connection, for somebody who keeps it, and what is held while it is open.
    pub(super) fn into_parts(self) -> (Stream, Option<Held>) {
        (self.stream, self.held)
    }

    /// This worker's counters of the backend.
    pub(super) fn cells(&self) -> &BackendCells {
        self.live.worker(self.worker)
    }

    /// What of the backend's connections has to go.
    pub(super) fn leaving(&self) -> Leaving {
        self.live.leaving()
    }

    /// The socket, and this worker's counters of the backend.
    pub(super) fn parts(&mut self) -> (&mut Stream, &BackendLive) {
        (&mut self.stream, &self.live)
    }

    /// What is counted of its backend.
    pub(super) fn live(&self) -> &BackendLive {
        &self.live
    }

    /// Whether it leads where the backend is now, in the way that is wanted now.
    fn leads_to(&self, backend: &BackendPlan) -> bool {
        self.target == backend.target && self.tls == backend.tls
    }

    /// Lets go of the task that used it last, which the runtime would wake for whatever arrives.
    fn forget_user(&self) {
        let mut nobody = Context::from_waker(Waker::noop());
        // Whether something has arrived is asked elsewhere.
        let _ = self.stream.socket().map(|socket| socket.poll_read_ready(&mut nobody));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.live.worker(self.worker).connections_open.sub(1);
    }
}

/// The idle connections of a worker.
#[derive(Default)]
pub(super) struct Pool {
    idle: HashMap<BackendId, VecDeque<Link>, BuildHasherDefault<IdHasher>>,
    count: usize,
    generation: u64,
    is_swept: bool,
    /// Backends whose connections are not kept, and until when, in milliseconds of the worker's clock.
    distrusted: HashMap<BackendId, u64, BuildHasherDefault<IdHasher>>,
}

/// Why connections to a backend are used once only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// It sends what belongs to no response: what comes of it later would be taken for the response to
    /// the next request.
    Speaks,
    /// It closes so many when they are used again that more requests are sent twice than are allowed.
    Leaves,
}

impl Distrust {
    const fn words(self) -> &'static str {
        match self {
            Self::Speaks => "it sends more than its responses",
            Self::Leaves => "it closes them when they are used again",
        }
    }
}

impl Pool {
    /// The connection to this backend that was used last and is still good.
    pub(super) fn take(&mut self, backend: &BackendPlan, now_ms: u64) -> Option<Link> {
        let links = self.idle.get_mut(&backend.id)?;
        // Ends: each turn takes one out.
        while let Some(mut link) = links.pop_back() {
            self.count -= 1;
            match link.stream.at_rest() {
                None if link.leads_to(backend) => return Some(link),
                Some(End::Speaks) => {
                    self.distrust(backend, Distrust::Speaks, now_ms);
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Keeps no connection to a backend for a while.
    fn distrust(&mut self, backend: &BackendPlan, why: Distrust, now_ms: u64) {
        self.count -= self.idle.remove(&backend.id).map_or(0, |links| links.len());
        if self.distrusted.insert(backend.id, now_ms + DISTRUST_MS).is_none() {
            let (backend, why) = (&backend.name, why.words());
            warn!(%backend, why, "for a minute no connection to a backend is used twice");
        }
    }

    fn put(&mut self, mut link: Link, now_ms: u64) {
        if self.count >= IDLE_MAX || self.distrusted.contains_key(&link.backend) {
            return;
        }
        link.idle_since_ms = now_ms;
        let links = self.idle.entry(link.backend).or_default();
        if links.len() >= IDLE_PER_BACKEND_MAX {
            links.pop_front();
            self.count -= 1;
        }
        links.push_back(link);
        self.count += 1;
    }

    /// Closes all, for a worker that ends or has no descriptors left.
    pub(super) fn clear(&mut self) {
        self.idle.clear();
        self.count = 0;
    }

    /// Closes what has rested too long, what the backend has closed, what leads to a backend that
    /// drains, and, under a new plan, to those that are gone, disabled or elsewhere.
    fn sweep(&mut self, plan: &Plan, now_ms: u64) {
        let wanted = (plan.generation != self.generation).then(|| wanted(plan));
        self.generation = plan.generation;
        self.distrusted.retain(|_, until_ms| now_ms < *until_ms);
        let mut liars = Vec::new();
        for (backend, links) in &mut self.idle {
            links.retain_mut(|link| {
                link.forget_user();
                let leads_there = wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&(link.backend, link.target.clone(), link.tls)));
                let stays = leads_there && link.leaving() == Leaving::No;
                let found = link.stream.at_rest();
                if found == Some(End::Speaks) {
                    liars.push(*backend);
                }
                stays && now_ms.saturating_sub(link.idle_since_ms) < IDLE_MS_MAX && found.is_none()
            });
        }
        self.idle.retain(|_, links| !links.is_empty());
        self.count = self.idle.values().map(VecDeque::len).sum();
        for backend in
            plan.groups.iter().flat_map(|group| &group.backends).filter(|backend| liars.contains(&backend.id))
        {
            self.distrust(backend, Distrust::Speaks, now_ms);
        }
    }

    /// Whether nothing is left to look after.
    fn is_over(&self) -> bool {
        self.count == 0 && self.distrusted.is_empty()
    }
}

/// Spreads identities, which are small numbers of our own and no stranger's choice, so that the
/// look-up of every request costs one multiplication.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        // The golden ratio in 64 bits (Fibonacci hashing), folded so that all bits count.
        let spread = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

/// Where idle connections may lead, and how.
fn wanted(plan: &Plan) -> HashSet<(BackendId, Target, Option<TlsStamp>)> {
    let backends = plan.groups.iter().flat_map(|group| &group.backends);
    backends
        .filter(|backend| backend.state() != AdminState::Disabled)
        .map(|backend| (backend.id, backend.target.clone(), backend.tls))
        .collect()
}

/// Keeps a connection for its next request, and has somebody look after the idle ones.
pub(super) fn keep(ctx: &Rc<WorkerContext>, link: Link) {
    if ctx.phase() != Phase::Serving || link.leaving() != Leaving::No || link.held.is_none() {
        return;
    }
    let mut pool = ctx.l7.pool.borrow_mut();
    pool.put(link, ctx.clock.now_ms());
    look_after(ctx, &mut pool);
}

/// Lets nothing be asked for a while over a connection to a backend that has served before.
#[cold]
pub(super) fn distrust(ctx: &Rc<WorkerContext>, backend: &BackendPlan, why: Distrust) {
    let mut pool = ctx.l7.pool.borrow_mut();
    pool.distrust(backend, why, ctx.clock.now_ms());
    look_after(ctx, &mut pool);
}

fn look_after(ctx: &Rc<WorkerContext>, pool: &mut Pool) {
    if !pool.is_swept {
        pool.is_swept = true;
        // Owned by the worker's runtime, ends with the last thing to look after.
        drop(tokio::task::spawn_local(sweep(Rc::clone(ctx))));
    }
}

async fn sweep(ctx: Rc<WorkerContext>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let mut pool = ctx.l7.pool.borrow_mut();
        if ctx.phase() != Phase::Serving {
            pool.clear();
        }
        pool.sweep(&ctx.published.load(), ctx.clock.refresh());
        if ctx.phase() != Phase::Serving || pool.is_over() {
            pool.is_swept = false;
            return;
        }
    }
}
