//! Deadlines of a worker's connections, checked by one coarse sweep instead of a timer each.
//!
//! A connection owns one slot: setting its deadline is a store, and the sweep reads all of them
//! in a row every tick. It does not know what a deadline means; the connection that is woken
//! does.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use super::context::WorkerContext;
use super::flood::Flood;
use crate::platform;

/// Time between two sweeps, in milliseconds: the shortest configurable timeout, so that none is
/// more than two ticks late. The sweep rests while no connection is open.
pub(super) const TICK_MS: u64 = 100;

/// A deadline that never comes.
const NEVER_MS: u64 = u64::MAX;

/// The deadlines of a worker.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    slots: RefCell<Slots>,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    /// Deadlines by slot, side by side so that the sweep is one pass over an array.
    due_ms: Vec<u64>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Sweep {
    /// Takes a slot with this deadline.
    pub(super) fn take(&self, due_ms: u64) -> usize {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = slots.free.pop() {
            slots.due_ms[slot] = due_ms;
            return slot;
        }
        slots.due_ms.push(due_ms);
        slots.wakers.push(None);
        self.taken.notify_one();
        slots.due_ms.len() - 1
    }

    /// Gives a slot back.
    pub(super) fn give(&self, slot: usize) {
        let mut slots = self.slots.borrow_mut();
        slots.due_ms[slot] = NEVER_MS;
        slots.wakers[slot] = None;
        slots.free.push(slot);
        if slots.free.len() == slots.due_ms.len() {
            // After a flood the memory goes back too.
            *slots = Slots::default();
        }
    }

    /// Replaces a deadline.
    pub(super) fn set(&self, slot: usize, due_ms: u64) {
        self.slots.borrow_mut().due_ms[slot] = due_ms;
    }

    /// A slot's deadline.
    pub(super) fn due_ms(&self, slot: usize) -> u64 {
        self.slots.borrow().due_ms[slot]
    }

    /// Remembers whom to wake for a slot.
    pub(super) fn listen(&self, slot: usize, cx: &Context<'_>) {
        let waker = &mut self.slots.borrow_mut().wakers[slot];
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Wakes every connection whose deadline has passed.
    pub(super) fn wake_due(&self, now_ms: u64) {
        let mut from = 0;
        // The borrow ends before a waker runs: what it wakes may take or give slots.
        while let Some((slot, waker)) = self.next_due(from, now_ms) {
            from = slot + 1;
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn next_due(&self, from: usize, now_ms: u64) -> Option<(usize, Option<Waker>)> {
        let mut slots = self.slots.borrow_mut();
        let slot = from + slots.due_ms.get(from..)?.iter().position(|due_ms| *due_ms <= now_ms)?;
        Some((slot, slots.wakers[slot].take()))
    }

    /// Wakes the connections of some slots.
    pub(super) fn wake_where(&self, is_meant: impl Fn(usize) -> bool) {
        let mut slots = self.slots.borrow_mut();
        let meant = slots.wakers.iter_mut().enumerate().filter(|(slot, _)| is_meant(*slot));
        let wakers: Vec<Waker> = meant.filter_map(|(_, waker)| waker.take()).collect();
        // The borrow ends before a waker runs.
        drop(slots);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes every connection.
    pub(super) fn wake_all(&self) {
        let wakers: Vec<Waker> = self.slots.borrow_mut().wakers.iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_empty(&self) -> bool {
        self.slots.borrow().due_ms.is_empty()
    }
}

/// Sweeps until it is aborted.
pub(super) async fn run(ctx: Rc<WorkerContext>) {
    let mut flood = Flood::default();
    let mut cuts = 0;
    loop {
        while ctx.sweep.is_empty() && !flood.is_ebbing(ctx.load()) {
            ctx.sweep.taken.notified().await;
        }
        tokio::time::sleep(Duration::from_millis(TICK_MS)).await;
        let now_ms = ctx.clock.refresh();
        let begun = ctx.published.load().cuts.count();
        if std::mem::replace(&mut cuts, begun) != begun {
            // A drain is over somewhere: each connection looks whether it is meant.
            ctx.sweep.wake_all();
        }
        ctx.sweep.wake_due(now_ms);
        ctx.wake_leaving(now_ms);
        if flood.observe(ctx.load(), now_ms) {
            platform::release_memory();
        }
    }
}

#[cfg(test)]
mod tests;
