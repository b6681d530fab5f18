//! What tells flows apart, and how it is hashed.
//!
//! Clients choose their addresses and ports, so the hash has a secret. It holds no flow.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher13;

/// Who talks with whom: two datagrams of one key are of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The client as the listening socket names it.
    pub client: SocketAddr,
    /// The address of ours that it wrote to, where the socket has several: replies come from there.
    pub local: Option<IpAddr>,
}

impl Hash for Key {
    /// In as few words as it takes: every datagram is hashed.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.client {
            SocketAddr::V4(v4) => state.write_u64((u64::from(u32::from(*v4.ip())) << 16) | u64::from(v4.port())),
            SocketAddr::V6(v6) => {
                state.write(&v6.ip().octets());
                state.write_u64((u64::from(v6.scope_id()) << 16) | u64::from(v6.port()));
            }
        }
        match self.local {
            Some(IpAddr::V4(v4)) => state.write_u32(v4.into()),
            Some(IpAddr::V6(v6)) => state.write(&v6.octets()),
            None => {}
        }
    }
}

/// Hashes keys with a secret, so that no client can make those of others collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed(pub(super) [u8; 16]);

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}
