//! Telling a client at the door why it is not served, as long as that is no flood.
//!
//! A reply costs some reads and writes and holds a descriptor for a moment, so both their rate and
//! their number are bounded; beyond that a client is reset, as on a `tcp` listener. Every refusal is
//! counted by its cause, told or not. Called by the door for `http`.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::plan::ListenerPlan;
use poise_ipc::cause::Cause;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::client::Relay;
use crate::worker::WorkerContext;

/// Clients of one worker that are told at the same time: their descriptors come out of the reserve.
const UNDER_WAY_MAX: u32 = 32;
/// Clients of one worker that are told in one second: a hundredth of its time.
const PER_SECOND_MAX: u32 = 200;

/// What bounds the farewells of one worker.
#[derive(Debug, Default)]
pub(super) struct Farewells {
    under_way: Cell<u32>,
    second: Cell<u64>,
    in_second: Cell<u32>,
}

impl Farewells {
    /// Whether one more may be told now.
    pub(super) fn admits(&self, now_ms: u64) -> bool {
        let second = now_ms / 1_000;
        if self.second.replace(second) != second {
            self.in_second.set(0);
        }
        let admits = self.under_way.get() < UNDER_WAY_MAX && self.in_second.get() < PER_SECOND_MAX;
        if admits {
            self.under_way.set(self.under_way.get() + 1);
            self.in_second.set(self.in_second.get() + 1);
        }
        admits
    }

    /// One that was told has gone.
    pub(super) fn end(&self) {
        self.under_way.set(self.under_way.get() - 1);
    }
}

/// Parts with a client that is not let in: with a reply where that is cheap, else as if nobody
/// listened. Counts it either way.
pub(crate) fn turn_away(
    ctx: &Rc<WorkerContext>,
    listener: &Arc<ListenerPlan>,
    (client, peer): (TcpStream, SocketAddr),
    cause: Cause,
) {
    if cause.status().is_none() || !ctx.l7.farewells.admits(ctx.clock.now_ms()) {
        ctx.ended(listener, None, peer, cause);
        let _ = client.set_zero_linger();
        return;
    }
    let (ctx, listener) = (Rc::clone(ctx), Arc::clone(listener));
    drop(spawn_local(async move {
        let mut relay = Relay::new(Rc::clone(&ctx), listener, client.into(), peer);
        relay.refuse(cause, None).await;
        ctx.l7.farewells.end();
    }));
}

#[cfg(test)]
mod tests;
