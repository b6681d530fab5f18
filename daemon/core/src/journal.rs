//! The access log: what is told of one request, and the three ways in which it is written.
//!
//! An entry becomes one line, whatever its bytes are: nothing from outside can end a line, begin
//! another field or reach a terminal as a control character. It reads no clock and writes no file;
//! the relays fill entries and hand the lines over.

mod combined;
mod escape;
mod haproxy;
mod id;
mod json;
mod termination;
mod time;

use std::net::{IpAddr, SocketAddr};

use poise_ipc::cause::Cause;
use poise_ipc::persistence::PersistenceVerdict;

pub use id::{ID_LEN, RequestId};
pub use termination::Stage;

/// What is told of one request.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// When its head was complete, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Its id, as the backend was told.
    pub id: &'a [u8],
    /// The listener that accepted it.
    pub listener: &'a str,
    /// The route that took it; none for the listener's own group.
    pub route: Option<&'a str>,
    /// The group that it was for, once known.
    pub group: Option<&'a str>,
    /// The backend that it went to last.
    pub backend: Option<&'a str>,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The client: the peer, or whom trusted proxies name.
    pub client: IpAddr,
    /// What was asked; none when no head could be read.
    pub asked: Option<Line<'a>>,
    /// `User-Agent`, empty without one.
    pub agent: &'a [u8],
    /// `Referer`, empty without one.
    pub referer: &'a [u8],
    /// The status that the client was told; none when it was told nothing.
    pub status: Option<u16>,
    /// Why it ended badly, if it did.
    pub cause: Option<Cause>,
    /// How far it came.
    pub stage: Stage,
    /// Bytes of the request.
    pub bytes_in: u64,
    /// Bytes of the response, its head included.
    pub bytes_out: u64,
    /// Times of its phases.
    pub times: Times,
    /// Further backends or connections that were tried.
    pub retries: u32,
    /// What persistence said of its cookie; none where the listener does not go by cookies.
    pub bond: Option<PersistenceVerdict>,
    /// Whether the response sets or rewrites the cookie.
    pub binds: bool,
    /// Version of TLS, if the client speaks it.
    pub tls: Option<&'a str>,
    /// What else was open when it ended.
    pub load: Load,
}

/// The first line of a request.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its method.
    pub method: &'a [u8],
    /// Its target, as the client sent it.
    pub target: &'a [u8],
    /// Its host, empty without one.
    pub host: &'a [u8],
    /// Its version.
    pub version: Version,
}

/// The version of HTTP that the client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// As it stands in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// Times of the phases of a request, in microseconds; those that were not reached are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Waiting until a backend had room.
    pub queue_us: Option<u64>,
    /// Reaching the backend; 0 over a connection that was open.
    pub connect_us: Option<u64>,
    /// From the head of the request to the first byte of the response.
    pub first_byte_us: Option<u64>,
    /// From the head of the request to the end.
    pub total_us: u64,
    /// From the first byte of the request to the end of its head; 0 when it came at once.
    pub head_us: u64,
}

/// What was open when a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections of the listener.
    pub listener: u64,
    /// Requests that the backend worked on.
    pub backend: u64,
    /// Requests that waited for a backend of the group.
    pub queued: u64,
}

/// How the lines of a listener are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, everything that is known.
    Json,
    /// As HAProxy's `option httplog`.
    Haproxy,
    /// As Apache's `combined`.
    Combined,
}

impl Entry<'_> {
    /// Appends its line.
    pub fn write(&self, format: Format, out: &mut Vec<u8>) {
        match format {
            Format::Json => json::write(self, out),
            Format::Haproxy => haproxy::write(self, out),
            Format::Combined => combined::write(self, out),
        }
    }
}

#[cfg(test)]
mod tests;
