//! Many datagrams by one system call, with what the kernel tells about each.
//!
//! A [`Batch`] is room for so many datagrams of any length, so nothing is ever cut off; what was
//! received into it is sent on from where it lies. It chooses no destination and retries nothing;
//! the worker's `udp` does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use rustix::net::SendFlags;

use super::control::{Control, Told};
use super::name::Name;

/// Datagrams of one batch. More save no time that can be measured, and each has room for the
/// largest.
pub(crate) const DATAGRAMS_MAX: usize = 64;

/// Room for one datagram: above the largest that UDP can carry, and above what the kernel joins
/// (`UDP_GRO`). Not a power of two, or the beginnings of all would compete for the same lines of the
/// processor's cache; of this, only the pages that were ever written take memory.
const ROOM_BYTES: usize = (64 << 10) + 320;

/// Segments of one sending: what every kernel with `UDP_SEGMENT` takes.
pub(crate) const SEGMENTS_MAX: usize = 64;

/// Bytes of one sending, headers not counted: what fits in an IPv4 packet.
pub(crate) const SENDING_BYTES_MAX: usize = 65_507;

/// Room for a batch of datagrams, numbered from 0.
// Vectors, although their length never changes: what they hold may be pointed to while it is also
// read through them. The pointers keep it on its worker's thread.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    parts: Vec<libc::iovec>,
    incoming: Envelopes,
    outgoing: Envelopes,
    used: usize,
}

/// Headers of messages, each pointing to a name and a control buffer of its own.
struct Envelopes {
    headers: Vec<libc::mmsghdr>,
    names: Vec<Name>,
    controls: Vec<Control>,
}

/// Consecutive datagrams of a batch that go to one place as one sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Number of the first.
    pub(crate) first: usize,
    /// How many.
    pub(crate) count: usize,
    /// Where to; `None` on a connected socket.
    pub(crate) to: Option<SocketAddr>,
    /// From which address of ours; `None` for the socket's own.
    pub(crate) from: Option<IpAddr>,
    /// The kernel splits the bytes into datagrams of so many (`UDP_SEGMENT`); 0: it is one datagram.
    pub(crate) segment_bytes: u16,
}

/// Where a datagram came from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Who sent it, where the socket is not connected.
    pub(crate) from: Option<SocketAddr>,
    /// The address of ours that it was sent to, where that was asked for.
    pub(crate) local: Option<IpAddr>,
}

impl Envelopes {
    fn new() -> Self {
        let mut names = vec![Name::default(); DATAGRAMS_MAX];
        let mut controls = vec![Control::default(); DATAGRAMS_MAX];
        let (name, control) = (names.as_mut_ptr(), controls.as_mut_ptr());
        let header = |at| libc::mmsghdr {
            msg_hdr: libc::msghdr {
                msg_name: name.wrapping_add(at).cast(),
                msg_namelen: Name::LEN_MAX,
                msg_iov: ptr::null_mut(),
                msg_iovlen: 0,
                msg_control: control.wrapping_add(at).cast(),
                msg_controllen: Control::BYTES,
                msg_flags: 0,
            },
            msg_len: 0,
        };
        Self { headers: (0..DATAGRAMS_MAX).map(header).collect(), names, controls }
    }
}

