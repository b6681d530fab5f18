//! Opening a connection to a backend, within its time.
//!
//! It chooses nothing and tries once; `exchange` decides what a failure means.

use std::io;
use std::rc::Rc;

use poise_core::plan::BackendPlan;
use poise_ipc::cause::Cause;
use tokio::net::TcpStream;

use super::outbound::Link;
use crate::worker::{Alarm, Watch, WorkerContext};

/// Connects to a backend, for no longer than `timeout_ms`.
///
/// # Errors
/// [`Cause::ConnectFailed`] or [`Cause::ConnectTimeout`], counted at the backend, or
/// [`Cause::Shutdown`].
///
/// # Cancel safety
/// Dropping it closes the socket.
pub(super) async fn dial(
    ctx: &Rc<WorkerContext>,
    backend: &BackendPlan,
    watch: &Watch,
    timeout_ms: u32,
) -> Result<Link, Cause> {
    watch.rearm(timeout_ms);
    let outcome = watch.bound(connect(ctx, backend)).await;
    let cause = match outcome {
        Ok(Ok(stream)) => return Ok(Link::new(stream, backend, ctx.index)),
        Err(Alarm::Cut) => return Err(Cause::Shutdown),
        Ok(Err(_)) => Cause::ConnectFailed,
        Err(Alarm::Due | Alarm::Draining) => Cause::ConnectTimeout,
    };
    backend.live.worker(ctx.index).connect_failures.add(1);
    Err(cause)
}

async fn connect(ctx: &Rc<WorkerContext>, backend: &BackendPlan) -> io::Result<TcpStream> {
    let stream = match TcpStream::connect(backend.address).await {
        Err(error) if is_out_of_descriptors(&error) => {
            // Idle connections are worth less than this request.
            ctx.l7.pool.borrow_mut().clear();
            TcpStream::connect(backend.address).await?
        }
        outcome => outcome?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(number, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}
