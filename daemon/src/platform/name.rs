//! Addresses of sockets in the kernel's own form.
//!
//! It converts and does nothing else; `datagrams` hands the room to the kernel.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an IPv4 or IPv6 address with its port.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

const V4_LEN: libc::socklen_t = 16;
const V6_LEN: libc::socklen_t = 28;

impl Name {
    /// Bytes of the room.
    pub(super) const LEN_MAX: libc::socklen_t = V6_LEN;

    pub(super) fn as_mut_ptr(&mut self) -> *mut Self {
        self
    }

    /// The address that was written here with this length, if it is one of the two kinds.
    pub(super) fn read(&self, len: libc::socklen_t) -> Option<SocketAddr> {
        // SAFETY: both members begin with the family, and all bytes of the union are initialised,
        // for any of which all members are valid: they hold integers only.
        let (family, v4, v6) = unsafe { (libc::c_int::from(self.v4.sin_family), self.v4, self.v6) };
        match (family, len) {
            (libc::AF_INET, V4_LEN..) => {
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            (libc::AF_INET6, V6_LEN..) => {
                let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
                Some(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    /// Writes an address and returns its length.
    pub(super) fn write(&mut self, address: SocketAddr) -> libc::socklen_t {
        match address {
            SocketAddr::V4(v4) => {
                // The length of the whole union stays initialised: only this member is replaced.
                self.v4 = libc::sockaddr_in {
                    sin_family: AF_INET,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                    sin_zero: [0; 8],
                };
                V4_LEN
            }
            SocketAddr::V6(v6) => {
                self.v6 = libc::sockaddr_in6 {
                    sin6_family: AF_INET6,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                V6_LEN
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "families are small positive numbers")]
const AF_INET: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "families are small positive numbers")]
const AF_INET6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;

impl Default for Name {
    fn default() -> Self {
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family: 0,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
                sin6_scope_id: 0,
            },
        }
    }
}
