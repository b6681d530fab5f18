//! The addresses that poised speaks from, by where it speaks to (S-08).
//!
//! Asked of the sockets and believed for a while: routes change, but not between two looks at a
//! screen. It decides nothing; status shows them and advice knows by them what is local.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

/// How long an answer is believed, in milliseconds.
const BELIEVED_MS: u64 = 10_000;
/// Addresses that are remembered: as many as there may be backends and some more. Beyond that all
/// are asked for anew.
const SOURCES_MAX: usize = 16_384;

/// What is known of sources.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: RefCell<HashMap<IpAddr, (Option<IpAddr>, u64)>>,
}

impl Sources {
    /// The address that connections to `to` come from, as `ask` says; none without a route.
    pub(super) fn of(&self, to: IpAddr, now_ms: u64, ask: impl FnOnce(IpAddr) -> Option<IpAddr>) -> Option<IpAddr> {
        let mut known = self.known.borrow_mut();
        if known.len() >= SOURCES_MAX {
            known.clear();
        }
        let (source, until_ms) = known.entry(to).or_insert((None, 0));
        if *until_ms <= now_ms {
            (*source, *until_ms) = (ask(to), now_ms + BELIEVED_MS);
        }
        *source
    }

    /// Whether an address is one of this host: connections to those come from themselves.
    pub(super) fn is_local(&self, address: IpAddr, now_ms: u64, ask: impl FnOnce(IpAddr) -> Option<IpAddr>) -> bool {
        address.is_loopback() || address.is_unspecified() || self.of(address, now_ms, ask) == Some(address)
    }
}

#[cfg(test)]
mod tests;
