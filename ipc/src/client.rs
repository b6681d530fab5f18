//! The client of the control socket, for the console and for script verbs.
//!
//! Speaks bincode frames behind the hello, or JSON lines to a daemon of another build. [`Client`] is one request at a time with a deadline;
//! the console splits it into [`Sender`] and [`Receiver`]. It neither reconnects nor retries: what
//! a lost answer means is the caller's to say.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::frame::{Codec, FrameError, Message};
use crate::hello::{self, Hello};
use crate::message::{ErrorReply, Event, Reply, Request, ServerMessage, Verb, Welcome};
use crate::transport::Stream;

/// Time in which a request is answered, unless the caller says otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Events kept while a request waits for its reply; the oldest go first and leave a gap in `seq`.
const EVENTS_WAITING_MAX: usize = 4_096;
/// How the line of an event begins.
const EVENT_FIRST: &[u8] = b"{\"event\":";
/// Bytes asked of the socket at once.
const READ_LEN: usize = 64 << 10;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers at the socket.
    #[error("reach the daemon at {}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The daemon speaks another version of the protocol.
    #[error("the daemon speaks version {theirs} of the protocol, this client version {}", hello::VERSION)]
    Version {
        /// The daemon's version.
        theirs: u16,
    },
    /// The connection ended. A change that was under way may or may not have been made.
    #[error("the daemon closed the connection")]
    Closed,
    /// No answer within the deadline. A change that was under way may or may not be made.
    #[error("the daemon gave no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The daemon refused.
    #[error("{}", .0.message)]
    Refused(Box<ErrorReply>),
    /// What came is no message of the protocol, or a request is too long for it.
    #[error("speak to the daemon: {0}")]
    Protocol(String),
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// A connection that asks one thing at a time.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
    welcome: Welcome,
    events: VecDeque<Event>,
    timeout: Duration,
}

/// The half that asks.
#[derive(Debug)]
pub struct Sender {
    stream: Stream,
    codec: Codec,
    last_id: u64,
}

/// The half that hears.
#[derive(Debug)]
pub struct Receiver {
    stream: Stream,
    codec: Codec,
    buffer: BytesMut,
    /// Bytes of it that hold no line end.
    searched: usize,
}

impl Client {
    /// Connects, agrees on the version and learns who is at the other end.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Version`], [`ClientError::Refused`] when the
    /// daemon has no room.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        Self::connect_as("poise", path, REQUEST_TIMEOUT).await
    }

    /// The same under a name for history and audit, 1 to 64 printable ASCII characters, with a
    /// deadline for the connection and for each request on it.
    ///
    /// # Errors
    /// As [`Client::connect`], and [`ClientError::TimedOut`].
    pub async fn connect_as(client: &str, path: &Path, limit: Duration) -> Result<Self, ClientError> {
        match timeout(limit, Self::open(client, path, limit)).await {
            Ok(done) => done,
            Err(_) => Err(ClientError::TimedOut(limit)),
        }
    }

    async fn open(client: &str, path: &Path, limit: Duration) -> Result<Self, ClientError> {
        let (mut sender, mut receiver) = reach(path, Codec::Frames).await?;
        // Hello and first request travel together: one round trip. An error in writing means that
        // the daemon has closed; what it said before that is still to be read, and says why.
        let _ = sender.greet(client).await;
        let theirs = receiver.hello().await?;
        if theirs.version != hello::VERSION || !theirs.frames {
            return Err(ClientError::Version { theirs: theirs.version });
        }
        if theirs.words != hello::WORDS {
            // Another build, as after an upgrade: names are understood where numbers are not.
            (sender, receiver) = reach(path, Codec::Lines).await?;
            sender.send(Verb::Introduce { client: client.to_owned() }).await?;
        }
        match receiver.next().await? {
            ServerMessage::Reply { reply: Reply::Hello(welcome), .. } => {
                Ok(Self { sender, receiver, welcome, events: VecDeque::new(), timeout: limit })
            }
            ServerMessage::Error { error, .. } => Err(ClientError::Refused(Box::new(error))),
            _ => Err(ClientError::Protocol("the first answer is none to a hello".to_owned())),
        }
    }

    /// What the daemon said of itself and of this connection.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Asks and waits for the answer. Events that arrive meanwhile are kept for
    /// [`Client::next_event`], 4096 at the most.
    ///
    /// # Errors
    /// Every variant but `Unreachable` and `Version`. After any but [`ClientError::Refused`] the
    /// connection is of no further use.
    ///
    /// # Cancel safety
    /// Not cancel safe: a dropped request may have been sent.
    pub async fn request(&mut self, verb: Verb) -> Result<Reply, ClientError> {
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, self.exchange(verb)).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::TimedOut(self.timeout)),
        }
    }

    async fn exchange(&mut self, verb: Verb) -> Result<Reply, ClientError> {
        let asked = self.sender.send(verb).await?;
        loop {
            match self.receiver.next().await? {
                ServerMessage::Reply { id, reply } if id == asked => return Ok(reply),
                // Id 0: the daemon could not read the request or ends the connection.
                ServerMessage::Error { id, error } if id == asked || id == 0 => {
                    return Err(ClientError::Refused(Box::new(error)));
                }
                ServerMessage::Event(event) => {
                    if self.events.len() == EVENTS_WAITING_MAX {
                        self.events.pop_front();
                    }
                    self.events.push_back(event);
                }
                ServerMessage::Reply { .. } | ServerMessage::Error { .. } => {}
            }
        }
    }

    /// The next event of the subscription; waits for it without a deadline.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Protocol`], [`ClientError::Refused`] when the
    /// daemon ends the connection and says why.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next_event(&mut self) -> Result<Event, ClientError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        loop {
            match self.receiver.next().await? {
                ServerMessage::Event(event) => return Ok(event),
                ServerMessage::Error { id: 0, error } => return Err(ClientError::Refused(Box::new(error))),
                ServerMessage::Reply { .. } | ServerMessage::Error { .. } => {}
            }
        }
    }

    /// The two halves, for those who ask and hear at the same time. Events that were kept are
    /// dropped: split before subscribing.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// Connects, to speak so.
