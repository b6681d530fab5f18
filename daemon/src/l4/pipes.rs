//! The pipes of a worker, through which bulk data passes without a copy.
//!
//! Bounded, pooled, and never required: without a pipe a connection is copied. A pipe that still
//! holds bytes is closed with its connection and never lent again.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Bytes that a pipe holds: the most that an unprivileged user may ask for. Measured on loopback,
/// 256 KiB cost half as much CPU time again per byte.
pub(super) const PIPE_BYTES: usize = 1 << 20;

/// Bytes of a pipe where the kernel grants no more: what a user's share of pipe pages has left.
const SMALL_PIPE_BYTES: usize = 256 << 10;

/// How long no pipe is made after the kernel refused one, in milliseconds: its limits are per
/// user, and what uses them up rarely goes away sooner.
const REFUSED_PAUSE_MS: u64 = 1_000;

/// The pipes of a worker.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    free: RefCell<Vec<PipeEnds>>,
    /// Pipes that exist, lent ones included.
    made: Rc<Cell<usize>>,
    made_max: usize,
    next_try_ms: Cell<u64>,
}

/// A lent pipe; dropping it closes it.
#[derive(Debug)]
pub(super) struct Pipe {
    /// The ends, until they go back.
    ends: Option<PipeEnds>,
    /// Bytes inside.
    pub(super) held_bytes: usize,
    made: Rc<Cell<usize>>,
}

#[derive(Debug)]
pub(super) struct PipeEnds {
    pub(super) read: OwnedFd,
    pub(super) write: OwnedFd,
}

impl Pipes {
    /// A pool of at most so many.
    pub(crate) fn new(made_max: usize) -> Self {
        Self { made_max, ..Self::default() }
    }

    /// An empty pipe, unless all are lent or the kernel gives none.
    pub(super) fn take(&self, now_ms: u64) -> Option<Pipe> {
        let ends = self.free.borrow_mut().pop().or_else(|| self.make(now_ms))?;
        Some(Pipe { ends: Some(ends), held_bytes: 0, made: Rc::clone(&self.made) })
    }

    fn make(&self, now_ms: u64) -> Option<PipeEnds> {
        if self.made.get() == self.made_max || now_ms < self.next_try_ms.get() {
            return None;
        }
        let made = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)
            .and_then(|(read, write)| enlarge(&write).map(|()| PipeEnds { read, write }));
        if made.is_ok() {
            self.made.set(self.made.get() + 1);
        } else {
            self.next_try_ms.set(now_ms + REFUSED_PAUSE_MS);
        }
        made.ok()
    }

    /// Takes a pipe back; one that holds bytes is closed instead.
    pub(super) fn give(&self, mut pipe: Pipe) {
        if pipe.held_bytes == 0 {
            self.free.borrow_mut().extend(pipe.ends.take());
        }
    }
}

/// Makes a new pipe as large as it may be.
fn enlarge(pipe: &OwnedFd) -> rustix::io::Result<()> {
    let enlarged = fcntl_setpipe_size(pipe, PIPE_BYTES).or_else(|_| fcntl_setpipe_size(pipe, SMALL_PIPE_BYTES));
    enlarged.map(drop)
}

impl Pipe {
    /// Its two ends.
    pub(super) fn ends(&self) -> &PipeEnds {
        self.ends.as_ref().expect("the ends leave only when the pipe is given back, by value")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if self.ends.is_some() {
            self.made.set(self.made.get() - 1);
        }
    }
}

#[cfg(test)]
mod tests;
