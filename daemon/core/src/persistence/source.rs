//! Source persistence: which backend a client address had, for as long as it keeps coming.
//!
//! The table is split into shards by a keyed hash of the address, each behind its own short lock,
//! so workers rarely meet. It is bounded: a full shard gives up the entry that was not used for
//! the longest time and counts it. It keeps no clock: time is an argument.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use siphasher::sip::SipHasher13;

use super::lru::Lru;
use crate::plan::BackendId;
use crate::token::TokenKey;

/// Entries of one table: some 10 MB, and more clients within one timeout than one machine serves.
pub const SOURCE_ENTRIES_MAX: usize = 100_000;
/// Shards of one table: twice the workers of a common machine, so that two seldom want the same.
const SHARDS: usize = 16;

/// The entries of one listener with `source` persistence.
#[derive(Debug)]
pub struct SourceTable {
    timeout_ms: u32,
    // Shared with the tables of earlier plans, which differ in the timeout alone.
    entries: Arc<Entries>,
}

#[derive(Debug)]
struct Entries {
    keyed: Keyed,
    shards: [Mutex<Lru<Keyed>>; SHARDS],
    evicted_total: AtomicU64,
}

/// Hashes addresses with a secret, so that no client can choose its shard or collide on purpose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed(TokenKey);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0.bytes())
    }
}

impl SourceTable {
    /// An empty table whose entries live `timeout_ms` beyond their last use.
    pub fn new(timeout_ms: u32, key: &TokenKey) -> Self {
        Self::bounded(timeout_ms, key, SOURCE_ENTRIES_MAX)
    }

    /// The same with another bound, shared out among the shards.
    pub(crate) fn bounded(timeout_ms: u32, key: &TokenKey, entries_max: usize) -> Self {
        let keyed = Keyed(*key);
        let shards = std::array::from_fn(|_| Mutex::new(Lru::new(entries_max / SHARDS, keyed)));
        Self { timeout_ms, entries: Arc::new(Entries { keyed, shards, evicted_total: AtomicU64::new(0) }) }
    }

    /// The same entries under another timeout, which applies to all of them at once.
    #[must_use]
    pub fn with_timeout(&self, timeout_ms: u32) -> Self {
        Self { timeout_ms, entries: Arc::clone(&self.entries) }
    }

    /// How long an entry outlives its last use, in milliseconds.
    pub fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// The backend that a client had, if it came within the timeout; this is a use.
    ///
    /// `now_ms` is any monotonic time, the same for all calls.
    pub fn get(&self, client: IpAddr, now_ms: u64) -> Option<BackendId> {
        let client = client.to_canonical();
        let mut shard = self.shard(client);
        let (backend, used_ms) = shard.get(&client)?;
        if self.expired(used_ms, now_ms) {
            return None;
        }
        shard.put(client, backend, now_ms.max(used_ms));
        Some(backend)
    }

    /// Binds a client to a backend, whatever it had before.
    pub fn bind(&self, client: IpAddr, backend: BackendId, now_ms: u64) {
        let client = client.to_canonical();
        let mut shard = self.shard(client);
        // Two steps back for one forward: what has expired goes away without a sweep.
        for _ in 0..2 {
            if shard.oldest_ms().is_some_and(|used_ms| self.expired(used_ms, now_ms)) {
                shard.drop_oldest();
            }
        }
        if shard.put(client, backend, now_ms) {
            self.entries.evicted_total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries held, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.entries.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries given up before their time because a shard was full.
    pub fn evicted_total(&self) -> u64 {
        self.entries.evicted_total.load(Ordering::Relaxed)
    }

    fn expired(&self, used_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(used_ms) > u64::from(self.timeout_ms)
    }

    fn shard(&self, client: IpAddr) -> MutexGuard<'_, Lru<Keyed>> {
        let hash = self.entries.keyed.hash_one(client);
        let at = usize::try_from(hash % SHARDS as u64).expect("a shard number is small");
        lock(&self.entries.shards[at])
    }
}

/// A shard stays whole whatever happens to a thread that held it: no operation on it panics midway.
fn lock(shard: &Mutex<Lru<Keyed>>) -> MutexGuard<'_, Lru<Keyed>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
