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
mod tickets;

#[cfg(test)]
pub(crate) mod made;

use poise_core::plan::Identities;
use poise_ipc::Config;
use poise_ipc::advice::Finding;
use poise_ipc::fault::Fault;
use tokio::net::TcpStream;

use crate::wall::now_ms;

pub(crate) use self::arrival::{WorkerState, misdirects, shake_hands};
pub(crate) use self::client::ClientTls;
pub use self::keeper::Keeper;
pub(crate) use self::reading::{Reading, Wants};
pub(crate) use self::server::ServerTls;
pub use self::snapshot::Published;
pub use self::tickets::TicketKeys;

/// What there is to advise on what a configuration needs for TLS, its files read now. Blocks.
///
/// # Errors
/// Every fault of it.
pub(crate) fn judge(config: &Config) -> Result<Vec<Finding>, Vec<Fault>> {
    let unreadable = |error| vec![Fault::new("certificates", format!("they cannot be read: {error}"))];
    let (mut keeper, now_ms) = (Keeper::new().map_err(unreadable)?, now_ms());
    let reading = keeper.wants(config).read();
    let faults = reading.faults(config, now_ms);
    if !faults.is_empty() {
        return Err(faults);
    }
    keeper.take(config, &Identities::default(), reading, now_ms);
    Ok(keeper.findings(config, now_ms))
}

/// A connection after its handshake, with a client or a backend.
pub(crate) type TlsStream = tokio_rustls::TlsStream<TcpStream>;
