//! One connection as bytes: the choice of the codec, whole requests in, messages out.
//!
//! Bounds everything that a peer can make it hold or wait for: the first bytes and half a message
//! have five seconds, a message its length. It does not know what requests mean. Called by the
//! connection.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use poise_ipc::frame::{Codec, FrameError};
use poise_ipc::hello::{self, Hello};
use poise_ipc::limits::FRAME_LEN_MAX;
use poise_ipc::message::{ErrorCode, ErrorReply, Request, Role, ServerMessage};
use poise_ipc::transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::slots::Seat;

/// Time for the first bytes, and for the rest of a message once it has begun.
pub(super) const PARTIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a peer that does not read counts as idle: its place may be given away.
const STALLED_AFTER: Duration = Duration::from_secs(10);
/// Bytes of a request of role view: its verbs are small, so many readers cannot hold much memory.
const VIEW_LEN_MAX: usize = 64 << 10;
/// Bytes asked of the socket at once.
const READ_LEN: usize = 16 << 10;

/// Why a connection ends. What there was to say has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer has gone.
    Gone,
    /// The peer was too slow to finish what it began.
    TooSlow,
    /// The peer sent what cannot be read past.
    Unreadable,
    /// poised ends, or the single writer does not answer.
    Stopped,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Input {
    /// A request.
    Request(Request),
    /// A message that could be told from the next one but not read.
    Malformed {
        /// Its id; 0 when not even that could be read.
        id: u64,
        /// What to answer.
        error: ErrorReply,
    },
    /// The peer sends nothing more; it may still read.
    Ended,
}

/// One connection as bytes.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    codec: Codec,
    len_max: usize,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no line end.
    searched: usize,
    /// When the message that is not yet whole began.
    begun: Option<Instant>,
    ended: bool,
}

impl Wire {
    /// Learns which codec the peer speaks and answers its hello.
    pub(super) async fn open(stream: Stream, role: Role) -> Result<Self, End> {
        let len_max = if role == Role::View { VIEW_LEN_MAX } else { FRAME_LEN_MAX };
        let buffer = BytesMut::with_capacity(READ_LEN);
        let mut wire = Self { stream, codec: Codec::Lines, len_max, buffer, searched: 0, begun: None, ended: false };
        match timeout(PARTIAL_TIMEOUT, wire.agree(role)).await {
            Ok(Ok(())) => {
                wire.begun = (!wire.buffer.is_empty()).then(Instant::now);
                Ok(wire)
            }
            Ok(Err(end)) => Err(end),
            Err(_) => Err(End::TooSlow),
        }
    }

    async fn agree(&mut self, role: Role) -> Result<(), End> {
        self.await_bytes(1).await?;
        if self.buffer[0] == hello::JSON_FIRST {
            return Ok(());
        }
        if Hello::begins_with(self.buffer[0]) {
            self.await_bytes(hello::LEN).await?;
        }
        let theirs = self.buffer.first_chunk().map(Hello::decode);
        let Some(Ok(theirs)) = theirs else { return self.turn_away().await };
        self.buffer.advance(hello::LEN);
        let known = theirs.version == hello::VERSION && theirs.frames;
        self.codec = Codec::Frames;
        let ours = if known { Hello::admit(role) } else { Hello::REFUSE };
        self.write_bytes(&ours.encode()).await?;
        if known { Ok(()) } else { Err(End::Unreadable) }
    }

    /// Answers a stranger in the form that a human can read.
    async fn turn_away(&mut self) -> Result<(), End> {
        let error = ErrorReply::new(ErrorCode::Malformed, "this is the control socket of poised")
            .hint("send one JSON request per line, as in {\"verb\":\"status\"}");
        let line = Codec::Lines.encode(&ServerMessage::Error { id: 0, error }).map_err(|_| End::Unreadable)?;
        self.write_bytes(&line).await?;
        Err(End::Unreadable)
    }

