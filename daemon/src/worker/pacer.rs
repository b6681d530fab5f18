//! Turns at a limited bandwidth: connections whose listener has used up what it may carry wait here
//! for their share of what comes next.
//!
//! The bucket is shared by all workers, the line is each worker's own. A tick hands out what the
//! bucket has room for, in equal parts and in the order of the line; without anybody in it there
//! is no tick. It moves no bytes and knows no protocol: both relays ask a [`Share`] before they
//! read, and charge it after.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use poise_core::limit::{Bucket, Limiter};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::WorkerContext;

/// Time between two turns: a fifth of the burst that a bucket forgives, so that a late tick loses
/// nothing.
const TICK: Duration = Duration::from_millis(10);
/// Smallest part that is handed out, in bytes: about two packets. Below it the line takes turns.
const PART_BYTES_MIN: usize = 4 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From clients.
    In,
    /// To clients.
    Out,
}

/// What one direction of one connection may carry of its listener's bandwidth.
#[derive(Debug)]
pub(crate) struct Share {
    limiter: Arc<Limiter>,
    way: Way,
    place: Option<Rc<Place>>,
    /// Bytes that were handed out and not used yet.
    granted: usize,
}

/// What bytes are read from.
pub(crate) trait Source {
    /// Ready when a read would find something, be it an end or a fault.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Source for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // A socket that failed is read too, and says so then.
        self.poll_read_ready(cx).map(|_| ())
    }
}

/// A place in the line. Whoever gave it up has let go of it.
#[derive(Debug)]
struct Place {
    granted: Cell<usize>,
    waker: RefCell<Waker>,
}

/// The line of a worker.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    line: RefCell<VecDeque<Waiter>>,
    taken: Notify,
}

#[derive(Debug)]
struct Waiter {
    limiter: Arc<Limiter>,
    way: Way,
    place: Rc<Place>,
}

/// What a bucket hands out at one tick.
struct Round {
    bucket: *const Bucket,
    left: usize,
    part: usize,
}

impl Share {
    /// Nothing used and nothing waited for.
    pub(crate) fn new(limiter: &Arc<Limiter>, way: Way) -> Self {
        Self { limiter: Arc::clone(limiter), way, place: None, granted: 0 }
    }

    /// Whether there is a limit.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        bucket(&self.limiter, self.way).is_limited()
    }

    /// Whether it waits for its turn.
    pub(crate) fn is_waiting(&self) -> bool {
        self.place.is_some()
    }

    /// Ready with the bytes that may be read now, more than 0; without a limit any number.
    fn poll_room(&mut self, cx: &Context<'_>, ctx: &WorkerContext) -> Poll<usize> {
        let bucket = bucket(&self.limiter, self.way);
        if !bucket.is_limited() {
            (self.place, self.granted) = (None, 0);
            return Poll::Ready(usize::MAX);
        }
        if let Some(place) = &self.place {
            self.granted = place.granted.take();
            if self.granted == 0 {
                place.waker.borrow_mut().clone_from(cx.waker());
                return Poll::Pending;
            }
            self.place = None;
        }
        if self.granted > 0 {
            return Poll::Ready(self.granted);
        }
        let room = if bucket.is_waited_for() { 0 } else { bucket.room(ctx.clock.precise_ns()) };
        if room > 0 {
            return Poll::Ready(room);
        }
        self.place = Some(ctx.pacer.join((&self.limiter, self.way), cx));
        Poll::Pending
    }

    /// As [`Share::poll_room`], for a source: whoever has nothing to read takes no turn.
    pub(crate) fn poll_room_for(
        &mut self,
        cx: &mut Context<'_>,
        ctx: &WorkerContext,
        from: &impl Source,
    ) -> Poll<usize> {
        if self.is_limited() {
            ready!(from.poll_readable(cx));
        }
        self.poll_room(cx, ctx)
    }

    /// Charges bytes that were read.
    pub(crate) fn charge(&mut self, bytes: usize, ctx: &WorkerContext) {
        if self.is_limited() {
            self.granted = self.granted.saturating_sub(bytes);
            bucket(&self.limiter, self.way).charge(bytes, ctx.clock.precise_ns());
        }
    }
}

fn bucket(limiter: &Limiter, way: Way) -> &Bucket {
    match way {
        Way::In => &limiter.bandwidth_in,
        Way::Out => &limiter.bandwidth_out,
    }
}

impl Pacer {
    fn join(&self, (limiter, way): (&Arc<Limiter>, Way), cx: &Context<'_>) -> Rc<Place> {
        let place = Rc::new(Place { granted: Cell::new(0), waker: RefCell::new(cx.waker().clone()) });
        bucket(limiter, way).join();
        self.line.borrow_mut().push_back(Waiter { limiter: Arc::clone(limiter), way, place: Rc::clone(&place) });
        self.taken.notify_one();
        place
    }

    /// Hands out what there is room for.
    fn serve(&self, now_ns: u64) {
        let mut rounds: Vec<Round> = Vec::new();
        let mut served = Vec::new();
        let count = self.line.borrow().len();
        for _ in 0..count {
            let Some(waiter) = self.line.borrow_mut().pop_front() else { break };
            let bucket = bucket(&waiter.limiter, waiter.way);
            if Rc::strong_count(&waiter.place) == 1 {
                bucket.leave();
                continue;
            }
            let part = Round::of(&mut rounds, bucket, now_ns).take();
            if part == 0 {
                self.line.borrow_mut().push_back(waiter);
                continue;
            }
            bucket.leave();
            waiter.place.granted.set(part);
            served.push(waiter.place);
        }
        for place in served {
            place.waker.borrow().wake_by_ref();
        }
    }

    fn is_empty(&self) -> bool {
        self.line.borrow().is_empty()
    }
}

impl Round {
    /// The round of a bucket, which begins when it is first asked for.
    fn of<'r>(rounds: &'r mut Vec<Self>, bucket: &Bucket, now_ns: u64) -> &'r mut Self {
        let known = rounds.iter().position(|round| std::ptr::eq(round.bucket, bucket));
        let at = known.unwrap_or_else(|| {
            let room = bucket.room(now_ns);
            rounds.push(Self { bucket, left: room, part: (room / bucket.waiting().max(1)).max(PART_BYTES_MIN) });
            rounds.len() - 1
        });
        &mut rounds[at]
    }

    fn take(&mut self) -> usize {
        let part = if self.left > 0 { self.part } else { 0 };
        self.left = self.left.saturating_sub(part);
        part
    }
}

/// Takes turns until it is aborted.
pub(super) async fn run(ctx: Rc<WorkerContext>) {
    loop {
        while ctx.pacer.is_empty() {
            ctx.pacer.taken.notified().await;
        }
        tokio::time::sleep(TICK).await;
        ctx.pacer.serve(ctx.clock.precise_ns());
    }
}

#[cfg(test)]
mod tests;
