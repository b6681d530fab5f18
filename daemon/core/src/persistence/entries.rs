//! Entries of a source table as data: looked at, taken out for the store and put in again.
//!
//! Entries tell how long they have not been used, never when: the clock of the table ends with the
//! process. Called by control; the data path uses the table itself.

use std::collections::HashMap;
use std::net::IpAddr;

use super::source::{SourceTable, kept_as};
use crate::plan::BackendId;

/// One client that a table remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its address, or that of its network under the table's prefix.
    pub client: IpAddr,
    /// The backend it goes to.
    pub backend: BackendId,
    /// Time since its last use, in milliseconds.
    pub idle_ms: u64,
}

/// Which entries are looked for; both when both are given, all when none is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Those of this client; any address of it will do.
    pub client: Option<IpAddr>,
    /// Those that go to this backend.
    pub backend: Option<BackendId>,
}

/// Entries that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The last used first, as many as were asked for.
    pub entries: Vec<Entry>,
    /// How many there are.
    pub total: usize,
}

impl SourceTable {
    /// The entries in force that a filter lets through, `limit` of them at the most.
    pub fn entries(&self, filter: &EntryFilter, limit: usize, now_ms: u64) -> Found {
        let client = filter.client.map(|client| self.rule().client(client));
        let mut entries = self.alive(now_ms, |entry| {
            client.is_none_or(|client| client == entry.client)
                && filter.backend.is_none_or(|backend| backend == entry.backend)
        });
        let total = entries.len();
        entries.sort_unstable_by_key(|entry| (entry.idle_ms, entry.client));
        entries.truncate(limit);
        Found { entries, total }
    }

    /// How many entries in force go to each backend; those to which none goes are absent.
    pub fn held(&self, now_ms: u64) -> HashMap<BackendId, u64> {
        let mut held = HashMap::new();
        let now_ms = kept_as(now_ms);
        for shard in self.shards() {
            for (_, backend, _) in shard.lru.iter().filter(|&(.., used_ms)| !self.is_expired(used_ms, now_ms)) {
                *held.entry(backend).or_default() += 1;
            }
        }
        held
    }

    /// Forgets the entries of a backend. Returns how many there were.
    pub fn remove_backend(&self, backend: BackendId, now_ms: u64) -> usize {
        let gone = self.alive(now_ms, |entry| entry.backend == backend);
        gone.iter().filter(|entry| self.remove(entry.client).is_some()).count()
    }

    /// Everything that is in force, the last used last: what [`restore`](Self::restore) takes.
    pub fn snapshot(&self, now_ms: u64) -> Vec<Entry> {
        let mut entries = self.alive(now_ms, |_| true);
        entries.sort_unstable_by_key(|entry| (u64::MAX - entry.idle_ms, entry.client));
        entries
    }

    /// Takes back entries of a [`snapshot`](Self::snapshot), `away_ms` later, with the time that is
    /// left to them. Clients that have come since keep what they have.
    pub fn restore(&self, entries: &[Entry], away_ms: u64, now_ms: u64) {
        let now_ms = kept_as(now_ms);
        for entry in entries {
            let used_ms = now_ms.saturating_sub(entry.idle_ms.saturating_add(away_ms));
            if !self.is_expired(used_ms, now_ms) && !self.holds(entry.client) {
                self.put(entry.client, entry.backend, used_ms);
            }
        }
    }

    /// The entries in force that are wanted.
    fn alive(&self, now_ms: u64, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let now_ms = kept_as(now_ms);
        let mut found = Vec::new();
        for shard in self.shards() {
            let all = shard.lru.iter().filter(|&(.., used_ms)| !self.is_expired(used_ms, now_ms));
            let all = all.map(|(client, backend, used_ms)| Entry {
                client,
                backend,
                idle_ms: now_ms.saturating_sub(used_ms),
            });
            found.extend(all.filter(&wanted));
        }
        found
    }
}

#[cfg(test)]
mod tests;