    async fn await_bytes(&mut self, count: usize) -> Result<(), End> {
        while self.buffer.len() < count {
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(End::Gone),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The next message. Waits without end between messages, five seconds within one.
    ///
    /// # Cancel safety
    /// Cancel safe: bytes that were read stay in the buffer.
    pub(super) async fn read(&mut self) -> Result<Input, End> {
        loop {
            if let Some(body) = self.next_body()? {
                if let Some(input) = self.interpret(&body) {
                    return Ok(input);
                }
            } else if self.ended {
                return self.rest();
            } else {
                self.fill().await?;
            }
        }
    }

    /// Takes the first whole message out of the buffer.
    fn next_body(&mut self) -> Result<Option<BytesMut>, End> {
        let cut = self.codec.split::<Request>(&self.buffer, self.searched).map_err(|_| End::Unreadable)?;
        let Some(cut) = cut else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > self.len_max { Err(End::Unreadable) } else { Ok(None) };
        };
        let mut message = self.buffer.split_to(cut.end);
        message.truncate(cut.body.end);
        message.advance(cut.body.start);
        self.searched = 0;
        // What follows has begun at the latest now.
        self.begun = (!self.buffer.is_empty()).then(Instant::now);
        Ok(Some(message))
    }

    /// Reads a message; nothing for an empty line.
    fn interpret(&self, body: &[u8]) -> Option<Input> {
        if self.codec == Codec::Lines && body.trim_ascii().is_empty() {
            return None;
        }
        Some(match self.codec.decode::<Request>(body) {
            Ok(request) => Input::Request(request),
            Err(error) => Input::Malformed { id: self.codec.request_id(body), error: malformed(&error) },
        })
    }

    /// What stands behind the last line end when the peer has ended: a last line without one.
    fn rest(&mut self) -> Result<Input, End> {
        let body = self.buffer.split();
        self.begun = None;
        match self.codec {
            Codec::Lines => Ok(self.interpret(&body).unwrap_or(Input::Ended)),
            Codec::Frames => Err(End::Gone),
        }
    }

    async fn fill(&mut self) -> Result<(), End> {
        self.buffer.reserve(READ_LEN);
        let reading = self.stream.read_buf(&mut self.buffer);
        let read = match self.begun {
            Some(begun) => timeout_at(begun + PARTIAL_TIMEOUT, reading).await.map_err(|_| End::TooSlow)?,
            None => reading.await,
        };
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => self.begun = self.begun.or_else(|| Some(Instant::now())),
            Err(_) => return Err(End::Gone),
        }
        Ok(())
    }

    /// Sends a message. While the peer does not read, its seat counts as idle.
    ///
    /// # Cancel safety
    /// Not cancel safe: half a message may have been written.
    pub(super) async fn write(&mut self, message: &ServerMessage, seat: &Seat) -> Result<(), End> {
        let bytes = match self.codec.encode(message) {
            Ok(bytes) => bytes,
            Err(error) => self.codec.encode(&too_long(message, &error)).map_err(|_| End::Unreadable)?,
        };
        let stream = &mut self.stream;
        let mut writing = std::pin::pin!(stream.write_all(&bytes));
        let written = if let Ok(written) = timeout(STALLED_AFTER, &mut writing).await {
            written
        } else {
            seat.set_stalled(true);
            let written = writing.await;
            seat.set_stalled(false);
            written
        };
        written.map_err(|_| End::Gone)
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write_all(bytes).await.map_err(|_| End::Gone)
    }

    /// Whether the peer can no longer read either.
    pub(super) fn is_gone(&self) -> bool {
        self.stream.is_gone()
    }
}

fn malformed(error: &FrameError) -> ErrorReply {
    ErrorReply::new(ErrorCode::Malformed, error.to_string())
}

/// What is sent in place of a message that exceeds its bound.
fn too_long(message: &ServerMessage, error: &FrameError) -> ServerMessage {
    let id = match message {
        ServerMessage::Reply { id, .. } | ServerMessage::Error { id, .. } => *id,
        ServerMessage::Event(_) => 0,
    };
    ServerMessage::Error { id, error: ErrorReply::new(ErrorCode::Internal, error.to_string()) }
}

#[cfg(test)]
mod tests;
