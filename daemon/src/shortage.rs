//! Telling our own shortage (descriptors, ports, memory) from a failure of the peer.
//!
//! Dials and probes ask: a backend must not be blamed for what this host lacks.

use std::io;

use rustix::io::Errno;

/// What socket(2), connect(2) and accept(2) say when this host has run out of something.
const SHORTAGES: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];

/// Whether an error is for want of descriptors, ports or memory of our own.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|raw| SHORTAGES.contains(&Errno::from_raw_os_error(raw)))
}
