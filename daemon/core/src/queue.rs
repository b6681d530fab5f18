//! The queue of a group: who waits because every backend that may be used has as many connections
//! or requests as it may.
//!
//! First in, first out, over all workers; who waits for one backend alone lets others pass. A slot
//! that is free is handed to the first whom it suits, already counted, so nobody can take it on
//! the way. It is bounded, keeps no clock and polls nothing: each waiter has a waker. The relays
//! wait here; deadlines are theirs.

mod start;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub use start::Start;

use crate::live::{BackendLive, Inflight};
use crate::plan::BackendId;

/// Those who wait for a backend of a group.
#[derive(Debug, Default)]
pub struct Queue {
    /// Places taken, granted ones excluded.
    waiting: AtomicU32,
    /// Those of them that take any backend.
    unbound: AtomicU32,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// In the order of their numbers.
    waiters: VecDeque<Waiter>,
    /// Those of them that take any backend.
    unbound: u32,
    /// Slots that nobody has fetched yet.
    granted: Vec<(u64, Inflight)>,
    next_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    since_ms: u64,
    wants: Option<BackendId>,
    waker: Waker,
}

/// A place in the queue; dropping it is leaving.
// Not Clone: a place is one waiter's.
#[derive(Debug)]
pub struct Ticket {
    queue: Arc<Queue>,
    number: u64,
}

/// What a screen says about a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStatus {
    /// How many wait.
    pub queued: u32,
    /// Since when the first of them waits, in the time given to [`Queue::join`].
    pub since_ms: Option<u64>,
}

impl Queue {
    /// Takes the last place, unless `queue_max` wait already. `wants` waits for this backend alone.
    /// A slot that came free a moment ago may have been missed: offer those of the plan in force
    /// ([`GroupPlan::offer`](crate::plan::GroupPlan::offer)) after this.
    pub fn join(self: &Arc<Self>, wants: Option<BackendId>, queue_max: u32, now_ms: u64) -> Option<Ticket> {
        let mut line = self.line();
        if line.waiters.len() >= usize::try_from(queue_max).unwrap_or(usize::MAX) {
            return None;
        }
        let number = line.next_number;
        line.next_number += 1;
        line.unbound += u32::from(wants.is_none());
        line.waiters.push_back(Waiter { number, since_ms: now_ms, wants, waker: Waker::noop().clone() });
        self.count(&line);
        Some(Ticket { queue: Arc::clone(self), number })
    }

    /// Whether anybody waits.
    #[inline]
    pub fn is_waited_in(&self) -> bool {
        // Ordered with the counts of what is in flight: either who leaves a backend sees who waits,
        // or who waits sees the free slot.
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether somebody waits who takes any backend: who comes now has to wait behind.
    #[inline]
    pub fn has_unbound(&self) -> bool {
        self.unbound.load(Ordering::Relaxed) > 0
    }

    /// How many wait, and how long the first of them has.
    pub fn status(&self) -> QueueStatus {
        let line = self.line();
        let queued = u32::try_from(line.waiters.len()).unwrap_or(u32::MAX);
        QueueStatus { queued, since_ms: line.waiters.front().map(|waiter| waiter.since_ms) }
    }

    /// How many wait for this backend alone.
    pub fn queued_for(&self, backend: BackendId) -> u32 {
        if !self.is_waited_in() {
            return 0;
        }
        let line = self.line();
        let own = line.waiters.iter().filter(|waiter| waiter.wants == Some(backend)).count();
        u32::try_from(own).unwrap_or(u32::MAX)
    }

    /// Hands free slots of a backend to those who wait, in their order.
    pub(crate) fn offer(&self, id: BackendId, backend: &Arc<BackendLive>) {
        let mut served = Vec::new();
        let mut line = self.line();
        while let Some(at) = line.waiters.iter().position(|waiter| backend.suits(waiter.wants, id)) {
            let Some(slot) = Inflight::within_limit(id, backend) else { break };
            let Some(first) = line.remove(at) else { break };
            line.granted.push((first.number, slot));
            served.push(first.waker);
        }
        self.count(&line);
        drop(line);
        // A waker may run anything, and must not find the line locked.
        served.into_iter().for_each(Waker::wake);
    }

    /// Lets those who wait for a backend that is of no use to them any more take any other.
    pub(crate) fn release(&self, is_usable: impl Fn(BackendId) -> bool) {
        let mut line = self.line();
        for waiter in &mut line.waiters {
            waiter.wants = waiter.wants.filter(|&id| is_usable(id));
        }
        let unbound = line.waiters.iter().filter(|waiter| waiter.wants.is_none()).count();
        line.unbound = u32::try_from(unbound).unwrap_or(u32::MAX);
        self.count(&line);
    }

    fn count(&self, line: &Line) {
        let waiting = u32::try_from(line.waiters.len()).unwrap_or(u32::MAX);
        self.waiting.store(waiting, Ordering::SeqCst);
        self.unbound.store(line.unbound, Ordering::Relaxed);
    }

    /// The line stays whole whatever happens to a thread that held it: nothing panics midway.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Ready with the slot at a backend once it is this waiter's turn. The last task that polled
    /// is woken.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<Inflight> {
        let mut line = self.queue.line();
        if let Some(slot) = line.take_granted(self.number) {
            return Poll::Ready(slot);
        }
        if let Some(at) = line.position(self.number) {
            line.waiters[at].waker.clone_from(cx.waker());
        }
        Poll::Pending
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut line = self.queue.line();
        let unused = line.take_granted(self.number);
        if let Some(at) = line.position(self.number) {
            line.remove(at);
            self.queue.count(&line);
        }
        drop(line);
        // The next in line gets it; that needs the lock.
        drop(unused);
    }
}

impl Line {
    fn take_granted(&mut self, number: u64) -> Option<Inflight> {
        let at = self.granted.iter().position(|&(granted, _)| granted == number)?;
        Some(self.granted.swap_remove(at).1)
    }

    fn remove(&mut self, at: usize) -> Option<Waiter> {
        let waiter = self.waiters.remove(at)?;
        self.unbound -= u32::from(waiter.wants.is_none());
        Some(waiter)
    }

    fn position(&self, number: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&number, |waiter| waiter.number).ok()
    }
}

#[cfg(test)]
mod tests;
