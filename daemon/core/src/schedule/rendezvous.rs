//! The backend of a client by weighted rendezvous (`hash`): each client sees all backends in an
//! order of its own, and has the first of them that takes new work.
//!
//! A client's address falls into one of [`SLOTS`] slots by SipHash-1-3 (key 0) of its 16 bytes as
//! IPv6. In each slot every backend draws a number from SipHash-1-3 (key 0) of its name and the slot,
//! scattered by `SplitMix64`; the least `-log2(draw) / weight` comes first (highest random weight,
//! Thaler and Ravishankar 1998, weighted as by Schindelhauer and Schomaker 2005). Nothing else goes
//! in: no identity, no order, no seed, so two machines with the same names and configured weights
//! agree. When a backend leaves, its clients go to whoever is next for each, by weight, and nobody
//! else moves; when it returns, exactly they come back. Who is eligible is the plan's to say.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use siphasher::sip::SipHasher13;

use super::choose::scatter;

/// Slots, the same for every group, or a group that grows would move everybody. A backend of 100
/// equal ones has 2,621 of them, so its share is off by some 2 %; of 10, by some 0.6 %.
const SLOTS: usize = 1 << 18;
/// Groups of more contenders than this remember the first of each slot (half a MiB). Below, looking
/// it up costs about as much as finding it again.
const CONTENDERS_BARE_MAX: usize = 8;
/// Newcomers up to this number are compared with whoever is remembered; with more, all is forgotten.
const NEWCOMERS_MAX: usize = 4;

/// A backend that takes new work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Contender {
    /// Hash of its name.
    seed: u64,
    /// One divided by its configured weight.
    per_weight: f64,
    /// Position in the group's list of backends.
    at: u16,
}

/// The first backend of every client, among those that take new work.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    contenders: Box<[Contender]>,
    /// Who is first in a slot, counted from 1 in the list of contenders; 0 if nobody asked yet.
    /// Empty if there are few. Relaxed, since everybody finds the same.
    first: Box<[AtomicU16]>,
}

impl Contender {
    /// The backend at position `at` with this name and configured weight, which is above 0.
    pub(crate) fn new(name: &str, weight: u16, at: u16) -> Self {
        Self { seed: SipHasher13::new().hash(name.as_bytes()), per_weight: 1.0 / f64::from(weight), at }
    }

    /// Its place in the order of a slot: the least comes first.
    fn rank(&self, slot: usize) -> f64 {
        minus_log2(scatter(self.seed.wrapping_add(slot as u64))) * self.per_weight
    }

    fn is_same(&self, other: &Self) -> bool {
        self.seed == other.seed && self.per_weight.to_bits() == other.per_weight.to_bits()
    }
}

impl Rendezvous {
    /// The order for these contenders, in the order of their names. What `previous` has found out
    /// and still holds is taken over.
    pub(crate) fn new(contenders: Vec<Contender>, previous: Option<&Self>) -> Self {
        let slots = if contenders.len() > CONTENDERS_BARE_MAX { SLOTS } else { 0 };
        let first = (0..slots).map(|_| AtomicU16::new(0)).collect();
        let this = Self { contenders: contenders.into(), first };
        if let Some(previous) = previous {
            this.take_over(previous);
        }
        this
    }

    /// Whether this is the order for exactly these contenders.
    pub(crate) fn fits(&self, contenders: &[Contender]) -> bool {
        *self.contenders == *contenders
    }

    /// The backend of a client, as a position in the group's list; `None` if nobody contends.
    pub(crate) fn first(&self, client: IpAddr) -> Option<usize> {
        let slot = slot(client);
        let Some(known) = self.first.get(slot) else { return self.at(self.best(slot, |_| true)?) };
        let found = if let Some(found) = usize::from(known.load(Ordering::Relaxed)).checked_sub(1) {
            found
        } else {
            let found = self.best(slot, |_| true)?;
            known.store(counted(found), Ordering::Relaxed);
            found
        };
        self.at(found)
    }

    /// The first one of a client that `may` be taken, of positions in the group's list.
    pub(crate) fn first_of(&self, client: IpAddr, may: impl Fn(usize) -> bool) -> Option<usize> {
        self.at(self.best(slot(client), |contender| may(usize::from(contender.at)))?)
    }

    fn at(&self, contender: usize) -> Option<usize> {
        self.contenders.get(contender).map(|contender| usize::from(contender.at))
    }

    /// The first contender of a slot that may be taken.
    fn best(&self, slot: usize, may: impl Fn(&Contender) -> bool) -> Option<usize> {
        let mut best = None;
        let mut least = f64::INFINITY;
        for (n, contender) in self.contenders.iter().enumerate().filter(|(_, contender)| may(contender)) {
            let rank = contender.rank(slot);
            if rank < least {
                (best, least) = (Some(n), rank);
            }
        }
        best
    }

    /// Takes over what is known of contenders that stay, against the newcomers.
    fn take_over(&self, previous: &Self) {
        let known = |list: &[Contender]| -> HashMap<u64, usize> {
            list.iter().enumerate().map(|(n, contender)| (contender.seed, n)).collect()
        };
        let (now, before) = (known(&self.contenders), known(&previous.contenders));
        let stays = |contender: &Contender| {
            now.get(&contender.seed).copied().filter(|&n| self.contenders[n].is_same(contender))
        };
        let stayed: Vec<_> = previous.contenders.iter().map(stays).collect();
        let is_new = |contender: &Contender| before.get(&contender.seed).is_none_or(|&n| stayed[n].is_none());
        let newcomers: Vec<_> = (0..self.contenders.len()).filter(|&n| is_new(&self.contenders[n])).collect();
        if newcomers.len() > NEWCOMERS_MAX {
            return;
        }
        for (slot, (first, old)) in self.first.iter().zip(&previous.first).enumerate() {
            let old = usize::from(old.load(Ordering::Relaxed)).checked_sub(1);
            let Some(kept) = old.and_then(|old| stayed.get(old).copied().flatten()) else { continue };
            let better = |best: usize, n: &usize| {
                let (a, b) = (self.contenders[*n].rank(slot), self.contenders[best].rank(slot));
                if a < b || (a.total_cmp(&b).is_eq() && *n < best) { *n } else { best }
            };
            first.store(counted(newcomers.iter().fold(kept, better)), Ordering::Relaxed);
        }
    }
}

/// A place in the list of contenders, counted from 1.
fn counted(contender: usize) -> u16 {
    u16::try_from(contender + 1).unwrap_or(0)
}

/// The slot of a client. An IPv4 address within IPv6 is the IPv4 client.
fn slot(client: IpAddr) -> usize {
    let bytes = match client {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let hash = SipHasher13::new().hash(&bytes);
    usize::try_from(hash % SLOTS as u64).unwrap_or(0)
}

/// `-log2` of a draw from 1 to 2^64 as a fraction of 2^64, to some eight digits. Written out, since
/// the logarithm of a machine's library may differ in its last bit: these operations do not.
fn minus_log2(draw: u64) -> f64 {
    let draw = draw | 1;
    let zeros = draw.leading_zeros();
    // From 1 to below 2.
    let mantissa = ((draw << zeros) >> 11) as f64 / (1_u64 << 52) as f64;
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let s = t * t;
    let series =
        1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s / 13.0)))));
    f64::from(zeros + 1) - 2.0 * t * series * std::f64::consts::LOG2_E
}

#[cfg(test)]
mod tests;
