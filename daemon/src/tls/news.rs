//! The log of handshakes that came to nothing: a line for each reason in a while, with how many there
//! were.
//!
//! Any stranger can let a handshake fail, so nobody gets a line each; the counters of the listener
//! have them all. Called by `arrival`.

use std::cell::Cell;
use std::net::SocketAddr;

use poise_ipc::Name;
use poise_ipc::status::TlsFailure;
use tracing::{debug, info};

use super::server::Failed;

/// Shortest time between two lines for one reason on one worker, in milliseconds.
const LINE_EVERY_MS: u64 = 10_000;

/// What a worker has told.
#[derive(Debug, Default)]
pub(super) struct News([Reason; TlsFailure::ALL.len()]);

/// What was told of one reason.
#[derive(Debug, Default)]
struct Reason {
    /// When the next line may be written.
    next_ms: Cell<u64>,
    /// Failures without a line since the last one.
    untold: Cell<u64>,
}

impl News {
    /// Tells of a failure, or counts it for the next line.
    pub(super) fn tell(&self, listener: &Name, client: SocketAddr, failed: &Failed, now_ms: u64) {
        let Failed { reason, said } = failed;
        let said = said.as_deref();
        // A connection that comes and goes is what probes of others and scanners of ports do.
        let is_worth_it = !matches!(reason, TlsFailure::Closed);
        match self.0[*reason as usize].line(now_ms) {
            Some(untold) if is_worth_it => {
                info!(%listener, %client, %reason, said, untold, "no TLS with a client");
            }
            _ => debug!(%listener, %client, %reason, said, "no TLS with a client"),
        }
    }
}

impl Reason {
    /// How many had no line, if there may be one now.
    fn line(&self, now_ms: u64) -> Option<u64> {
        if now_ms < self.next_ms.get() {
            self.untold.set(self.untold.get() + 1);
            return None;
        }
        self.next_ms.set(now_ms + LINE_EVERY_MS);
        Some(self.untold.replace(0))
    }
}

#[cfg(test)]
mod tests;