impl Batch {
    /// Empty room.
    pub(crate) fn new() -> Self {
        let mut bytes = vec![0_u8; DATAGRAMS_MAX * ROOM_BYTES];
        let room = bytes.as_mut_ptr();
        let part = |at| libc::iovec { iov_base: room.wrapping_add(at * ROOM_BYTES).cast(), iov_len: ROOM_BYTES };
        let mut parts: Vec<_> = (0..DATAGRAMS_MAX).map(part).collect();
        let mut incoming = Envelopes::new();
        let part = parts.as_mut_ptr();
        for (at, header) in incoming.headers.iter_mut().enumerate() {
            (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (part.wrapping_add(at), 1);
        }
        Self { bytes, parts, incoming, outgoing: Envelopes::new(), used: 0 }
    }

    /// Datagrams that it holds.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Forgets what it holds.
    pub(crate) fn clear(&mut self) {
        // Only what was used differs from how it must be found: most batches are short.
        for (header, part) in self.incoming.headers[..self.used].iter_mut().zip(&mut self.parts) {
            (header.msg_hdr.msg_namelen, header.msg_hdr.msg_controllen) = (Name::LEN_MAX, Control::BYTES);
            part.iov_len = ROOM_BYTES;
        }
        self.used = 0;
    }

    /// Receives what is there, behind what it holds already, and returns which ones these are; as
    /// many as there is room for. Does not wait.
    ///
    /// # Errors
    /// As recvmmsg(2): nothing there, or what the network said about earlier datagrams of a
    /// connected socket.
    pub(crate) fn receive(&mut self, socket: impl AsFd) -> io::Result<Range<usize>> {
        let headers = &mut self.incoming.headers[self.used..];
        let vlen = libc::c_uint::try_from(headers.len()).map_err(io::Error::other)?;
        // SAFETY: the descriptor is open while `socket` is borrowed. `headers` is a slice of `vlen`
        // headers; each points to a name, a control buffer and one part of this batch, and the part
        // to its bytes. All of them live in vectors of `self` that never grow, are as long as the
        // header says, and are used by nobody else during the call.
        let received = unsafe {
            libc::recvmmsg(socket.as_fd().as_raw_fd(), headers.as_mut_ptr(), vlen, libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let range = self.used..self.used + received;
        for (header, part) in headers.iter().zip(&mut self.parts[range.clone()]) {
            part.iov_len = (header.msg_len as usize).min(ROOM_BYTES);
        }
        self.used = range.end;
        Ok(range)
    }

    /// Where a datagram came from and to.
    pub(crate) fn received(&self, at: usize) -> Received {
        let header = &self.incoming.headers[at].msg_hdr;
        let Told { local, .. } = self.incoming.controls[at].read(header.msg_controllen);
        Received { from: self.incoming.names[at].read(header.msg_namelen), local }
    }

    /// Length of the joined datagrams that this one stands for, the last of which may be shorter;
    /// 0: it is a single one.
    pub(crate) fn segment_bytes(&self, at: usize) -> u16 {
        self.incoming.controls[at].read(self.incoming.headers[at].msg_hdr.msg_controllen).segment_bytes
    }

    /// The bytes of a datagram.
    pub(crate) fn bytes(&self, at: usize) -> &[u8] {
        &self.bytes[at * ROOM_BYTES..][..self.parts[at].iov_len]
    }

    /// Sends, in this order and by one call, and returns how many were sent: at least one. At most
    /// [`DATAGRAMS_MAX`] are taken. Does not wait.
    ///
    /// # Errors
    /// Why the first one cannot be sent, as sendmmsg(2).
    pub(crate) fn send(&mut self, socket: impl AsFd, sendings: &[Sending]) -> io::Result<usize> {
        let sendings = &sendings[..sendings.len().min(DATAGRAMS_MAX)];
        let parts = self.parts.as_mut_ptr();
        for (at, sending) in sendings.iter().enumerate() {
            let header = &mut self.outgoing.headers[at].msg_hdr;
            header.msg_namelen = sending.to.map_or(0, |to| self.outgoing.names[at].write(to));
            header.msg_controllen = self.outgoing.controls[at].write(sending.from, sending.segment_bytes);
            assert!(sending.first + sending.count <= self.used, "only what was received is sent");
            header.msg_iov = parts.wrapping_add(sending.first);
            header.msg_iovlen = sending.count;
        }
        if let [Sending { first, count: 1, to: None, from: None, segment_bytes: 0 }] = *sendings {
            return send_plain(socket, self.bytes(first)).map(|()| 1);
        }
        let vlen = libc::c_uint::try_from(sendings.len()).map_err(io::Error::other)?;
        // SAFETY: the descriptor is open while `socket` is borrowed. The first `vlen` headers point
        // to names, control buffers and parts of this batch that are alive and as long as was just
        // set, and the parts to bytes of this batch; the kernel only reads them.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                self.outgoing.headers.as_mut_ptr(),
                vlen,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// The shortest way for the most common sending: one datagram on a connected socket.
fn send_plain(socket: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    Ok(rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)?)
}

/// Sends one datagram. Does not wait.
///
/// # Errors
/// As sendmsg(2).
pub(crate) fn send_one(
    socket: impl AsFd,
    bytes: &[u8],
    to: Option<SocketAddr>,
    from: Option<IpAddr>,
) -> io::Result<()> {
    let (mut name, mut control) = (Name::default(), Control::default());
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let header = libc::msghdr {
        msg_namelen: to.map_or(0, |to| name.write(to)),
        msg_name: name.as_mut_ptr().cast(),
        msg_iov: &raw mut part,
        msg_iovlen: 1,
        msg_controllen: control.write(from, 0),
        msg_control: control.as_mut_ptr().cast(),
        msg_flags: 0,
    };
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the descriptor is open while `socket` is borrowed; the header points to a name, a
    // control buffer and one part on this stack, as long as it says, and the part to `bytes`, which
    // the kernel only reads.
    let sent = unsafe { libc::sendmsg(socket.as_fd().as_raw_fd(), &raw const header, flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