async fn reach(path: &Path, codec: Codec) -> Result<(Sender, Receiver), ClientError> {
    let unreachable = |source| ClientError::Unreachable { path: path.to_owned(), source };
    let stream = Stream::connect(path).await.map_err(unreachable)?;
    let sender = Sender { stream: stream.clone(), codec, last_id: 0 };
    Ok((sender, Receiver { stream, codec, buffer: BytesMut::new(), searched: 0 }))
}

impl Sender {
    /// Sends a request and says which id its answer will carry.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Protocol`] when the request is too long.
    ///
    /// # Cancel safety
    /// Not cancel safe: half a frame may have been written.
    pub async fn send(&mut self, verb: Verb) -> Result<u64, ClientError> {
        self.last_id += 1;
        let frame = self.codec.encode(&Request { id: self.last_id, verb })?;
        self.stream.write_all(&frame).await.map_err(|_| ClientError::Closed)?;
        Ok(self.last_id)
    }

    async fn greet(&mut self, client: &str) -> Result<(), ClientError> {
        self.last_id += 1;
        let verb = Verb::Introduce { client: client.to_owned() };
        let mut bytes = Hello::CLIENT.encode().to_vec();
        bytes.extend(Codec::Frames.encode(&Request { id: self.last_id, verb })?);
        self.stream.write_all(&bytes).await.map_err(|_| ClientError::Closed)
    }
}

impl Receiver {
    /// The next message. An event of another build that is not known here is passed over.
    ///
    /// # Errors
    /// [`ClientError::Closed`], [`ClientError::Protocol`].
    ///
    /// # Cancel safety
    /// Cancel safe: bytes that were read stay in the buffer.
    pub async fn next(&mut self) -> Result<ServerMessage, ClientError> {
        loop {
            if let Some(cut) = self.codec.split::<ServerMessage>(&self.buffer, self.searched)? {
                let body = &self.buffer[cut.body];
                let message = self.codec.decode(body);
                let is_news = message.is_err() && self.codec == Codec::Lines && body.starts_with(EVENT_FIRST);
                self.buffer.advance(cut.end);
                self.searched = 0;
                if is_news {
                    continue;
                }
                return Ok(message?);
            }
            self.searched = self.buffer.len();
            self.fill().await?;
        }
    }

    async fn hello(&mut self) -> Result<Hello, ClientError> {
        while self.buffer.len() < hello::LEN {
            self.fill().await?;
        }
        let bytes = self.buffer.first_chunk().expect("the loop above has filled it");
        let theirs = Hello::decode(bytes).map_err(|e| ClientError::Protocol(e.to_string()))?;
        self.buffer.advance(hello::LEN);
        Ok(theirs)
    }

    async fn fill(&mut self) -> Result<(), ClientError> {
        debug_assert!(self.buffer.len() <= ServerMessage::LEN_MAX + READ_LEN, "split refuses longer messages");
        self.buffer.reserve(READ_LEN);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(ClientError::Closed),
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
