//! HTTP/2, on the side of clients and on the side of backends.
//!
//! Every stream is one message of HTTP/1.1 to the rest of `l7`: what a stream asks is written as the
//! head that an HTTP/1.1 client would send, and passes the same scan, limits, routes and choices;
//! what is answered is read from the bytes that such a client would get. So nothing reaches a
//! backend that HTTP/1 could misread, and no rule exists twice. Frames, windows and HPACK are those
//! of the `h2` crate, hyper's own; hyper itself would neither pass interim responses on nor go on
//! with an upload while a client does not read, nor let us say why a connection ends.

mod ask;
mod backend;
mod client;
mod crew;
mod edge;
mod frames;
mod incoming;
mod io;
mod pace;
mod reply;
mod sessions;
mod usual;

pub(super) use self::backend::BackendStream;
pub(super) use self::client::ClientStream;
pub(super) use self::edge::{PREFACE, serve};
pub(super) use self::sessions::{Sessions, dial, stream};

/// Bytes of one DATA frame, in either direction.
const FRAME_BYTES_MAX: u32 = 16 << 10;
/// Bytes that a peer may send on one stream before somebody has taken them.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// The same for all streams of a connection together, which bounds what an idle or hostile one
/// holds.
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// Bytes of one stream that wait for the peer's window or socket.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// What `h2` may keep beside the data of small frames that nobody has taken: a burst of some 16,000
/// messages, as a stream of gRPC may bring. Those that wait longer are gathered without it.
const MORSELS_BYTES_MAX: usize = 4 << 20;
/// Streams that a peer may have reset, or made us reset, before the connection ends.
const RESETS_MAX: u32 = 200;
