//! Refused messages on the wire: which requests and responses were refused last, and the byte at
//! fault.
//!
//! The excerpts hold what peers sent, credentials included: the verb that carries them needs the
//! role `operate`. How they are shown is the client's.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::name::Name;

/// Refused messages that the daemon keeps of each listener; older ones give way.
pub const ERRORS_KEPT_MAX: usize = 64;
/// Bytes of a refused message that are kept, around the byte at fault.
pub const EXCERPT_BYTES_MAX: usize = 1_024;

/// Which refused messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorQuery {
    /// Only those of this listener.
    #[serde(default)]
    pub listener: Option<Name>,
    /// How many, 1 to 1000; the newest are returned, oldest first.
    #[serde(default = "limit_default")]
    pub limit: u32,
    /// Only those with a larger number.
    #[serde(default)]
    pub after_seq: u64,
}

impl Default for ErrorQuery {
    fn default() -> Self {
        Self { listener: None, limit: limit_default(), after_seq: 0 }
    }
}

const fn limit_default() -> u32 {
    20
}

/// The refused messages that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// The messages, oldest first.
    pub rows: Vec<ErrorRow>,
    /// Messages that were refused too fast after others to be kept, since the start.
    pub skipped_total: u64,
}

/// Which message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// A request of a client.
    Request,
    /// A response of a backend.
    Response,
}

impl Side {
    /// The word for screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// A refused message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// Number of the message, counted from 1 since the start.
    pub seq: u64,
    /// When it was refused, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The listener.
    pub listener: Name,
    /// Whether it was a request or a response.
    pub side: Side,
    /// The group of the backend that it was for or from, if one was chosen.
    pub group: Option<Name>,
    /// The backend.
    pub backend: Option<Name>,
    /// The client's end of the connection.
    pub peer: SocketAddr,
    /// What counters and the reply call it.
    pub cause: Cause,
    /// What was wrong, in a sentence without an end.
    pub reason: String,
    /// Where the byte at fault stands in what had arrived of the message.
    pub offset: u64,
    /// Where the excerpt begins there.
    pub start: u64,
    /// Bytes round the one at fault, two hexadecimal digits each.
    pub excerpt: String,
}

impl ErrorRow {
    /// The bytes of the excerpt; what is no digit ends them.
    pub fn bytes(&self) -> Vec<u8> {
        let pairs = self.excerpt.as_bytes().chunks_exact(2);
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        pairs.map_while(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
    }

    /// Bytes as they travel.
    pub fn excerpt_of(bytes: &[u8]) -> String {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('?');
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_travels_without_loss() {
        let bytes: Vec<u8> = (0..=255).collect();
        let row = ErrorRow {
            seq: 1,
            at_ms: 0,
            listener: "web".parse().expect("a name"),
            side: Side::Request,
            group: None,
            backend: None,
            peer: ([127, 0, 0, 1], 1).into(),
            cause: Cause::BadRequest,
            reason: String::new(),
            offset: 0,
            start: 0,
            excerpt: ErrorRow::excerpt_of(&bytes),
        };
        assert_eq!(row.bytes(), bytes);
    }
}
