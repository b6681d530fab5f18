//! Opening a connection to a backend, within its time.
//!
//! It chooses nothing and tries once; `exchange` decides what a failure means.

use std::io;
use std::rc::Rc;

use poise_core::plan::BackendPlan;
use poise_ipc::cause::Cause;

use super::outbound::Link;
use crate::connect::{Errand, Reached, reach};
use crate::shortage::is_shortage;
use crate::worker::{Alarm, Watch, WorkerContext};

/// Connects to a backend, for no longer than `timeout_ms`.
///
/// # Errors
/// [`Cause::ConnectFailed`] or [`Cause::ConnectTimeout`], counted at the backend unless this host
/// has run out of something, or [`Cause::Shutdown`].
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(super) async fn dial(
    ctx: &Rc<WorkerContext>,
    errand: Errand<'_>,
    backend: &BackendPlan,
    watch: &Watch,
    timeout_ms: u32,
) -> Result<Link, Cause> {
    watch.rearm(timeout_ms);
    let outcome = watch.bound(connect_or_clear(ctx, errand, backend)).await;
    let cause = match outcome {
        Ok(Ok(reached)) => return Ok(Link::new(reached, backend, ctx.index)),
        Ok(Err(error)) if is_shortage(&error) => return Err(Cause::ConnectFailed),
        Ok(Err(_)) => Cause::ConnectFailed,
        Err(Alarm::Due) => Cause::ConnectTimeout,
        Err(Alarm::Draining | Alarm::Cut) => return Err(Cause::Shutdown),
    };
    backend.live.worker(ctx.index).connect_failures.add(1);
    Err(cause)
}

async fn connect_or_clear(ctx: &WorkerContext, errand: Errand<'_>, backend: &BackendPlan) -> io::Result<Reached> {
    match reach(ctx, errand, backend).await {
        Err(error) if is_shortage(&error) => {
            // Idle connections are worth less than this request.
            ctx.l7.pool.borrow_mut().clear();
            reach(ctx, errand, backend).await
        }
        outcome => outcome,
    }
}
