//! The HTTP relay: requests of a client connection, each to a backend of its own choice.
//!
//! Called by the worker for every connection of an `http` listener.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use poise_core::plan::ListenerPlan;
use tokio::net::TcpStream;

use crate::worker::WorkerContext;

/// What the relay keeps on a worker between connections.
#[derive(Debug, Default)]
pub struct WorkerState {}

/// Serves a client until its connection ends. The worker counts the connection and notices a
/// panic; everything else is counted here.
pub async fn serve(_ctx: Rc<WorkerContext>, _listener: Arc<ListenerPlan>, client: TcpStream, _peer: SocketAddr) {
    drop(client);
    std::future::ready(()).await;
}
