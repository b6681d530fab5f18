//! Source persistence: which backend a client address had, for as long as it keeps coming.
//!
//! A client is an address, or the network around it that the rule's prefix makes of it; an IPv4
//! address within IPv6 is the IPv4 client. The table is split into shards by a keyed hash of the
//! client, each behind its own short lock, so workers rarely meet. It is bounded as a whole: when it
//! is full, the shard of the newcomer gives up what it has not used for the longest time and counts
//! it. It keeps no clock: time is an argument. Reading it out and in again is [`super::entries`]'.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poise_ipc::limits;
use poise_ipc::model::{Network, Persistence};
use poise_ipc::status::SourceCounters;
use siphasher::sip::SipHasher13;

use super::lru::Lru;
use crate::plan::BackendId;
use crate::token::TokenKey;

/// Entries of one table: some 10 MB, and more clients within one timeout than one machine serves.
pub const SOURCE_ENTRIES_MAX: usize = 100_000;
/// Shards of one table: twice the workers of a common machine, so that two seldom want the same.
pub(super) const SHARDS: usize = 16;
/// Times are kept this much later than they are told, so that an entry may be older than the clock:
/// the longest timeout, since nothing older than that is worth keeping.
const AHEAD_MS: u64 = *limits::PERSISTENCE_TIMEOUT_MS.end() as u64;

/// How a table remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// How long an entry outlives its last use, in milliseconds.
    pub timeout_ms: u32,
    /// Bits of an IPv4 address that make the client, 0 to 32.
    pub prefix_v4: u16,
    /// Bits of an IPv6 address that make the client, 0 to 128.
    pub prefix_v6: u16,
}

impl SourceRule {
    /// The rule of a listener's settings.
    pub fn of(settings: &Persistence) -> Self {
        let &Persistence { timeout_ms, prefix_v4, prefix_v6, .. } = settings;
        Self { timeout_ms, prefix_v4, prefix_v6 }
    }

    /// The client that an address belongs to: no bit is set behind the prefix.
    pub fn client(self, address: IpAddr) -> IpAddr {
        self.network(address.to_canonical()).address
    }

    /// All the addresses of a client.
    pub fn network(self, client: IpAddr) -> Network {
        let prefix = if client.is_ipv4() { self.prefix_v4 } else { self.prefix_v6 };
        Network::of(client, u8::try_from(prefix).unwrap_or(u8::MAX))
    }

    fn has_prefixes_of(self, other: Self) -> bool {
        (self.prefix_v4, self.prefix_v6) == (other.prefix_v4, other.prefix_v6)
    }
}

/// The entries of one listener with `source` persistence.
#[derive(Debug)]
pub struct SourceTable {
    rule: SourceRule,
    // Shared with the tables of earlier plans, which differ in the timeout alone.
    pub(super) entries: Arc<Entries>,
}

#[derive(Debug)]
pub(super) struct Entries {
    keyed: Keyed,
    shards: [Mutex<Shard>; SHARDS],
    len: AtomicUsize,
    len_max: usize,
    redispatched_total: AtomicU64,
    refused_total: AtomicU64,
}

/// A part of the table with what it counted: under its lock that costs nothing.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) lru: Lru<Keyed>,
    totals: SourceCounters,
}

/// Hashes addresses with a secret, so that no client can choose its shard or collide on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed(TokenKey);

impl Keyed {
    /// Hashes with this secret.
    pub(crate) const fn new(key: &TokenKey) -> Self {
        Self(*key)
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0.bytes())
    }
}

impl SourceTable {
    /// An empty table.
    pub fn new(rule: SourceRule, key: &TokenKey) -> Self {
        Self::bounded(rule, key, SOURCE_ENTRIES_MAX)
    }

    /// The same with another bound.
    pub(crate) fn bounded(rule: SourceRule, key: &TokenKey, len_max: usize) -> Self {
        let keyed = Keyed::new(key);
        let shard = |_| Mutex::new(Shard { lru: Lru::new(keyed), totals: SourceCounters::default() });
        let entries = Entries {
            keyed,
            shards: std::array::from_fn(shard),
            len: AtomicUsize::new(0),
            len_max,
            redispatched_total: AtomicU64::new(0),
            refused_total: AtomicU64::new(0),
        };
        Self { rule, entries: Arc::new(entries) }
    }

    /// The same clients under another rule, which applies to all of them at once. Where a prefix
    /// grows shorter, clients that become one have the backend of the one that came last; where it
    /// grows longer, entries no longer say which client they stand for and are left behind.
    #[must_use]
    pub fn with_rule(&self, rule: SourceRule) -> Self {
        if rule.has_prefixes_of(self.rule) {
            return Self { rule, entries: Arc::clone(&self.entries) };
        }
        let table = Self::bounded(rule, &self.entries.keyed.0, self.entries.len_max);
        let mut kept = Vec::new();
        for shard in self.shards() {
            kept.extend(shard.lru.iter().filter(|(client, ..)| match client {
                IpAddr::V4(_) => rule.prefix_v4 <= self.rule.prefix_v4,
                IpAddr::V6(_) => rule.prefix_v6 <= self.rule.prefix_v6,
            }));
        }
        kept.sort_unstable_by_key(|&(.., used_ms)| used_ms);
        for (client, backend, used_ms) in kept {
            table.put(client, backend, used_ms);
        }
        table
    }

    /// How it remembers.
    pub fn rule(&self) -> SourceRule {
        self.rule
    }

