//! How many descriptors the data path may use, so that running out of them is a counted refusal
//! and never an error in the middle of something.
//!
//! Pure arithmetic over the limit of the process, and the one place that raises that limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for control, the store, the socket, logs and probes.
const RESERVE_MAX: u64 = 512;

/// Pipes of all workers. The kernel gives an unprivileged user 64 MiB of pipe pages by default,
/// which is so many of 1 MiB.
const PIPES_MAX: u64 = 64;

/// What one worker may hold open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Client connections, each with one to a backend.
    pub(crate) connections_max: usize,
    /// Pipes for spliced transfers.
    pub(crate) pipes_max: usize,
}

impl Budget {
    /// The share of one of `workers` in a limit of so many descriptors.
    pub(crate) fn of(descriptors: u64, workers: usize) -> Self {
        let workers = u64::try_from(workers.max(1)).unwrap_or(u64::MAX);
        let rest = descriptors - RESERVE_MAX.min(descriptors / 4);
        let pipes = PIPES_MAX.min(rest / 16);
        let share = |n: u64| usize::try_from(n / workers).unwrap_or(usize::MAX);
        // A pipe is two descriptors, and so is a connection with its backend.
        Self { connections_max: share(rest / 2 - pipes).max(1), pipes_max: share(pipes) }
    }
}

/// Raises the soft limit of descriptors to the hard one and returns it.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Refused at worst, and then the current limit holds.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
