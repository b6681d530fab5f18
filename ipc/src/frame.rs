//! Frames and lines: messages as bytes and back, without IO.
//!
//! Two codecs carry the same types: bincode behind a length of four bytes (little-endian), and one
//! JSON value per line. Lengths are checked before anything is allocated, a body must be consumed
//! to its last byte, and no input makes a decoder panic. The bincode form is the standard format
//! of bincode 2, pinned by golden bytes. Called by the client and the control socket's server.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{FRAME_LEN_MAX, REPLY_LEN_MAX};
use crate::message::{Request, ServerMessage};

/// Bytes of the length before a bincode body.
const PREFIX_LEN: usize = 4;
/// bincode counts decoded, not read bytes against its limit: a varint of one byte counts as eight.
const DECODED_PER_READ_MAX: usize = 8;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// bincode behind a length.
    Frames,
    /// One JSON value per line.
    Lines,
}

/// Where the next message lies in a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its body.
    pub body: Range<usize>,
    /// Where the message after it begins.
    pub end: usize,
}

/// Why bytes are no message, or a message does not become bytes.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than allowed; what follows cannot be found any more.
    #[error("a message of {len} bytes exceeds the {max} bytes allowed")]
    Length {
        /// Bytes announced, found so far or needed.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The body is not the message that was expected; the one after it can still be read.
    #[error("read a message: {0}")]
    Body(String),
    /// Bytes were left behind the message.
    #[error("{0} bytes follow the message within its frame")]
    Trailing(usize),
    /// The message cannot be written.
    #[error("write a message: {0}")]
    Encode(String),
}

/// A message of the protocol with the bound of its direction.
pub trait Message: Serialize + DeserializeOwned {
    /// Bytes of its body at the most.
    const LEN_MAX: usize;

    /// Reads a bincode body.
    ///
    /// # Errors
    /// [`FrameError::Body`] and [`FrameError::Trailing`].
    fn from_frame(body: &[u8]) -> Result<Self, FrameError>;
}

impl Message for Request {
    const LEN_MAX: usize = FRAME_LEN_MAX;

    fn from_frame(body: &[u8]) -> Result<Self, FrameError> {
        whole::<Self, { FRAME_LEN_MAX * DECODED_PER_READ_MAX }>(body)
    }
}

impl Message for ServerMessage {
    const LEN_MAX: usize = REPLY_LEN_MAX;

    fn from_frame(body: &[u8]) -> Result<Self, FrameError> {
        whole::<Self, { REPLY_LEN_MAX * DECODED_PER_READ_MAX }>(body)
    }
}

impl Codec {
    /// The message as bytes to send: with its length before it, or with a line end behind it.
    ///
    /// # Errors
    /// [`FrameError::Length`] when the message exceeds the bound of its direction,
    /// [`FrameError::Encode`] when it has no written form.
    pub fn encode<M: Message>(self, message: &M) -> Result<Vec<u8>, FrameError> {
        let bytes = match self {
            Self::Frames => {
                let mut bytes = vec![0; PREFIX_LEN];
                bincode::serde::encode_into_std_write(message, &mut bytes, bincode::config::standard())
                    .map_err(|e| FrameError::Encode(e.to_string()))?;
                bytes
            }
            Self::Lines => serde_json::to_vec(message).map_err(|e| FrameError::Encode(e.to_string()))?,
        };
        self.close::<M>(bytes)
    }

    fn close<M: Message>(self, mut bytes: Vec<u8>) -> Result<Vec<u8>, FrameError> {
        let len = if self == Self::Frames { bytes.len() - PREFIX_LEN } else { bytes.len() };
        let too_long = || FrameError::Length { len, max: M::LEN_MAX };
        if len > M::LEN_MAX {
            return Err(too_long());
        }
        match self {
            Self::Frames => {
                let prefix = u32::try_from(len).map_err(|_| too_long())?.to_le_bytes();
                bytes[..PREFIX_LEN].copy_from_slice(&prefix);
            }
            Self::Lines => bytes.push(b'\n'),
        }
        Ok(bytes)
    }

    /// Finds the first whole message of direction `M` in `buffer`; `None` when more bytes are due.
    /// The first `searched` bytes are known to hold no line end, so that a client that sends byte
    /// by byte does not have its line searched from the start each time.
    ///
    /// # Errors
    /// [`FrameError::Length`] as soon as it is known that the message is too long.
    pub fn split<M: Message>(self, buffer: &[u8], searched: usize) -> Result<Option<Cut>, FrameError> {
        match self {
            Self::Frames => split_frame(buffer, M::LEN_MAX),
            Self::Lines => split_line(buffer, searched, M::LEN_MAX),
        }
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// [`FrameError::Body`] and [`FrameError::Trailing`].
    pub fn decode<M: Message>(self, body: &[u8]) -> Result<M, FrameError> {
        match self {
            Self::Frames => M::from_frame(body),
            Self::Lines => serde_json::from_slice(body).map_err(|e| FrameError::Body(e.to_string())),
        }
    }

    /// The id of a request whose verb could not be read; 0 when not even that can be.
    pub fn request_id(self, body: &[u8]) -> u64 {
        match self {
            Self::Frames => part::<u64, 8>(body).map_or(0, |(id, _)| id),
            Self::Lines => serde_json::from_slice::<IdAlone>(body).map_or(0, |alone| alone.id),
        }
    }
}

/// What can be read of a request whose verb is unknown.
#[derive(serde::Deserialize)]
struct IdAlone {
    #[serde(default)]
    id: u64,
}

fn split_frame(buffer: &[u8], max: usize) -> Result<Option<Cut>, FrameError> {
    let Some((prefix, rest)) = buffer.split_first_chunk::<PREFIX_LEN>() else { return Ok(None) };
    let len = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    if len > max {
        return Err(FrameError::Length { len, max });
    }
    let end = PREFIX_LEN + len;
    Ok((rest.len() >= len).then_some(Cut { body: PREFIX_LEN..end, end }))
}

fn split_line(buffer: &[u8], searched: usize, max: usize) -> Result<Option<Cut>, FrameError> {
    let within = &buffer[..buffer.len().min(max + 1)];
    let searched = searched.min(within.len());
    match within[searched..].iter().position(|&byte| byte == b'\n') {
        Some(at) => Ok(Some(Cut { body: 0..searched + at, end: searched + at + 1 })),
        None if within.len() > max => Err(FrameError::Length { len: buffer.len(), max }),
        None => Ok(None),
    }
}

/// Decodes a value that must fill the body; `LIMIT` bounds what the decoder may claim.
fn whole<T: DeserializeOwned, const LIMIT: usize>(body: &[u8]) -> Result<T, FrameError> {
    let (value, consumed) = part::<T, LIMIT>(body)?;
    match body.len() - consumed {
        0 => Ok(value),
        left => Err(FrameError::Trailing(left)),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that decodes: with a limit, and the caller checks the rest"
)]
fn part<T: DeserializeOwned, const LIMIT: usize>(body: &[u8]) -> Result<(T, usize), FrameError> {
    bincode::serde::decode_from_slice(body, bincode::config::standard().with_limit::<LIMIT>())
        .map_err(|e| FrameError::Body(e.to_string()))
}

#[cfg(test)]
mod tests;
