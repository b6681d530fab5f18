//! HTTP/2 clients over TLS: so many requests in flight over each connection.
//!
//! One thread, as any load; a connection that fails is counted and opened anew. Knows nothing of
//! HTTP/1, which `exchange` speaks.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use h2::client::SendRequest;
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::wire;
use super::{FAILURES_MAX, Plan};
use crate::backend::BODY;
use crate::tally::{Failure, Tally};

type Shared = Rc<RefCell<Tally>>;
type Outcome = Result<(), Failure>;
type Requests = SendRequest<bytes::Bytes>;

/// Asks until the time is over.
pub(super) fn run(plan: &Plan, window: usize) -> io::Result<Tally> {
    let tls = plan.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
    let connector = TlsConnector::from(Arc::new(wire::config(&tls.certificate, tls.resume, b"h2")?));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    let tally = Shared::default();
    let began = Instant::now();
    let end = (began + plan.length).into();
    let clients = LocalSet::new();
    for _ in 0..plan.clients {
        let (plan, connector, tally) = (plan.clone(), connector.clone(), Rc::clone(&tally));
        clients.spawn_local(timeout_at(end, async move { client(&plan, &connector, window, &tally).await }));
    }
    runtime.block_on(clients);
    let counted = tally.borrow().clone();
    Ok(counted.took(began.elapsed()))
}

/// A client for as long as the load lasts.
async fn client(plan: &Plan, connector: &TlsConnector, window: usize, tally: &Shared) {
    while tally.borrow().failures_total() < FAILURES_MAX {
        if let Err(failure) = connection(plan, connector, window, tally).await {
            tally.borrow_mut().fail(failure, 1);
        }
    }
}

/// A connection until it fails.
async fn connection(plan: &Plan, connector: &TlsConnector, window: usize, tally: &Shared) -> Outcome {
    let socket = TcpStream::connect(plan.target).await.map_err(|_| Failure::Refused)?;
    socket.set_nodelay(true).map_err(|_| Failure::Refused)?;
    let sealed = connector.connect(wire::server_name(), socket).await.map_err(|_| Failure::Refused)?;
    let (requests, connection) = h2::client::handshake(sealed).await.map_err(|_| Failure::Reset)?;
    // Dropped with this function, and all tasks with it.
    let mut tasks = JoinSet::new();
    tasks.spawn_local(async move { connection.await.map_err(|_| Failure::Reset) });
    for _ in 0..window {
        let (mut requests, tally) = (requests.clone(), Rc::clone(tally));
        tasks.spawn_local(async move {
            loop {
                requests = exchange(requests).await?;
                tally.borrow_mut().units += 1;
            }
        });
    }
    match tasks.join_next().await {
        Some(Ok(Err(failure))) => Err(failure),
        _ => Err(Failure::Reset),
    }
}

/// One request, and its answer checked.
async fn exchange(requests: Requests) -> Result<Requests, Failure> {
    let mut requests = requests.ready().await.map_err(|_| Failure::Reset)?;
    let request = Request::builder().uri("https://localhost/").header("accept", "*/*").body(());
    let request = request.expect("made of constants");
    let (response, _) = requests.send_request(request, true).map_err(|_| Failure::Reset)?;
    let (head, mut body) = response.await.map_err(|_| Failure::Reset)?.into_parts();
    let mut came = 0;
    while let Some(bytes) = body.data().await {
        let bytes = bytes.map_err(|_| Failure::Short)?;
        if bytes.iter().any(|byte| *byte != b'x') {
            return Err(Failure::Wrong);
        }
        came += bytes.len();
        body.flow_control().release_capacity(bytes.len()).map_err(|_| Failure::Reset)?;
    }
    if head.status == StatusCode::OK && came == BODY.len() { Ok(requests) } else { Err(Failure::Wrong) }
}
