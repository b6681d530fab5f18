//! HTTP/2 through the relay: streams of clients, backends of either version, and clients that only
//! make work.

mod backends;
mod bodies;
mod floods;
mod goodbyes;
mod guards;
mod limits;
mod memory;
mod morsels;
mod partings;
mod rules;
mod streams;

use std::net::SocketAddr;

use poise_ipc::model::{BackendProtocol, Config, Http2, Protocol};

use crate::rig::{Rig, front, name};

/// A listener that takes HTTP/2 with prior knowledge.
fn config(backends: &[SocketAddr]) -> Config {
    let mut config = front(Protocol::Http, backends);
    config.listeners.get_mut(&name("front")).expect("the listener").http2 = Http2::On;
    config
}

fn h2(backends: &[SocketAddr]) -> Rig {
    Rig::new(config(backends))
}

/// The same, with backends that speak HTTP/2 too.
fn h2_to_h2(backends: &[SocketAddr]) -> Rig {
    let mut config = config(backends);
    config.groups.get_mut(&name("app")).expect("the group").backend_protocol = BackendProtocol::Http2;
    Rig::new(config)
}
