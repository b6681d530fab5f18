//! Datagrams of a batch on their way out: equal ones of a row as one sending, and what becomes of
//! those that the kernel does not take.
//!
//! It never waits: what cannot be sent now is dropped and counted, as any router would. Whom they
//! are for is the engine's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::platform::{Batch, SEGMENTS_MAX, SENDING_BYTES_MAX, Sending, send_one};

/// Where datagrams go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// The peer, on a socket that is not connected.
    pub(super) to: Option<SocketAddr>,
    /// The address of ours, where it is not the socket's own.
    pub(super) from: Option<IpAddr>,
    /// Whether the kernel may be asked to split on this way.
    pub(super) splits: bool,
}

/// What became of sendings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) datagrams: usize,
    pub(super) bytes: usize,
    pub(super) dropped: usize,
    /// Number of a sending that the kernel would not split: it is not asked again on that way.
    pub(super) unsplit: Option<usize>,
}

/// Datagrams and bytes of these numbers of a batch; one stands for several where the kernel has
/// joined them.
pub(super) fn total(batch: &Batch, range: Range<usize>) -> (usize, usize) {
    range.fold((0, 0), |(count, bytes), at| {
        let len = batch.bytes(at).len();
        let datagrams = match usize::from(batch.segment_bytes(at)) {
            0 => 1,
            segment_bytes => len.div_ceil(segment_bytes).max(1),
        };
        (count + datagrams, bytes + len)
    })
}

/// Adds the sendings for these datagrams, in their order: in a row of equal length, all but the
/// last of which may be shorter, they are one.
pub(super) fn arrange(sendings: &mut Vec<Sending>, batch: &Batch, range: Range<usize>, route: Route) {
    let Route { to, from, splits } = route;
    let mut first = range.start;
    while first < range.end {
        let (len, joined) = (batch.bytes(first).len(), batch.segment_bytes(first));
        let mut sending = Sending { first, count: 1, to, from, segment_bytes: joined };
        if splits && joined == 0 && len > 0 {
            let (mut bytes, mut last) = (len, len);
            for at in first + 1..range.end.min(first + SEGMENTS_MAX) {
                let next = batch.bytes(at).len();
                let fits = next > 0 && next <= len && last == len && bytes + next <= SENDING_BYTES_MAX;
                if !fits || batch.segment_bytes(at) > 0 {
                    break;
                }
                (bytes, last) = (bytes + next, next);
                sending.count += 1;
            }
        }
        if sending.count > 1 {
            sending.segment_bytes = u16::try_from(len).unwrap_or(0);
        }
        first += sending.count;
        sendings.push(sending);
    }
}

/// Sends all of them.
///
/// # Errors
/// The peer of a connected socket has refused what was sent before: how many sendings were done
/// with until then. To be called again for the rest, there or elsewhere.
pub(super) fn send(socket: impl AsFd, batch: &mut Batch, sendings: &[Sending], sent: &mut Sent) -> Result<(), usize> {
    let mut done = 0;
    while let Some(rest) = sendings.get(done..).filter(|rest| !rest.is_empty()) {
        match batch.send(&socket, rest) {
            Ok(count) => {
                rest[..count].iter().for_each(|sending| sent.count(batch, sending));
                done += count;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Err(done),
            Err(error) => {
                if rest[0].segment_bytes > 0 && cannot_split(&error) {
                    sent.unsplit = Some(done);
                    one_by_one(&socket, batch, &rest[0], sent);
                } else {
                    sent.dropped += total(batch, numbers(&rest[0])).0;
                }
                done += 1;
            }
        }
    }
    Ok(())
}

/// Sends one number of a batch on a connected socket, its first datagram behind a header. What
/// follows a header that could not be sent is dropped with it.
///
/// # Errors
/// The peer has refused what was sent before: nothing of this was sent.
pub(super) fn send_behind(
    socket: impl AsFd,
    header: &[u8],
    (batch, at): (&Batch, usize),
    sent: &mut Sent,
) -> Result<(), Refused> {
    let (bytes, joined) = (batch.bytes(at), usize::from(batch.segment_bytes(at)));
    let (first, rest) = bytes.split_at(if joined == 0 { bytes.len() } else { joined.min(bytes.len()) });
    match send_one(&socket, &[header, first].concat(), None, None) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Err(Refused),
        Err(_) => {
            sent.dropped += total(batch, at..at + 1).0;
            return Ok(());
        }
    }
    (sent.datagrams, sent.bytes) = (sent.datagrams + 1, sent.bytes + first.len());
    // Without joined ones there is no rest.
    singly(&socket, rest, joined.max(1), (None, None), sent);
    Ok(())
}

/// The peer has refused earlier datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Whether the kernel refused because it cannot split for this route: the segments are longer than
/// a packet, the device cannot, or the kernel does not know how.
fn cannot_split(error: &io::Error) -> bool {
    let refusals = [Errno::IO, Errno::INVAL, Errno::MSGSIZE, Errno::NOSYS, Errno::NOPROTOOPT, Errno::OPNOTSUPP];
    error.raw_os_error().is_some_and(|raw| refusals.contains(&Errno::from_raw_os_error(raw)))
}

fn one_by_one(socket: impl AsFd, batch: &Batch, sending: &Sending, sent: &mut Sent) {
    for at in numbers(sending) {
        let way = (sending.to, sending.from);
        singly(&socket, batch.bytes(at), sending.segment_bytes.into(), way, sent);
    }
}

/// Sends bytes in datagrams of a length, the last of which may be shorter.
fn singly(
    socket: impl AsFd,
    bytes: &[u8],
    segment_bytes: usize,
    (to, from): (Option<SocketAddr>, Option<IpAddr>),
    sent: &mut Sent,
) {
    for datagram in bytes.chunks(segment_bytes) {
        match send_one(&socket, datagram, to, from) {
            Ok(()) => (sent.datagrams, sent.bytes) = (sent.datagrams + 1, sent.bytes + datagram.len()),
            Err(_) => sent.dropped += 1,
        }
    }
}

/// The numbers in its batch.
fn numbers(sending: &Sending) -> Range<usize> {
    sending.first..sending.first + sending.count
}

impl Sent {
    fn count(&mut self, batch: &Batch, sending: &Sending) {
        let (datagrams, bytes) = total(batch, numbers(sending));
        (self.datagrams, self.bytes) = (self.datagrams + datagrams, self.bytes + bytes);
    }
}
