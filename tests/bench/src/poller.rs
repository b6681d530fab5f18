//! An epoll instance and its batch of events: the loop of every backend and load.
//!
//! Knows descriptors and tokens, nothing of what they carry.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};

/// Events taken at once: enough for every client of the liveliest workload.
const EVENTS_MAX: usize = 512;

/// Waits for many descriptors at once.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// A descriptor that is ready, by the token it was added with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// The token.
    pub(crate) token: usize,
    /// What it is ready for.
    pub(crate) flags: EventFlags,
}

impl Poller {
    /// An instance without descriptors.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches `fd`; it is forgotten when closed.
    pub(crate) fn add(&self, fd: impl AsFd, token: usize, flags: EventFlags) -> Result<()> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token as u64), flags)
    }

    /// Waits until something is ready or `timeout` has passed, and puts what is ready into `ready`.
    /// A signal counts as nothing ready.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> Result<()> {
        self.events.clear();
        ready.clear();
        let timeout = Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: timeout.subsec_nanos().into() };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(fault) => return Err(fault),
        }
        ready.extend(self.events.iter().map(|event| {
            let token = usize::try_from(event.data.u64()).expect("tokens are made from usize");
            Ready { token, flags: event.flags }
        }));
        Ok(())
    }
}
