//! A set of networks that is asked for single addresses.
//!
//! Sorted ranges per address family: one binary search, no allocation, no lock. It decides nothing.

use std::cmp::Reverse;
use std::net::IpAddr;

use poise_ipc::model::NetworkRule;

/// Addresses that are in any of some networks.
#[derive(Debug)]
pub struct Networks {
    /// Ranges of IPv4 that neither meet nor overlap, sorted.
    v4: Box<[(u128, u128)]>,
    v6: Box<[(u128, u128)]>,
}

impl Networks {
    /// The set of these; none when there are none.
    pub fn new(rules: &[NetworkRule]) -> Option<Self> {
        let ranges = |v4: bool| {
            let own = rules.iter().map(|rule| rule.network).filter(|network| network.address.is_ipv4() == v4);
            let width = if v4 { 32 } else { 128 };
            let mut own: Vec<_> = own
                .map(|network| {
                    let first = bits(network.address);
                    let behind = width - u32::from(network.prefix);
                    (first, first | 1_u128.checked_shl(behind).map_or(u128::MAX, |size| size - 1))
                })
                .collect();
            // The wider first. Networks nest or are apart: what begins within the one before is in it.
            own.sort_unstable_by_key(|&(first, last)| (first, Reverse(last)));
            own.dedup_by(|later, earlier| later.0 <= earlier.1);
            own.into_boxed_slice()
        };
        (!rules.is_empty()).then(|| Self { v4: ranges(true), v6: ranges(false) })
    }

    /// Whether an address is in one of them. One of IPv4 in the clothes of IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let (ranges, bits) = (if address.is_ipv4() { &self.v4 } else { &self.v6 }, bits(address));
        let after = ranges.partition_point(|(first, _)| *first <= bits);
        after.checked_sub(1).is_some_and(|at| bits <= ranges[at].1)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests;
