//! Handshakes under way on a worker: so many and no more.
//!
//! Whoever means it is done within a round trip or two, so when there is no room the newcomer gets
//! it, and the one that has taken the longest is ended: of the listener that has the most under way,
//! so that a flood of one leaves the others alone. It knows no connection. Called by `arrival`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use poise_core::live;
use poise_core::plan::ListenerId;
use tokio::sync::Notify;

/// Handshakes of one listener in the order in which they began.
type Queue = BTreeMap<u64, Rc<Notify>>;

/// The handshakes of a worker.
#[derive(Debug)]
pub(super) struct Crowd {
    queues: RefCell<HashMap<ListenerId, Queue>>,
    count: Cell<usize>,
    count_max: usize,
    next: Cell<u64>,
}

/// A handshake under way; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place<'a> {
    crowd: &'a Crowd,
    listener: ListenerId,
    number: u64,
    end: Rc<Notify>,
    open: &'a live::Cell,
}

impl Crowd {
    /// Room for so many, at least one.
    pub(super) fn new(count_max: usize) -> Self {
        Self { queues: RefCell::default(), count: Cell::new(0), count_max, next: Cell::new(0) }
    }

    /// Whether half of the places are taken.
    pub(super) const fn is_half_full(&self) -> bool {
        self.count.get() >= self.count_max / 2
    }

    /// A place for one more, which is counted in `open`. Where there is none, somebody loses theirs.
    pub(super) fn take<'a>(&'a self, listener: ListenerId, open: &'a live::Cell) -> Place<'a> {
        if self.count.get() >= self.count_max {
            self.make_room();
        }
        let (number, end) = (self.next.get(), Rc::new(Notify::new()));
        self.next.set(number + 1);
        self.queues.borrow_mut().entry(listener).or_default().insert(number, Rc::clone(&end));
        self.count.set(self.count.get() + 1);
        open.add(1);
        Place { crowd: self, listener, number, end, open }
    }

    fn make_room(&self) {
        let mut queues = self.queues.borrow_mut();
        // As many as listeners with a handshake under way.
        let longest = queues.values_mut().max_by_key(|queue| queue.len());
        if let Some((_, end)) = longest.and_then(Queue::pop_first) {
            end.notify_one();
            self.count.set(self.count.get() - 1);
        }
    }
}

impl Place<'_> {
    /// Waits until the place is somebody else's.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn lost(&self) {
        self.end.notified().await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.open.sub(1);
        let mut queues = self.crowd.queues.borrow_mut();
        let Some(queue) = queues.get_mut(&self.listener) else { return };
        if queue.remove(&self.number).is_some() {
            self.crowd.count.set(self.crowd.count.get() - 1);
        }
        if queue.is_empty() {
            queues.remove(&self.listener);
        }
    }
}

#[cfg(test)]
mod tests;
