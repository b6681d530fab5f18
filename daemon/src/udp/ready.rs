//! Which flows' sockets have something to read.
//!
//! One task serves a listening socket and all its flows: a socket that becomes readable puts its
//! number on this list and wakes that task, so replies are taken in batches. It reads nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The numbers that wait, and who is to be woken for them.
#[derive(Debug, Default)]
pub(super) struct Ready(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// No longer than there are flows: a socket wakes once until it is asked again.
    slots: Vec<usize>,
    task: Option<Waker>,
}

/// Wakes the task for one flow.
#[derive(Debug)]
struct Bell {
    slot: usize,
    ready: Arc<Ready>,
}

impl Ready {
    /// Whom to wake from now on.
    pub(super) fn listen(&self, task: &Waker) {
        let mut waiting = self.lock();
        if !waiting.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            waiting.task = Some(task.clone());
        }
    }

    /// Moves the numbers that wait into `slots`, which is empty.
    pub(super) fn take(&self, slots: &mut Vec<usize>) {
        std::mem::swap(slots, &mut self.lock().slots);
    }

    /// A waker for one flow.
    pub(super) fn waker(self: &Arc<Self>, slot: usize) -> Waker {
        Arc::new(Bell { slot, ready: Arc::clone(self) }).into()
    }

    /// Puts a number back that has more to read.
    pub(super) fn put(&self, slot: usize) {
        self.lock().slots.push(slot);
    }

    /// No operation panics midway, so the list is whole whatever happened to who held it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiting = self.ready.lock();
        waiting.slots.push(self.slot);
        // One wake for all that come before the task has run.
        let task = waiting.task.take();
        drop(waiting);
        if let Some(task) = task {
            task.wake();
        }
    }
}
