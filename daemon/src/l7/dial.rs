//! Opening a connection to a backend, TLS included, within its time.
//!
//! It chooses nothing and tries once; `exchange` decides what a failure means.

use std::io;
use std::rc::Rc;

use poise_core::plan::{BackendPlan, TlsStamp};
use poise_ipc::cause::Cause;
use poise_ipc::status::PassiveCause;
use tokio::net::TcpStream;
use tracing::warn;

use super::outbound::Link;
use super::stream::Stream;
use crate::connect::{Errand, Reached, reach};
use crate::shortage::is_shortage;
use crate::worker::{Alarm, Watch, WorkerContext};

/// Connects to a backend, for no longer than `timeout_ms`.
///
/// # Errors
/// [`Cause::ConnectFailed`], [`Cause::TlsToBackend`] or [`Cause::ConnectTimeout`], counted at the
/// backend unless this host has run out of something, or [`Cause::Shutdown`].
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
    let opened = watch.bound(connect_or_clear(ctx, errand, backend)).await;
    let cause = match opened {
        Ok(Ok(Reached { stream, passing })) => {
            let secured = match backend.tls {
                None => Ok(Ok(stream.into())),
                // Rare and large: its room is not held by those without.
                Some(stamp) => Box::pin(watch.bound(secure(ctx, backend, stamp, stream))).await,
            };
            match secured {
                Ok(Ok(stream)) => {
                    backend.live.streaks.succeeded(PassiveCause::ConnectErrors);
                    return Ok(Link::new(stream, passing, backend, ctx.index));
                }
                Ok(Err(cause)) => cause,
                Err(Alarm::Due) => Cause::ConnectTimeout,
                Err(Alarm::Draining | Alarm::Cut) => return Err(Cause::Shutdown),
            }
        }
        Ok(Err(error)) if is_shortage(&error) => return Err(Cause::ConnectFailed),
        Ok(Err(_)) => Cause::ConnectFailed,
        Err(Alarm::Due) => Cause::ConnectTimeout,
        Err(Alarm::Draining | Alarm::Cut) => return Err(Cause::Shutdown),
    };
    backend.live.worker(ctx.index).connect_failures.add(1);
    backend.live.streaks.failed(PassiveCause::ConnectErrors);
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

/// Shakes hands over TLS.
async fn secure(
    ctx: &WorkerContext,
    backend: &BackendPlan,
    stamp: TlsStamp,
    stream: TcpStream,
) -> Result<Stream, Cause> {
    // Gone from what is published: the plan of this request is two plans behind.
    let settings = ctx.tls.published().client(stamp).ok_or(Cause::TlsToBackend)?;
    let shaken = settings.connect(&backend.settings.address, stream).await;
    shaken.map(Stream::from).map_err(|error| {
        if ctx.tls_log.admits(ctx.clock.now_ms()) {
            warn!(backend = %backend.name, reason = error.reason.word(), %error, "no TLS with a backend");
        }
        Cause::TlsToBackend
    })
}
