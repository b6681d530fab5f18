//! How what is open at a backend is to leave it: the one word with which a drain reaches the data
//! path.
//!
//! Control sets it beside the counters of the backend, whoever relays looks at it whenever it is
//! woken, and [`Cuts`] tells the sweep of each worker that there is somebody to wake. No connection
//! has a timer for it. When which word is due is [`drain`](crate::drain)'s.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What of a backend's connections and flows has to go; each word includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Leaving {
    /// Nothing.
    #[default]
    No,
    /// Connections that wait for their next request.
    Idle,
    /// Everything, in good order: what is held is delivered, then the end is told.
    Close,
    /// Everything, at once and with a reset.
    Reset,
}

impl Leaving {
    /// Whether what is in use goes too.
    pub fn is_cut(self) -> bool {
        self >= Self::Close
    }

    const fn of(byte: u8) -> Self {
        match byte {
            0 => Self::No,
            1 => Self::Idle,
            2 => Self::Close,
            _ => Self::Reset,
        }
    }
}

/// The word of one backend, shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Word(AtomicU8);

impl Word {
    pub(super) fn get(&self) -> Leaving {
        Leaving::of(self.0.load(Ordering::Relaxed))
    }

    /// Returns the word before.
    pub(super) fn set(&self, leaving: Leaving) -> Leaving {
        Leaving::of(self.0.swap(leaving as u8, Ordering::Relaxed))
    }
}

/// How often a backend began to cut what is in use. Plans share it.
#[derive(Debug, Default)]
pub struct Cuts(AtomicU64);

impl Cuts {
    /// How often so far; a worker that sees another number than before wakes its connections.
    #[inline]
    pub fn count(&self) -> u64 {
        // Whoever sees the number sees the word that was set before it.
        self.0.load(Ordering::Acquire)
    }

    /// Once more.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
