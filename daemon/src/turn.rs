//! Waiting for a backend that has room, when all that may be used are full.
//!
//! Places are given in the order of arrival over all workers; a slot that comes free on one wakes
//! a client of another. Who waits follows the plan: it may be given a backend that was not there
//! when it came. Both relays wait here, before anything is sent. It opens no connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use poise_core::live::Inflight;
use poise_core::plan::{BackendId, BackendPlan, GroupPlan};
use poise_core::queue::Ticket;
use poise_ipc::cause::Cause;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::wall;
use crate::worker::{Alarm, Watch, WorkerContext};

/// A backend with the slot that counts the work at it.
pub(crate) struct Turn {
    /// The backend.
    pub(crate) backend: Arc<BackendPlan>,
    /// Counted while this is held.
    pub(crate) slot: Inflight,
}

impl Turn {
    /// Begins at a backend.
    pub(crate) fn at(backend: &Arc<BackendPlan>, slot: Inflight) -> Self {
        Self { backend: Arc::clone(backend), slot }
    }
}

/// Waits in the queue of a group, for `wants` alone if there is one, for as long as the
/// group allows. Whether the client has left says `left`, which is asked whenever its task is woken.
///
/// # Errors
/// [`Cause::QueueFull`], [`Cause::QueueTimeout`], [`Cause::ClientClosed`] or [`Cause::Shutdown`].
///
/// # Cancel safety
/// Dropping it is leaving the queue.
pub(crate) async fn wait(
    ctx: &WorkerContext,
    group: &Arc<GroupPlan>,
    wants: Option<BackendId>,
    watch: &Watch,
    mut left: impl FnMut(&mut Context<'_>) -> bool,
) -> Result<Turn, Cause> {
    watch.rearm(group.settings.queue_timeout_ms);
    // Ends: the deadline is that of all rounds together, and a round is lost only when the backend
    // is removed in the moment in which it is given.
    loop {
        let now = current(ctx, group);
        let places_max = now.settings.queue_max.0;
        let ticket = now.queue.join(wants, places_max, wall::now_ms()).ok_or(Cause::QueueFull)?;
        now.offer();
        let slot = poll_fn(|cx| poll_turn(cx, &ticket, watch, &mut left)).await?;
        if let Some(backend) = current(ctx, group).backend(slot.backend()) {
            return Ok(Turn::at(backend, slot));
        }
    }
}

/// The group as it is now.
fn current(ctx: &WorkerContext, group: &Arc<GroupPlan>) -> Arc<GroupPlan> {
    let plan = ctx.published.load();
    Arc::clone(plan.group(&group.name).unwrap_or(group))
}

fn poll_turn(
    cx: &mut Context<'_>,
    ticket: &Ticket,
    watch: &Watch,
    left: &mut impl FnMut(&mut Context<'_>) -> bool,
) -> Poll<Result<Inflight, Cause>> {
    if let Poll::Ready(slot) = ticket.poll(cx) {
        return Poll::Ready(Ok(slot));
    }
    if left(cx) {
        return Poll::Ready(Err(Cause::ClientClosed));
    }
    watch.poll_alarm(cx).map(|alarm| match alarm {
        Alarm::Due => Err(Cause::QueueTimeout),
        Alarm::Draining | Alarm::Cut => Err(Cause::Shutdown),
    })
}

/// Whether a client has gone: it has ended its side without a word. One that has spoken may have
/// ended its side and still wait.
pub(crate) fn has_left(cx: &mut Context<'_>, client: &TcpStream) -> bool {
    let peeked = client.poll_peek(cx, &mut ReadBuf::new(&mut [0_u8; 1]));
    matches!(peeked, Poll::Ready(Ok(0) | Err(_)))
}
