//! Limits of a listener: open connections, those of one client address and how fast it opens new
//! ones, and bytes per second in each direction.
//!
//! What is counted belongs to the listener and is shared by all workers; the numbers that hold are
//! those of the plan, so an edit applies to the next connection, and to open ones where it is
//! about bytes. It refuses nothing itself: the worker closes, the relays wait, datagrams are
//! dropped.

mod bucket;
mod sources;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_utils::CachePadded;
use poise_ipc::cause::Cause;
use poise_ipc::model::ListenerLimits;

pub use bucket::{BURST_NS, Bucket};
pub use sources::SOURCES_MAX;

use self::sources::{SourceLimits, Sources, Visit};
use crate::token::TokenKey;

/// What is counted for the limits of one listener.
#[derive(Debug)]
pub struct Limiter {
    /// Connections that are open, over all workers.
    open: CachePadded<AtomicU32>,
    sources: Sources,
    /// Addresses by their requests.
    requests: Sources,
    /// Bytes from clients.
    pub bandwidth_in: Bucket,
    /// Bytes to clients.
    pub bandwidth_out: Bucket,
}

/// A connection within the limits, counted until this is dropped.
#[derive(Debug)]
#[must_use = "the connection counts for as long as this is held"]
pub struct Admitted {
    limiter: Arc<Limiter>,
    visit: Option<Visit>,
}

impl Limiter {
    /// Nothing counted yet; `key` keeps clients from choosing where in the table they are.
    pub fn new(key: &TokenKey) -> Self {
        Self {
            open: CachePadded::default(),
            sources: Sources::new(key, SOURCES_MAX),
            requests: Sources::new(key, SOURCES_MAX),
            bandwidth_in: Bucket::default(),
            bandwidth_out: Bucket::default(),
        }
    }

    /// Sets the bandwidth that holds from now on, for open connections too.
    pub fn enforce(&self, limits: &ListenerLimits) {
        self.bandwidth_in.set(limits.bandwidth_in);
        self.bandwidth_out.set(limits.bandwidth_out);
    }

    /// Counts a new connection, if the limits allow one more. `client` is its address, where it
    /// has one; `now_ms` is any monotonic time, the same for all calls.
    ///
    /// # Errors
    /// [`Cause::ListenerLimit`] or [`Cause::SourceLimit`]; nothing is counted then.
    pub fn admit(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        limits: &ListenerLimits,
        now_ms: u64,
    ) -> Result<Admitted, Cause> {
        let connections_max = limits.connections_max.map_or(u32::MAX, |max| max.0);
        let one_more = |open: u32| (open < connections_max).then(|| open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).map_err(|_| Cause::ListenerLimit)?;
        // From here on the connection is uncounted again when this is dropped.
        let mut admitted = Admitted { limiter: Arc::clone(self), visit: None };
        if let Some(client) = client {
            admitted.visit = self.sources.enter(client.to_canonical(), SourceLimits::of(limits), now_ms)?;
        }
        Ok(admitted)
    }

    /// Counts a request of a client whose address may send so many per second; as many may come at
    /// once after a second without any. `now_ms` as in [`Limiter::admit`].
    ///
    /// # Errors
    /// [`Cause::RateLimited`]; after a second at the most there is room again.
    pub fn request(&self, client: IpAddr, rate_max: u32, now_ms: u64) -> Result<(), Cause> {
        let paces = client.is_unspecified() || self.requests.paces(client.to_canonical(), rate_max, now_ms);
        if paces { Ok(()) } else { Err(Cause::RateLimited) }
    }

    /// Connections that are open.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Client addresses that could not be tracked because the table was full of busy ones: their
    /// connections were let in.
    pub fn untracked_total(&self) -> u64 {
        self.sources.untracked_total()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(visit) = self.visit.take() {
            self.limiter.sources.leave(visit);
        }
        self.limiter.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
