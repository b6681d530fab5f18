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

/// A rule as it is asked for: a network, and whether its clients are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// An address of the network; bits beyond the prefix do not matter.
    pub addr: IpAddr,
    /// Leading bits that count: up to 32 of IPv4, up to 128 of IPv6.
    pub prefix: u8,
    /// Whether it allows.
    pub allow: bool,
}

/// Who may use a listener.
#[derive(Debug, Default)]
pub struct Access {
    v4: Table,
    v6: Table,
    /// Whether clients that no rule speaks of are refused: somebody is allowed by name.
    closed: bool,
    /// The rules in the order in which they were given, with their hits.
    rules: Box<[(Rule, Arc<AtomicU64>)]>,
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

impl Access {
    /// The rules of a listener; where one network is both allowed and denied it is denied. Counts
    /// of `before` go on for the rules that it had too.
    pub fn new(rules: impl IntoIterator<Item = Rule>, before: Option<&Self>) -> Self {
        let rules: Vec<Rule> = rules.into_iter().map(Rule::canonical).collect();
        let known: HashMap<Rule, &Arc<AtomicU64>> =
            before.into_iter().flat_map(|before| before.rules.iter().map(|(rule, hits)| (*rule, hits))).collect();
        let hits = |rule: &Rule| known.get(rule).map_or_else(Arc::default, |hits| Arc::clone(hits));
        Self {
            v4: Table::new(&rules, true),
            v6: Table::new(&rules, false),
            closed: rules.iter().any(|rule| rule.allow),
            rules: rules.iter().map(|rule| (*rule, hits(rule))).collect(),
        }
    }

    /// Whether a client may come; counts a hit of the rule that decides.
    pub fn admits(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let table = if client.is_ipv4() { &self.v4 } else { &self.v6 };
        match table.find(bits(client)) {
            Some(entry) => {
                self.rules[entry.rule as usize].1.fetch_add(1, Ordering::Relaxed);
                entry.allow
            }
            None => !self.closed,
        }
    }

    /// Clients that each rule has decided about, in the order in which the rules were given.
    pub fn hits(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.rules.iter().map(|(rule, hits)| (*rule, hits.load(Ordering::Relaxed)))
    }

    /// Whether both decide alike about everybody.
    pub fn same(&self, rules: impl IntoIterator<Item = Rule>) -> bool {
        self.rules.iter().map(|(rule, _)| *rule).eq(rules.into_iter().map(Rule::canonical))
    }
}

impl Rule {
    /// The same network in its one form: no bits beyond the prefix, IPv4 not wrapped in IPv6.
    fn canonical(self) -> Self {
        let wrapped = IpAddr::is_ipv6(&self.addr) && self.addr.to_canonical().is_ipv4() && self.prefix >= V4_IN_V6_BITS;
        let (addr, prefix) =
            if wrapped { (self.addr.to_canonical(), self.prefix - V4_IN_V6_BITS) } else { (self.addr, self.prefix) };
        let prefix = prefix.min(if addr.is_ipv4() { 32 } else { 128 });
        let first = bits(addr) & !host_mask(addr.is_ipv4(), prefix);
        let addr = match addr {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(first).expect("made of 32 bits").into()),
            IpAddr::V6(_) => IpAddr::V6(first.into()),
        };
        Self { addr, prefix, allow: self.allow }
    }
}

/// Bits in front of an IPv4 address that is wrapped in IPv6 (RFC 4291, 2.5.5.2).
const V4_IN_V6_BITS: u8 = 96;

impl Table {
    fn new(rules: &[Rule], v4: bool) -> Self {
        let mut own: Vec<(u128, u8, bool, u32)> = (0_u32..)
            .zip(rules)
            .filter(|(_, rule)| rule.addr.is_ipv4() == v4)
            .map(|(at, rule)| (bits(rule.addr), rule.prefix, rule.allow, at))
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
