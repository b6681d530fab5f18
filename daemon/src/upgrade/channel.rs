//! The way between two processes of poised: whole messages, each with the descriptors that it hands over.
//!
//! A pair of connected Unix sockets that keep packets apart. A message is JSON, cut into packets of a
//! bounded length; descriptors travel beside them (`SCM_RIGHTS`), as many to a packet as the kernel
//! takes. Every wait has a deadline: the other side may hang. It does not know what messages mean.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a packet: far below the room that a socket has by default (`net.core.wmem_default`).
const PACKET_BYTES: usize = 32 << 10;
/// Descriptors beside one packet; the kernel takes 253 (`SCM_MAX_FD`).
const DESCRIPTORS_MAX: usize = 200;
/// Bytes of a message: the status of a thousand backends is some 2 MiB.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// The first byte of a packet: whether its message goes on.
const MORE: u8 = 1;
const LAST: u8 = 0;

/// One end.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// Why a message could not be exchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The other process is gone.
    #[error("the other process has ended")]
    Gone,
    /// It did not answer in time.
    #[error("the other process was silent for {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// It said something that cannot be understood.
    #[error("the other process cannot be understood: {0}")]
    Strange(String),
    /// The system refused.
    #[error("talk to the other process")]
    System(#[source] io::Error),
}

impl Channel {
    /// Two ends.
    ///
    /// # Errors
    /// Those of socketpair(2).
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Another handle of the same end.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn share(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Sends a message with descriptors, waiting until the other side has room for it, but no longer
    /// than `within` altogether. Blocks the thread.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub fn send(
        &self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
        within: Duration,
    ) -> Result<(), ChannelError> {
        let body = serde_json::to_vec(message).map_err(|error| ChannelError::Strange(error.to_string()))?;
        let until = Instant::now() + within;
        let mut pieces = body.chunks(PACKET_BYTES).peekable();
        let mut beside = descriptors.chunks(DESCRIPTORS_MAX).peekable();
        loop {
            let (piece, handed) = (pieces.next().unwrap_or_default(), beside.next().unwrap_or_default());
            let goes_on = pieces.peek().is_some() || beside.peek().is_some();
            self.send_packet(if goes_on { MORE } else { LAST }, piece, handed, (until, within))?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn send_packet(
        &self,
        first: u8,
        piece: &[u8],
        handed: &[BorrowedFd<'_>],
        (until, within): (Instant, Duration),
    ) -> Result<(), ChannelError> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut beside = SendAncillaryBuffer::new(&mut room);
        if !handed.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(handed));
        }
        let head = [first];
        let parts = [IoSlice::new(&head), IoSlice::new(piece)];
        loop {
            match sendmsg(&self.0, &parts, &mut beside, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, until, within)?,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ChannelError::Gone),
                Err(errno) => return Err(ChannelError::System(errno.into())),
            }
        }
    }

    /// The next message with its descriptors, in the order in which they were sent. `None` waits for
    /// ever. Blocks the thread.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub fn receive<M: DeserializeOwned>(&self, within: Option<Duration>) -> Result<(M, Vec<OwnedFd>), ChannelError> {
        let until = within.map(|within| (Instant::now() + within, within));
        let (mut body, mut descriptors) = (Vec::new(), Vec::new());
        loop {
            match self.receive_packet(&mut body, &mut descriptors) {
                Ok(MORE) | Err(Errno::INTR) => {}
                Ok(_) => break,
                Err(Errno::AGAIN) => match until {
                    Some((until, within)) => self.wait(PollFlags::IN, until, within)?,
                    None => self.wait_for_ever()?,
                },
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ChannelError::Gone),
                Err(errno) => return Err(ChannelError::System(errno.into())),
            }
            if body.len() > MESSAGE_BYTES_MAX {
                return Err(ChannelError::Strange(format!("a message of more than {MESSAGE_BYTES_MAX} bytes")));
            }
        }
        let message = serde_json::from_slice(&body).map_err(|error| ChannelError::Strange(error.to_string()))?;
        Ok((message, descriptors))
    }

    fn receive_packet(&self, body: &mut Vec<u8>, descriptors: &mut Vec<OwnedFd>) -> Result<u8, Errno> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX + 53))];
        let mut beside = RecvAncillaryBuffer::new(&mut room);
        let mut head = [LAST];
        let before = body.len();
        body.resize(before + PACKET_BYTES, 0);
        let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body[before..])];
        let received = recvmsg(&self.0, &mut parts, &mut beside, RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC);
        let bytes = received.as_ref().map_or(0, |received| received.bytes);
        body.truncate(before + bytes.saturating_sub(1));
        received?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(handed) = message {
                descriptors.extend(handed);
            }
        }
        // No packet is empty: this is the end.
        if bytes == 0 { Err(Errno::PIPE) } else { Ok(head[0]) }
    }

    fn wait(&self, what: PollFlags, until: Instant, within: Duration) -> Result<(), ChannelError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::Silent(within));
        }
        self.poll(what, Some(left))
    }

    fn wait_for_ever(&self) -> Result<(), ChannelError> {
        self.poll(PollFlags::IN, None)
    }

    fn poll(&self, what: PollFlags, left: Option<Duration>) -> Result<(), ChannelError> {
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(&mut [PollFd::new(&self.0, what)], left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(ChannelError::System(errno.into())),
        }
    }
}

impl From<OwnedFd> for Channel {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests;
