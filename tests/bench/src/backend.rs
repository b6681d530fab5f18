//! Light backends, a process each: echo, one echo per connection, HTTP, endless bytes, UDP echo.
//!
//! They listen on ports of 127.0.0.1 that the kernel chooses, print them in one line, and run until
//! they are killed. Started by `round` through `child`.

mod datagram;
mod stream;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::io::Result;

pub(crate) use datagram::widen;

/// The first word of this role.
pub(crate) const ROLE: &str = "role:backend";
/// Bytes of an exchange: a backend that answers once has seen a whole one by then.
pub(crate) const EXCHANGE_BYTES: usize = 128;
/// The body that an HTTP backend answers with.
pub(crate) const BODY: [u8; 128] = [b'x'; 128];

/// Length of the body of an HTTP backend with large ones.
pub(crate) const BODY_LARGE_BYTES: usize = 128 * 1024;

/// What a backend does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sends back what it gets.
    Echo,
    /// Sends back one exchange and closes.
    Once,
    /// Answers every request head with a small 200.
    Http,
    /// Answers every request head with a large 200.
    HttpLarge,
    /// Sends the bytes of [`pattern`] for ever.
    Source,
    /// Sends back every datagram.
    Datagrams,
}

const KINDS: [(&str, Kind); 6] = [
    ("echo", Kind::Echo),
    ("once", Kind::Once),
    ("http", Kind::Http),
    ("http-large", Kind::HttpLarge),
    ("source", Kind::Source),
    ("datagrams", Kind::Datagrams),
];

/// The words that start `count` backends of a kind.
pub(crate) fn words(kind: Kind, count: usize) -> Vec<String> {
    let word = KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(word, _)| word);
    vec![ROLE.into(), word.into(), count.to_string()]
}

/// The addresses in the line that a backend prints.
pub(crate) fn addresses(line: &str) -> Option<Vec<SocketAddrV4>> {
    let ports = line.strip_prefix("ports ")?.split(',');
    ports.map(|port| Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port.parse().ok()?))).collect()
}

/// Runs the backends that `KIND COUNT` names, until killed.
///
/// # Errors
/// Why it could not listen, or stopped.
pub(crate) fn run(words: &[String]) -> std::result::Result<(), String> {
    let [kind, count] = words else { return Err("a backend needs a kind and a count".into()) };
    let kind = KINDS.iter().find(|(word, _)| word == kind).map(|(_, kind)| *kind);
    let kind = kind.ok_or("no such kind of backend")?;
    let count = count.parse().map_err(|_| "the count of backends is no number")?;
    let served = if kind == Kind::Datagrams { datagram::serve(count) } else { stream::serve(kind, count) };
    served.map_err(|fault| format!("backend: {fault}"))
}

/// Tells the conductor where to find the backends.
fn announce(ports: &[u16]) -> Result<()> {
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    let mut out = io::stdout().lock();
    let told = writeln!(out, "ports {}", ports.join(",")).and_then(|()| out.flush());
    told.map_err(|_| rustix::io::Errno::PIPE)
}

/// Period of the endless bytes: prime, so that a shifted or dropped block never matches.
const PATTERN_PERIOD: usize = 251;

/// `len` endless bytes from `offset` on.
pub(crate) fn pattern(offset: u64, len: usize) -> Vec<u8> {
    let shift = usize::try_from(offset % PATTERN_PERIOD as u64).expect("below the period");
    let byte = |at: usize| u8::try_from((shift + at) % PATTERN_PERIOD).expect("the period fits a byte");
    (0..len).map(byte).collect()
}

#[cfg(test)]
mod tests;
