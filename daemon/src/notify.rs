//! Words to the service manager: ready, reloading, stopping, another process is the main one, still alive.
//!
//! The protocol of `sd_notify(3)`: one datagram of lines to the socket that `NOTIFY_SOCKET` names, a path
//! or, behind `@`, an abstract name. Without it nobody is told. It decides nothing.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The service manager, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Manager {
    way: Option<Arc<(UnixDatagram, SocketAddr)>>,
    alive_every: Option<Duration>,
}

impl Manager {
    /// The one that has started this process.
    pub(crate) fn here() -> Self {
        let way = std::env::var_os("NOTIFY_SOCKET").and_then(|name| way(&name));
        let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse().ok());
        let meant = std::env::var("WATCHDOG_PID").ok().and_then(|pid| pid.parse().ok());
        let is_meant = meant.is_none_or(|pid: u32| pid == std::process::id());
        let micros = micros.filter(|&micros: &u64| is_meant && micros > 0);
        // Twice in the time that it waits, as sd_watchdog_enabled(3) advises.
        Self { alive_every: way.as_ref().and(micros).map(|micros| Duration::from_micros(micros / 2)), way }
    }

    /// How often it wants to hear that this process lives.
    pub(crate) fn alive_every(&self) -> Option<Duration> {
        self.alive_every
    }

    /// This process serves.
    pub(crate) fn ready(&self) {
        self.say("READY=1\nSTATUS=serving");
    }

    /// It reads its configuration again; [`Manager::ready`] follows.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    /// It drains and ends.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=draining");
    }

    /// Another process is the main one from now on.
    pub(crate) fn handed_to(&self, pid: u32) {
        self.say(&format!("MAINPID={pid}"));
    }

    /// It lives.
    pub(crate) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    fn say(&self, words: &str) {
        let Some((socket, to)) = self.way.as_deref() else { return };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), to) {
            tracing::debug!(%error, "the service manager does not hear");
        }
    }
}

fn way(name: &OsStr) -> Option<Arc<(UnixDatagram, SocketAddr)>> {
    let to = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok()?,
        [b'/', ..] => SocketAddr::from_pathname(name).ok()?,
        _ => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    // A manager that does not read is not waited for.
    socket.set_nonblocking(true).ok()?;
    Some(Arc::new((socket, to)))
}

#[cfg(test)]
mod tests;
