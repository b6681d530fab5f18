//! TLS, with clients and with backends: the one place that knows rustls.
//!
//! Control reads and judges certificates (`keeper`) and publishes what handshakes go by
//! (`snapshot`); workers and probes shake hands (`server`, `client`). Nothing here opens a socket,
//! speaks HTTP or decides about a request.

mod arrival;
mod certificate;
mod client;
mod crowd;
mod facts;
mod insecure;
mod keeper;
mod kit;
mod names;
mod news;
mod pem;
mod reading;
mod roots;
mod server;
mod snapshot;

#[cfg(test)]
mod made;

use poise_ipc::Config;
use poise_ipc::fault::Fault;
use tokio::net::TcpStream;

use crate::wall::now_ms;

pub(crate) use self::arrival::{WorkerState, misdirects, shake_hands};
pub(crate) use self::client::ClientTls;
pub use self::keeper::Keeper;
pub(crate) use self::reading::{Reading, Wants};
pub(crate) use self::server::ServerTls;
pub use self::snapshot::Published;

/// Every fault of what a configuration needs for TLS, its files read now. Blocks.
pub(crate) fn faults(config: &Config) -> Vec<Fault> {
    match Keeper::new() {
        Ok(keeper) => keeper.wants(config).read().faults(config, now_ms()),
        Err(error) => vec![Fault::new("certificates", format!("they cannot be read: {error}"))],
    }
}

/// A connection after its handshake, with a client or a backend.
pub(crate) type TlsStream = tokio_rustls::TlsStream<TcpStream>;
