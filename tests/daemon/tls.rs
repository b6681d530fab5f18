//! TLS through the real program: with clients, with backends, and what operators see of it.

mod backends;
mod certificates;
mod clients;
mod failures;
mod floods;
mod names;
mod replacing;
mod targets;

use std::net::SocketAddr;

use poise_ipc::status::{ListenerStatus, TlsFailure};

use crate::backends::Scripted;
use crate::process::{Daemon, Place};
use crate::secured::Shelf;

/// A listener `front` with these certificates of a shelf and more of its TLS settings, in front of
/// one backend.
fn config(shelf: &Shelf, certificates: &[&str], more: &str, backend: &Scripted) -> String {
    let sections: String = certificates.iter().map(|name| shelf.section(name)).collect();
    let names: Vec<String> = certificates.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "{sections}[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"https\"\ngroup = \"app\"\n\
        tls = {{ certificates = [{}]{more} }}\n\
        [groups.app]\nhealth_check = \"off\"\n[groups.app.backends]\none = {{ address = \"{}\" }}\n",
        names.join(", "),
        backend.address
    )
}

/// A backend that answers every request with 200.
fn plain() -> Scripted {
    Scripted::new(|mut stream| while crate::secured::answer(&mut stream, "plain").is_ok_and(|more| more) {})
}

/// A daemon with such a configuration.
fn started(shelf: &Shelf, certificates: &[&str], more: &str, backend: &Scripted) -> (Place, Daemon) {
    let place = Place::new(&config(shelf, certificates, more, backend));
    let daemon = place.start();
    (place, daemon)
}

fn front(daemon: &Daemon) -> ListenerStatus {
    daemon.status().listeners.into_iter().find(|listener| listener.name.as_str() == "front").expect("configured")
}

fn address(daemon: &Daemon) -> SocketAddr {
    front(daemon).bind.ip().expect("an address and port")
}

/// How many handshakes have failed for a reason.
fn failures(daemon: &Daemon, reason: TlsFailure) -> u64 {
    let failures = front(daemon).counters.tls.failures_total;
    failures.into_iter().find(|(found, _)| *found == reason).map_or(0, |(_, count)| count)
}
