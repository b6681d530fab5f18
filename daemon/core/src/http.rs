//! HTTP/1 read and written strictly: what two parsers could read differently is refused.
//!
//! A head is scanned byte by byte first, then parsed, then its framing is decided once; bodies are
//! followed by a push machine that says how many bytes belong to the message. It reads and writes
//! slices only: sockets, deadlines and buffers are the relay's (`daemon/src/l7`), its only caller.

pub mod bounds;
pub mod chunked;
pub mod content;
pub mod cookie;
pub mod fields;
pub mod forwarded;
pub mod framing;
mod host;
pub mod locate;
pub mod onward;
mod peer;
pub mod refusal;
pub mod request;
pub mod response;
pub mod scan;
mod store;

#[cfg(test)]
mod tests;
