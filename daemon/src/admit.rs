//! Letting a client in: the access lists of its listener, then the limits.
//!
//! Asked once per connection, by the door that accepted it or, where the client's address comes
//! with a PROXY header, by whoever has read that. A client of a Unix socket has no address: the
//! socket's mode says who may come, and only the limits of the listener apply. It closes nothing.

use std::net::SocketAddr;

use poise_core::limit::Admitted;
use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;

/// Counts a connection of a client that may come, for as long as the result is held. `now_ms` is
/// the time of the workers.
///
/// # Errors
/// [`Cause::Denied`], [`Cause::ListenerLimit`] or [`Cause::SourceLimit`].
pub(crate) fn admit(listener: &ListenerPlan, client: SocketAddr, now_ms: u64) -> Result<Admitted, Cause> {
    // Who is trusted speaks for others, and those are asked about with each request.
    let address = Some(client.ip()).filter(|ip| !ip.is_unspecified() && !listener.forwarding.trusts(*ip));
    if address.is_some_and(|address| !listener.access.admits(address)) {
        return Err(Cause::Denied);
    }
    listener.limiter.admit(address, &listener.settings.limits, now_ms)
}
