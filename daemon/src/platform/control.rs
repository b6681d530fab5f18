//! What travels beside a datagram: the address of ours that it came to or leaves from, and the
//! length of the segments of joined ones.
//!
//! The control messages of ip(7), ipv6(7) and udp(7), read and written byte by byte in safe code:
//! a length, a level, a kind, then the data, each message aligned to the length's size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of the head of a control message: the length (a word), the level and the kind.
const HEAD_BYTES: usize = size_of::<libc::cmsghdr>();
/// Control messages begin at multiples of this.
const ALIGN: usize = size_of::<usize>();
/// `struct in_pktinfo`: an interface, the local address, the address in the header.
const V4_INFO_BYTES: usize = 12;
/// `struct in6_pktinfo`: the address, an interface.
const V6_INFO_BYTES: usize = 20;

/// Room for the control messages of one datagram: the longer of the two addresses and a segment
/// length.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control([u8; Self::BYTES]);

/// What was told beside a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) local: Option<IpAddr>,
    pub(super) segment_bytes: u16,
}

impl Control {
    /// Bytes of the room.
    pub(super) const BYTES: usize = space(V6_INFO_BYTES) + space(size_of::<libc::c_int>());

    pub(super) fn as_mut_ptr(&mut self) -> *mut Self {
        self
    }

    /// What so many bytes of control messages say; kinds that nobody asked for are passed over.
    pub(super) fn read(&self, len: usize) -> Told {
        let (mut told, mut rest) = (Told::default(), &self.0[..len.min(Self::BYTES)]);
        while let Some((head, _)) = rest.split_first_chunk::<HEAD_BYTES>() {
            let len = usize::from_ne_bytes(array(head, 0));
            let (level, kind) =
                (libc::c_int::from_ne_bytes(array(head, ALIGN)), libc::c_int::from_ne_bytes(array(head, ALIGN + 4)));
            let Some(data) = rest.get(HEAD_BYTES..len) else { break };
            match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if data.len() >= V4_INFO_BYTES => {
                    told.local = Some(Ipv4Addr::from(array(data, 4)).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data.len() >= V6_INFO_BYTES => {
                    told.local = Some(Ipv6Addr::from(array(data, 0)).into());
                }
                (libc::SOL_UDP, libc::UDP_GRO) if data.len() >= 4 => {
                    let segment_bytes = libc::c_int::from_ne_bytes(array(data, 0));
                    told.segment_bytes = u16::try_from(segment_bytes).unwrap_or(0);
                }
                _ => {}
            }
            rest = rest.get(aligned(len)..).unwrap_or_default();
        }
        told
    }

    /// Writes what is to be said and returns its length: nothing for no address and no segments.
    pub(super) fn write(&mut self, from: Option<IpAddr>, segment_bytes: u16) -> usize {
        let mut at = 0;
        match from {
            Some(IpAddr::V4(v4)) => {
                let mut info = [0; V4_INFO_BYTES];
                info[4..8].copy_from_slice(&v4.octets());
                at += self.put(at, (libc::IPPROTO_IP, libc::IP_PKTINFO), &info);
            }
            Some(IpAddr::V6(v6)) => {
                let mut info = [0; V6_INFO_BYTES];
                info[..16].copy_from_slice(&v6.octets());
                at += self.put(at, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), &info);
            }
            None => {}
        }
        if segment_bytes > 0 {
            at += self.put(at, (libc::SOL_UDP, libc::UDP_SEGMENT), &segment_bytes.to_ne_bytes());
        }
        at
    }

    fn put(&mut self, at: usize, (level, kind): (libc::c_int, libc::c_int), data: &[u8]) -> usize {
        let message = &mut self.0[at..at + space(data.len())];
        message[..ALIGN].copy_from_slice(&(HEAD_BYTES + data.len()).to_ne_bytes());
        message[ALIGN..ALIGN + 4].copy_from_slice(&level.to_ne_bytes());
        message[ALIGN + 4..HEAD_BYTES].copy_from_slice(&kind.to_ne_bytes());
        message[HEAD_BYTES..HEAD_BYTES + data.len()].copy_from_slice(data);
        message.len()
    }
}

impl Default for Control {
    fn default() -> Self {
        Self([0; Self::BYTES])
    }
}

/// Bytes that a control message with so many bytes of data takes.
const fn space(data_bytes: usize) -> usize {
    HEAD_BYTES + aligned(data_bytes)
}

const fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// So many bytes from `at`, which are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|n| bytes[at + n])
}
