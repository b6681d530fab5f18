//! Connections by client address: how many are open, and when the next may come.
//!
//! The table is split into shards by a keyed hash, each behind a short lock. It is bounded, and
//! only addresses at rest are ever forgotten; where all are busy a new one is let in untracked and
//! counted, since turning away strangers would hand the limit to an attacker. Addresses are
//! tracked while there is a limit for them: connections that were open before do not count.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Count, ListenerLimits};

use crate::persistence::Keyed;
use crate::token::TokenKey;

/// Addresses that one listener tracks: some 5 MB.
pub const SOURCES_MAX: usize = 65_536;
/// Shards of a table, so that two workers seldom want the same.
const SHARDS: usize = 16;
/// Shortest time between two searches of a full shard for addresses at rest, in milliseconds: each
/// looks at all of them.
const SEARCH_EVERY_MS: u64 = 100;
/// Connections that an address may open at once after a rest, as time at its rate.
const BURST_US: u64 = 1_000_000;

/// What a listener allows to one address; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceLimits {
    /// Connections open at once.
    pub(super) connections_max: Option<u32>,
    /// New connections per second; as many may come at once after a second without any.
    pub(super) rate_max: Option<u32>,
}

impl SourceLimits {
    pub(super) fn of(limits: &ListenerLimits) -> Self {
        let number = |count: Option<Count>| count.map(|count| count.0);
        Self { connections_max: number(limits.source_connections_max), rate_max: number(limits.source_rate_max) }
    }
}

/// The addresses of one listener.
#[derive(Debug)]
pub(super) struct Sources {
    keyed: Keyed,
    shards: [Mutex<Shard>; SHARDS],
    shard_max: usize,
    untracked_total: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    sources: HashMap<IpAddr, Source, Keyed>,
    next_search_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    open: u32,
    /// The moment until which its rate is used up, in microseconds.
    used_until_us: u64,
}

/// An open connection of a tracked address.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) client: IpAddr,
}

impl Sources {
    pub(super) fn new(key: &TokenKey, sources_max: usize) -> Self {
        let keyed = Keyed::new(key);
        let shard = || Mutex::new(Shard { sources: HashMap::with_hasher(keyed), next_search_ms: 0 });
        Self {
            keyed,
            shards: std::array::from_fn(|_| shard()),
            shard_max: sources_max / SHARDS,
            untracked_total: AtomicU64::new(0),
        }
    }

    /// Counts a connection; `None` if its address is not tracked.
    pub(super) fn enter(&self, client: IpAddr, limits: SourceLimits, now_ms: u64) -> Result<Option<Visit>, Cause> {
        if limits == SourceLimits::default() {
            return Ok(None);
        }
        let mut shard = self.shard(client);
        let known = shard.sources.get(&client).copied();
        let entered = known.unwrap_or_default().enter(limits, now_ms).ok_or(Cause::SourceLimit)?;
        if known.is_none() && !shard.has_place(self.shard_max, now_ms) {
            self.untracked_total.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        shard.sources.insert(client, entered);
        Ok(Some(Visit { client }))
    }

    /// Counts a request of an address that may send so many per second; false when it is one too many.
    pub(super) fn paces(&self, client: IpAddr, rate_max: u32, now_ms: u64) -> bool {
        let limits = SourceLimits { connections_max: None, rate_max: Some(rate_max) };
        let mut shard = self.shard(client);
        let known = shard.sources.get(&client).copied();
        let Some(entered) = known.unwrap_or_default().enter(limits, now_ms) else { return false };
        if known.is_none() && !shard.has_place(self.shard_max, now_ms) {
            self.untracked_total.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        // A request is over as soon as it is counted: only its part of the rate remains.
        shard.sources.insert(client, Source { open: 0, ..entered });
        true
    }

    /// Counts the end of a connection.
    pub(super) fn leave(&self, Visit { client }: Visit) {
        let mut shard = self.shard(client);
        let Some(source) = shard.sources.get_mut(&client) else { return };
        source.open -= 1;
        // Without a rate there is nothing to remember; else the next search of a full shard forgets it.
        if source.open == 0 && source.used_until_us == 0 {
            shard.sources.remove(&client);
            if shard.sources.is_empty() {
                // After a flood the memory goes back too.
                shard.sources.shrink_to_fit();
            }
        }
    }

    pub(super) fn untracked_total(&self) -> u64 {
        self.untracked_total.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).sources.len()).sum()
    }

    fn shard(&self, client: IpAddr) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.keyed.hash_one(client) % SHARDS as u64).expect("a shard number is small");
        lock(&self.shards[at])
    }
}

/// A shard stays whole whatever happens to a thread that held it: no operation on it panics midway.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// Whether one more address fits; forgets those at rest if that makes room.
    fn has_place(&mut self, shard_max: usize, now_ms: u64) -> bool {
        if self.sources.len() >= shard_max && now_ms >= self.next_search_ms {
            self.next_search_ms = now_ms + SEARCH_EVERY_MS;
            self.sources.retain(|_, source| source.open > 0 || source.used_until_us > now_ms * 1_000);
        }
        self.sources.len() < shard_max
    }
}

impl Source {
    /// With one connection more, if the limits allow it.
    fn enter(self, limits: SourceLimits, now_ms: u64) -> Option<Self> {
        let current_us = now_ms * 1_000;
        if limits.connections_max.is_some_and(|max| self.open >= max) {
            return None;
        }
        let Some(rate_max) = limits.rate_max else { return Some(Self { open: self.open + 1, used_until_us: 0 }) };
        // A connection uses up its part of a second; a second may be used up ahead.
        let cost_us = BURST_US / u64::from(rate_max.max(1));
        let used_until_us = self.used_until_us.max(current_us) + cost_us;
        let within = rate_max > 0 && used_until_us <= current_us + BURST_US;
        within.then(|| Self { open: self.open + 1, used_until_us })
    }
}
