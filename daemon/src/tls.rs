//! TLS, with clients and with backends: the one place that knows rustls.
//!
//! Control reads and judges certificates (`keeper`) and publishes what handshakes go by
//! (`snapshot`); workers and probes shake hands (`server`, `client`). Nothing here opens a socket,
//! speaks HTTP or decides about a request.

mod arrival;
mod certificate;
mod client;
mod facts;
mod insecure;
mod keeper;
mod kit;
mod names;
mod pem;
mod reading;
mod roots;
mod server;
mod snapshot;

#[cfg(test)]
mod made;

use tokio::net::TcpStream;

pub(crate) use self::arrival::{WorkerState, shake_hands};
pub(crate) use self::client::ClientTls;
pub use self::keeper::Keeper;
pub(crate) use self::reading::{Reading, Wants};
pub(crate) use self::server::ServerTls;
pub use self::snapshot::Published;

/// A connection after its handshake, with a client or a backend.
pub(crate) type TlsStream = tokio_rustls::TlsStream<TcpStream>;
