//! Entries of a source table as data: looked at, removed, taken out for the store and put in again.
//!
//! Entries tell how long they have not been used, never when: the clock of the table ends with the
//! process. Whatever reads many takes one shard at a time, so that no worker waits for more than
//! that. Called by control and the store; the data path uses the table itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

use poise_ipc::model::Network;

use super::source::{SHARDS, Shard, SourceRule, SourceTable, kept_as};
use crate::plan::BackendId;

/// Expired entries of a shard that one count drops: a tenth of a full one takes some 50 µs, and the
/// next count goes on.
const SWEEP_MAX: usize = 600;

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
    /// Clients with any address of these.
    pub clients: Option<Network>,
    /// Those that go to this backend.
    pub backend: Option<BackendId>,
}

impl EntryFilter {
    fn lets_through(&self, rule: SourceRule, entry: &Entry) -> bool {
        let met = |wanted: Network| {
            // Of two networks one holds the other, or they have nothing in common.
            wanted.contains(entry.client) || rule.network(entry.client).contains(wanted.address)
        };
        self.backend.is_none_or(|backend| backend == entry.backend) && self.clients.is_none_or(met)
    }

    /// The one client that can be let through, if there is only one.
    fn sole(&self, rule: SourceRule) -> Option<IpAddr> {
        let Network { address, prefix } = self.clients?;
        (prefix >= rule.network(address).prefix).then(|| rule.client(address))
    }
}

impl SourceTable {
    /// Parts of a table, as [`part`](Self::part) counts them.
    pub const PARTS: usize = SHARDS;

    /// The entries in force that a filter lets through and that stand behind the client `after`, at
    /// most `limit` of them: the next page. Their order is the table's own and stays: whoever
    /// is remembered all the while is on exactly one page.
    pub fn page(&self, filter: &EntryFilter, after: Option<IpAddr>, limit: usize, now_ms: u64) -> Vec<Entry> {
        let first = after.map(|after| (self.shard_of(after), after));
        let mut page = Vec::new();
        for at in self.span(filter).filter(|at| first.is_none_or(|(first, _)| *at >= first)) {
            let room = limit - page.len();
            if room == 0 {
                break;
            }
            let mut found = self.alive(&self.shard_at(at), filter, now_ms);
            if let Some((_, after)) = first.filter(|(first, _)| *first == at) {
                found.retain(|entry| entry.client > after);
            }
            if found.len() > room {
                found.select_nth_unstable_by_key(room, |entry| entry.client);
                found.truncate(room);
            }
            found.sort_unstable_by_key(|entry| entry.client);
            page.append(&mut found);
        }
        page
    }

    /// How many entries in force a filter lets through.
    pub fn count(&self, filter: &EntryFilter, now_ms: u64) -> usize {
        self.span(filter).map(|at| self.alive(&self.shard_at(at), filter, now_ms).len()).sum()
    }

    /// Forgets the entries in force that a filter lets through. Returns how many there were.
    pub fn remove_all(&self, filter: &EntryFilter, now_ms: u64) -> usize {
        let mut removed = 0;
        for at in self.span(filter) {
            let mut shard = self.shard_at(at);
            for entry in self.alive(&shard, filter, now_ms) {
                removed += usize::from(self.drop_from(&mut shard, entry.client).is_some());
            }
        }
        removed
    }

    /// How many entries in force go to each backend; those to which none goes are absent. Does not
    /// walk through the entries, so that it may be asked all the time.
    pub fn held(&self, now_ms: u64) -> HashMap<BackendId, u64> {
        let now_ms = kept_as(now_ms);
        let mut held = HashMap::new();
        for mut shard in self.shards() {
            self.expire(&mut shard, now_ms, SWEEP_MAX);
            for (backend, count) in shard.lru.held() {
                *held.entry(backend).or_default() += u64::from(count);
            }
        }
        held
    }

    /// A part of what is in force, the last used last: [`PARTS`](Self::PARTS) of them are the whole,
    /// and what [`restore`](Self::restore) takes.
    pub fn part(&self, part: usize, now_ms: u64) -> Vec<Entry> {
        self.alive(&self.shard_at(part % SHARDS), &EntryFilter::default(), now_ms)
    }

    /// Takes back a [`part`](Self::part), `away_ms` later, with the time that is left to its
    /// entries. Clients that have come since keep what they have.
    pub fn restore(&self, entries: &[Entry], away_ms: u64, now_ms: u64) {
        let now_ms = kept_as(now_ms);
        for entry in entries {
            let used_ms = now_ms.saturating_sub(entry.idle_ms.saturating_add(away_ms));
            if !self.is_expired(used_ms, now_ms) && !self.holds(entry.client) {
                self.put(entry.client, entry.backend, used_ms);
            }
        }
    }

    /// The shards that can hold what a filter lets through.
    fn span(&self, filter: &EntryFilter) -> Range<usize> {
        match filter.sole(self.rule()).map(|client| self.shard_of(client)) {
            Some(at) => at..at + 1,
            None => 0..SHARDS,
        }
    }

    /// The entries of a shard that are in force and wanted, the last used last.
    fn alive(&self, shard: &Shard, filter: &EntryFilter, now_ms: u64) -> Vec<Entry> {
        let (rule, now_ms) = (self.rule(), kept_as(now_ms));
        let alive = shard.lru.oldest_first().filter(|&(.., used_ms)| !self.is_expired(used_ms, now_ms));
        let entries =
            alive.map(|(client, backend, used_ms)| Entry { client, backend, idle_ms: now_ms.saturating_sub(used_ms) });
        entries.filter(|entry| filter.lets_through(rule, entry)).collect()
    }
}

#[cfg(test)]
mod tests;
