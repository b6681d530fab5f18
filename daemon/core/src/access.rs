//! Access by client address: rules that allow or deny networks, the most specific one decides.
//!
//! A sorted table per address family in which every rule knows the one around it: a lookup is one
//! binary search and a few steps outward, with no allocation and no lock. Hits are counted per
//! rule and stay with it as long as an edit leaves its network and its verdict alone. It closes
//! nothing; the worker asks for every connection that it accepts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poise_ipc::model::{Access, Network};

/// Who may use a listener, compiled from its lists.
#[derive(Debug, Default)]
pub struct AccessPlan {
    v4: Table,
    v6: Table,
    /// Whether clients that no rule speaks of are refused: somebody is allowed by name.
    closed: bool,
    /// Those that allow, then those that deny, in the order of the lists.
    rules: Box<[Counted]>,
}

/// A rule with the clients that it decided about.
#[derive(Debug)]
struct Counted {
    network: Network,
    allow: bool,
    hits: Arc<AtomicU64>,
}

/// The rules of an address family, by where their networks begin, the wider one first.
#[derive(Debug, Default)]
struct Table(Box<[Entry]>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u128,
    last: u128,
    /// Position of the next wider network around this one.
    around: Option<u32>,
    allow: bool,
    /// Position of the rule.
    rule: u32,
}

impl AccessPlan {
    /// Compiles the lists of a listener. Counts of `before` go on for the rules that it had too: a
    /// rule is a network with a verdict, whatever its comment says.
    pub fn new(lists: &Access, before: Option<&Self>) -> Self {
        let known: HashMap<_, _> = before.into_iter().flat_map(|before| &before.rules).map(Counted::keyed).collect();
        let counted = |network: Network, allow: bool| {
            let hits = known.get(&(network, allow)).map_or_else(Arc::default, |hits| Arc::clone(hits));
            Counted { network, allow, hits }
        };
        let allow = lists.allow.iter().map(|rule| counted(rule.network, true));
        let deny = lists.deny.iter().map(|rule| counted(rule.network, false));
        let rules: Box<[Counted]> = allow.chain(deny).collect();
        Self { v4: Table::new(&rules, true), v6: Table::new(&rules, false), closed: !lists.allow.is_empty(), rules }
    }

    /// Whether a client may come; counts a hit of the rule that decides.
    pub fn admits(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let table = if client.is_ipv4() { &self.v4 } else { &self.v6 };
        match table.find(bits(client)) {
            Some(entry) => {
                self.rules[entry.rule as usize].hits.fetch_add(1, Ordering::Relaxed);
                entry.allow
            }
            None => !self.closed,
        }
    }

    /// Clients that each rule has decided about: those of the list that allows, in its order, then
    /// those of the list that denies.
    pub fn hits(&self) -> impl Iterator<Item = u64> {
        self.rules.iter().map(|rule| rule.hits.load(Ordering::Relaxed))
    }
}

impl Counted {
    fn keyed(&self) -> ((Network, bool), &Arc<AtomicU64>) {
        ((self.network, self.allow), &self.hits)
    }
}

impl Table {
    fn new(rules: &[Counted], v4: bool) -> Self {
        let mut own: Vec<(u128, u8, bool, u32)> = (0_u32..)
            .zip(rules)
            .filter(|(_, rule)| rule.network.address.is_ipv4() == v4)
            .map(|(at, rule)| (bits(rule.network.address), rule.network.prefix, rule.allow, at))
            .collect();
        // Of one network, the denial is first and stays.
        own.sort_unstable();
        own.dedup_by_key(|&mut (first, prefix, ..)| (first, prefix));
        let mut entries: Vec<Entry> = Vec::with_capacity(own.len());
        for (first, prefix, allow, rule) in own {
            let mut around = u32::try_from(entries.len()).ok().and_then(|len| len.checked_sub(1));
            while let Some(at) = around.filter(|&at| entries[at as usize].last < first) {
                around = entries[at as usize].around;
            }
            entries.push(Entry { first, last: first | host_mask(v4, prefix), around, allow, rule });
        }
        Self(entries.into())
    }

    /// The rule of the most specific network around an address. Networks nest or are apart, so it
    /// is the last that begins before the address or one of those around that.
    fn find(&self, address: u128) -> Option<&Entry> {
        let after = self.0.partition_point(|entry| entry.first <= address);
        let mut entry = self.0.get(after.checked_sub(1)?)?;
        while entry.last < address {
            entry = &self.0[entry.around? as usize];
        }
        Some(entry)
    }
}

/// An address as a number of its family.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The bits behind a prefix.
fn host_mask(v4: bool, prefix: u8) -> u128 {
    let (all, width) = if v4 { (u128::from(u32::MAX), 32) } else { (u128::MAX, 128) };
    if prefix >= width { 0 } else { all >> prefix }
}

#[cfg(test)]
mod tests;
