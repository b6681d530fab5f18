//! Where else something listens on the port of a backend that refuses (S-07, T-05).
//!
//! Only for backends of this host: the kernel lists its listening sockets there. The likely cause is
//! a server that is bound to another address than the one that is dialled. It asks nobody on the
//! network and decides nothing.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The word for a listening socket in the kernel's lists (`TCP_LISTEN`).
const LISTENING: &str = "0A";
/// Addresses that are named; more say nothing more.
const ADDRESSES_MAX: usize = 8;

/// The addresses of this host on which something listens at a port. Reads files; not for the
/// writer's own task.
pub(super) fn listening_on(port: u16) -> Vec<IpAddr> {
    let lists = ["/proc/net/tcp", "/proc/net/tcp6"].map(|list| fs::read_to_string(list).unwrap_or_default());
    let mut found: Vec<_> = lists.iter().flat_map(|list| listening(list, port)).collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES_MAX);
    found
}

/// The listening addresses at a port in a list of the kernel (proc(5)).
fn listening(list: &str, port: u16) -> impl Iterator<Item = IpAddr> {
    list.lines().filter_map(move |line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, _, state) = (words.next()?, words.next()?, words.next()?);
        let (address, at) = local.split_once(':')?;
        let here = state == LISTENING && u16::from_str_radix(at, 16) == Ok(port);
        if here { address_of(address) } else { None }
    })
}

/// An address as the kernel writes it: words of 32 bits, each in the order of this machine.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
