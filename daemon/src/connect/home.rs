//! Connecting to a backend that is one of poised's own listeners.
//!
//! The connection gets a name before it is opened, an address of its own or an abstract one, and
//! is entered with the listeners that it has passed: it may be accepted before this side hears that
//! it is open. Whoever accepts it looks the name up.

use std::io;
use std::net::SocketAddr;

use poise_core::plan::{BackendPlan, Target};
use rustix::net::SocketAddrUnix;
use socket2::{SockAddr, SockRef};
use tokio::net::TcpStream;

use super::{Errand, Reached, dial, foreign_socket, own_socket, unix};
use crate::loops::{Caller, Passage};
use crate::source::source_of;
use crate::worker::WorkerContext;

/// Connects as [`super::connect()`] does, under a name.
pub(super) async fn connect(ctx: &WorkerContext, errand: Errand<'_>, backend: &BackendPlan) -> io::Result<Reached> {
    let passage = passage(ctx, errand, backend);
    let enter = |caller| Some(Box::new(ctx.loops.dials().enter(caller, passage)));
    match &backend.target {
        Target::Ip(address) => {
            let socket = match errand.manner.from {
                Some(client) => foreign_socket(client, *address)?,
                None => own_socket(*address)?,
            };
            if errand.manner.from.is_none() {
                socket.bind(SocketAddr::new(source_of(address.ip())?, 0))?;
            }
            let passing = enter(Caller::ip(socket.local_addr()?));
            Ok(Reached { stream: dial(socket, *address, errand.manner.data).await?, passing })
        }
        Target::Unix(path) => {
            let socket = unix::socket()?;
            // Without a name of ours the kernel gives it one that nobody has.
            rustix::net::bind(&socket, &SocketAddrUnix::new_unnamed())?;
            let passing = SockRef::from(&socket).local_addr().ok().and_then(|name| named(&name)).and_then(enter);
            Ok(Reached { stream: unix::connect(socket, path).await?, passing })
        }
        Target::Unresolved => {
            Ok(Reached { stream: super::connect(&backend.target, errand.manner).await?, passing: None })
        }
    }
}

/// The way of the client so far, and this listener.
fn passage(ctx: &WorkerContext, errand: Errand<'_>, backend: &BackendPlan) -> Passage {
    let before = errand.client.and_then(caller).and_then(|caller| ctx.loops.dials().passage(&caller));
    let mut listeners = before.map(|before| before.listeners.clone()).unwrap_or_default();
    listeners.push(errand.listener);
    Passage { listeners, backend: backend.id }
}

/// How the peer of a connection names itself.
fn caller(client: &TcpStream) -> Option<Caller> {
    SockRef::from(client).peer_addr().ok().and_then(|name| named(&name))
}

fn named(address: &SockAddr) -> Option<Caller> {
    let unix = || address.as_abstract_namespace().map(|name| Caller::Unix(name.to_vec()));
    address.as_socket().map(Caller::ip).or_else(unix)
}
