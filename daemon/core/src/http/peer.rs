//! The address of a peer as the text that heads carry.
//!
//! Who a request is from, `forwarded` finds out; here an address only becomes text. Used by `onward`.

use std::io::Write as _;
use std::net::IpAddr;

/// The address of a peer as text: made once per connection, written into every request.
#[derive(Clone, Copy, Debug)]
pub struct PeerText {
    text: [u8; PEER_LEN_MAX],
    len: usize,
}

/// Characters of the longest address: IPv6 with an IPv4 tail.
const PEER_LEN_MAX: usize = 45;

impl PeerText {
    /// The text of an address; an IPv4 address in IPv6 clothes is written as IPv4. No address, as a
    /// client on a Unix socket has, is `unknown` (RFC 7239 section 6.2).
    pub fn new(peer: IpAddr) -> Self {
        let mut text = [0; PEER_LEN_MAX];
        let mut rest = &mut text[..];
        // An address always fits, and cut short it would still be no harm.
        let _ = match peer.to_canonical() {
            none if none.is_unspecified() => write!(rest, "unknown"),
            address => write!(rest, "{address}"),
        };
        let len = PEER_LEN_MAX - rest.len();
        Self { text, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}
