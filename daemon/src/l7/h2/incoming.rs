//! A body that arrives in DATA frames, read as HTTP/1.1 frames it, after the head that it belongs to.
//!
//! With a known length the data passes as it is; without, it is chunked, and trailers follow the
//! last chunk. A stream opens its window again by what has been read here. Used for requests of
//! clients and for responses of backends.

use std::io;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use h2::RecvStream;
use http::HeaderMap;

use super::super::held::Held;
use super::ask::write_field;

/// What a chunk's size takes, with both line ends.
const CHUNK_OVERHEAD: usize = 16;
/// A chunk that is made where there is no room for one.
const SMALL_CHUNK: usize = 1 << 10;

/// A message that is read.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Head, small chunks and trailers on their way out.
    staged: Held,
    /// Data that has arrived.
    data: Bytes,
    /// What has arrived behind it.
    behind: Vec<u8>,
    stage: Stage,
    stream: Option<RecvStream>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Data,
    Trailers,
    Over,
}

impl Incoming {
    /// A message with this head. Without a stream, nothing follows it.
    pub(super) fn new(head: Vec<u8>, stream: Option<RecvStream>, chunked: bool) -> Self {
        let stage = if stream.is_some() { Stage::Data } else { Stage::Over };
        Self { staged: Held::new(head), data: Bytes::new(), behind: Vec::new(), stage, stream, chunked }
    }

    /// Whether all of it has been read.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over && self.staged.is_empty() && self.data.is_empty() && self.behind.is_empty()
    }

    /// Reads what has arrived. Pending for ever once it is over.
    ///
    /// # Errors
    /// When the peer has reset the stream, or broken its rules.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut at = 0;
        // Ends: every turn moves bytes or takes the stream a stage further.
        while at < into.len() {
            if !self.staged.is_empty() {
                let count = self.staged.bytes().len().min(into.len() - at);
                into[at..at + count].copy_from_slice(&self.staged.bytes()[..count]);
                self.staged.consume(count);
                at += count;
            } else if !self.data.is_empty() {
                at += self.take(&mut into[at..])?;
            } else if !self.behind.is_empty() {
                self.data = std::mem::take(&mut self.behind).into();
            } else {
                match self.poll_stream(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) if at == 0 => return Poll::Ready(Err(error)),
                    // Asked again, the stream says it again.
                    Poll::Ready(Err(_)) | Poll::Pending => break,
                }
            }
        }
        if at == 0 { Poll::Pending } else { Poll::Ready(Ok(at)) }
    }

    /// Takes in what arrives while nobody reads it. The window bounds it, but a window full of small
    /// frames is many: `h2` keeps 250 bytes beside each, and ends a connection that has too many.
    pub(super) fn gather(&mut self, cx: &mut Context<'_>) {
        let Some(stream) = self.stream.as_mut().filter(|_| self.stage == Stage::Data) else { return };
        // Ends: nothing more comes than the window admits.
        while let Poll::Ready(arrived) = stream.poll_data(cx) {
            match arrived {
                Some(Ok(data)) if self.data.is_empty() && self.behind.is_empty() => self.data = data,
                Some(Ok(data)) => self.behind.extend_from_slice(&data),
                // Asked again, the stream says it again.
                Some(Err(_)) => return,
                None => {
                    self.stage = Stage::Trailers;
                    return;
                }
            }
        }
    }

    /// Moves data that has arrived; where a chunk finds no room, a small one is staged instead.
    fn take(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.chunked {
            let count = self.data.len().min(into.len());
            self.data.copy_to_slice(&mut into[..count]);
            self.release(count);
            return Ok(count);
        }
        if into.len() <= CHUNK_OVERHEAD {
            let count = self.data.len().min(SMALL_CHUNK);
            let mut chunk = Vec::with_capacity(count + CHUNK_OVERHEAD);
            write_chunk(&self.data[..count], &mut chunk)?;
            self.staged = Held::new(chunk);
            self.data.advance(count);
            self.release(count);
            return Ok(0);
        }
        let count = self.data.len().min(into.len() - CHUNK_OVERHEAD);
        let room = into.len();
        let mut rest = into;
        write_chunk(&self.data[..count], &mut rest)?;
        let used = room - rest.len();
        self.data.advance(count);
        self.release(count);
        Ok(used)
    }

    fn release(&mut self, count: usize) {
        if let Some(stream) = &mut self.stream {
            // Fails only for more than has arrived.
            let _ = stream.flow_control().release_capacity(count);
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Pending };
        match self.stage {
            Stage::Over => return Poll::Pending,
            Stage::Data => match std::task::ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => self.data = data,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, error))),
                None => self.stage = Stage::Trailers,
            },
            Stage::Trailers => {
                let trailers = std::task::ready!(stream.poll_trailers(cx));
                let trailers = trailers.map_err(|error| io::Error::new(io::ErrorKind::ConnectionReset, error))?;
                self.stage = Stage::Over;
                if self.chunked {
                    self.staged = Held::new(last_chunk(trailers.as_ref()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn write_chunk(data: &[u8], mut out: impl io::Write) -> io::Result<()> {
    write!(out, "{:x}\r\n", data.len())?;
    out.write_all(data)?;
    out.write_all(b"\r\n")
}

fn last_chunk(trailers: Option<&HeaderMap>) -> Vec<u8> {
    let mut out = b"0\r\n".to_vec();
    for (name, value) in trailers.into_iter().flatten() {
        write_field(name, value.as_bytes(), &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out
}
