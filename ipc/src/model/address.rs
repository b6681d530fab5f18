//! Where poised accepts and where backends listen: addresses, names and Unix sockets.
//!
//! How each is written and read is `text::address`; nothing here opens or resolves anything.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::text::{address, as_text, networks};

/// Where a listener accepts. Travels as its text, like an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Bind {
    /// An address and port (S-03).
    Ip(SocketAddr),
    /// A Unix socket, by its path.
    Unix(String),
}

/// Where a backend listens. Travels as its text: `10.0.0.1:80`, `db.example.com:80`, `unix:/run/a`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Address {
    /// An address and port.
    Ip(SocketAddr),
    /// A host name and port: resolved at the commit and kept fresh.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket, by its path.
    Unix(String),
}

impl Bind {
    /// The address and port, unless it is a Unix socket.
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl Address {
    /// The address and port, if it was given as such.
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name { .. } | Self::Unix(_) => None,
        }
    }

    /// The port, unless it is a Unix socket.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Name { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// The same host at another port; a Unix socket has none and stays itself.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        match self {
            Self::Ip(address) => Self::Ip(SocketAddr::new(address.ip(), port)),
            Self::Name { host, .. } => Self::Name { host: host.clone(), port },
            Self::Unix(path) => Self::Unix(path.clone()),
        }
    }
}

impl From<SocketAddr> for Bind {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => f.pad(&address.to_string()),
            Self::Unix(path) => f.pad(&format!("unix:{path}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => f.pad(&address.to_string()),
            Self::Name { host, port } => f.pad(&format!("{host}:{port}")),
            Self::Unix(path) => f.pad(&format!("unix:{path}")),
        }
    }
}

/// Addresses that share their first bits. Travels as its text: `10.0.0.0/8`, `192.0.2.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Network {
    /// The first of them: no bit is set behind the prefix.
    pub address: IpAddr,
    /// Bits that all of them share, 0 to 32 or 128.
    pub prefix: u8,
}

impl Network {
    /// The network of an address: an IPv4 address within IPv6 counts as IPv4, bits behind the prefix
    /// are cleared. A prefix beyond the address's bits means all of them.
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self { address: IpAddr::V4((v4.to_bits() & mask).into()), prefix }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self { address: IpAddr::V6((v6.to_bits() & mask).into()), prefix }
            }
        }
    }

    /// Whether an address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && Self::of(address, self.prefix).address == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == bits {
            f.pad(&self.address.to_string())
        } else {
            f.pad(&format!("{}/{}", self.address, self.prefix))
        }
    }
}

/// A network in a list, with what the operator notes about it. Travels as its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NetworkRule {
    /// The addresses.
    pub network: Network,
    /// Why it stands there; may be empty.
    pub comment: String,
}

impl fmt::Display for NetworkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.comment.as_str() {
            "" => write!(f, "{}", self.network),
            comment => write!(f, "{} {comment}", self.network),
        }
    }
}

as_text!(Bind: address::bind, Address: address::address, Network: networks::network, NetworkRule: networks::rule);

#[cfg(test)]
mod tests;