    /// The backend that a client had, if it came within the timeout; this is a use.
    ///
    /// `now_ms` is any monotonic time, the same for all calls.
    pub fn get(&self, client: IpAddr, now_ms: u64) -> Option<BackendId> {
        let (client, now_ms) = (self.rule.client(client), kept_as(now_ms));
        let mut shard = self.shard(client);
        let Some((backend, used_ms)) = shard.lru.get(&client) else {
            shard.totals.misses_total += 1;
            return None;
        };
        if self.is_expired(used_ms, now_ms) {
            shard.totals.misses_total += 1;
            shard.totals.expired_total += 1;
            self.drop_from(&mut shard, client);
            return None;
        }
        shard.totals.hits_total += 1;
        shard.lru.put(client, backend, now_ms.max(used_ms));
        Some(backend)
    }

    /// Binds a client to a backend, whatever it had before.
    pub fn bind(&self, client: IpAddr, backend: BackendId, now_ms: u64) {
        self.put(client, backend, kept_as(now_ms));
    }

    /// Counts that a remembered backend could not be used and the client goes to another.
    pub fn count_redispatch(&self) {
        self.entries.redispatched_total.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts that a remembered backend could not be used and the client was refused.
    pub fn count_refusal(&self) {
        self.entries.refused_total.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets a client. Returns the backend it had.
    pub fn remove(&self, client: IpAddr) -> Option<BackendId> {
        let client = self.rule.client(client);
        self.drop_from(&mut self.shard(client), client)
    }

    /// Entries held, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.entries.len.load(Ordering::Relaxed)
    }

    /// Whether nobody is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it has counted, under earlier rules with the same prefixes too.
    pub fn totals(&self) -> SourceCounters {
        let mut sum = SourceCounters {
            entries: self.len() as u64,
            redispatched_total: self.entries.redispatched_total.load(Ordering::Relaxed),
            refused_total: self.entries.refused_total.load(Ordering::Relaxed),
            ..SourceCounters::default()
        };
        for shard in self.shards() {
            sum.hits_total += shard.totals.hits_total;
            sum.misses_total += shard.totals.misses_total;
            sum.expired_total += shard.totals.expired_total;
            sum.evicted_total += shard.totals.evicted_total;
        }
        sum
    }

    /// Whether a client has an entry, expired or not.
    pub(super) fn holds(&self, client: IpAddr) -> bool {
        let client = self.rule.client(client);
        self.shard(client).lru.get(&client).is_some()
    }

    /// Number of the shard of a client, given as the table keeps it.
    pub(super) fn shard_of(&self, client: IpAddr) -> usize {
        let hash = self.entries.keyed.hash_one(client);
        usize::try_from(hash % SHARDS as u64).expect("a shard number is small")
    }

    /// The shards, one after the other; each is locked while it is held.
    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.entries.shards.iter().map(lock)
    }

    /// One shard, locked while it is held.
    pub(super) fn shard_at(&self, at: usize) -> MutexGuard<'_, Shard> {
        lock(&self.entries.shards[at])
    }

    /// Drops entries that have expired, the oldest first and so many at the most.
    pub(super) fn expire(&self, shard: &mut Shard, now_ms: u64, steps_max: usize) {
        for _ in 0..steps_max {
            if !shard.lru.oldest_ms().is_some_and(|oldest_ms| self.is_expired(oldest_ms, now_ms)) {
                return;
            }
            self.drop_oldest(shard);
            shard.totals.expired_total += 1;
        }
    }

    /// Drops the entry of a client from its shard.
    pub(super) fn drop_from(&self, shard: &mut Shard, client: IpAddr) -> Option<BackendId> {
        let (backend, _) = shard.lru.remove(&client)?;
        self.entries.len.fetch_sub(1, Ordering::Relaxed);
        Some(backend)
    }

    /// Whether an entry that was last used at `used_ms` has ended at `now_ms`, both as they are kept.
    pub(super) fn is_expired(&self, used_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(used_ms) > u64::from(self.rule.timeout_ms)
    }

    /// Binds a client at a time as it is kept.
    pub(super) fn put(&self, client: IpAddr, backend: BackendId, used_ms: u64) {
        let client = self.rule.client(client);
        let mut shard = self.shard(client);
        // Two steps back for one forward: what has expired goes away without a sweep.
        self.expire(&mut shard, used_ms, 2);
        if shard.lru.get(&client).is_some() || self.make_room(&mut shard) {
            shard.lru.put(client, backend, used_ms);
        }
    }

    /// Takes a place for a newcomer, the oldest entry's of its shard when the table is full. `false`
    /// if there is none, which only a table of few entries knows: the newcomer is not remembered.
    fn make_room(&self, shard: &mut Shard) -> bool {
        if self.entries.len.fetch_add(1, Ordering::Relaxed) < self.entries.len_max {
            return true;
        }
        shard.totals.evicted_total += 1;
        if shard.lru.len() == 0 {
            self.entries.len.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.drop_oldest(shard);
        true
    }

    fn drop_oldest(&self, shard: &mut Shard) {
        shard.lru.drop_oldest();
        self.entries.len.fetch_sub(1, Ordering::Relaxed);
    }

    fn shard(&self, client: IpAddr) -> MutexGuard<'_, Shard> {
        self.shard_at(self.shard_of(client))
    }
}

/// A time as it is kept.
pub(super) const fn kept_as(now_ms: u64) -> u64 {
    now_ms.saturating_add(AHEAD_MS)
}

/// A shard stays whole whatever happens to a thread that held it: no operation on it panics midway.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
