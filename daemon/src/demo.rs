//! The world of `poise demo`: embedded backends of different character and bounded traffic, in a
//! process of its own beside a real daemon.
//!
//! Speaks one line each way with the process that started it: backends out, listeners in. It ends
//! when its input ends, so it never outlives that process. Nothing here is used by `poised` itself.

mod backends;
mod certificate;
mod traffic;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

pub use self::certificate::make_certificate;
use crate::store::StateDir;

/// Bytes of the line that names the listeners.
const LINE_LEN_MAX: u64 = 4_096;
/// What the name of a demo's directory begins with.
pub const DIRECTORY_PREFIX: &str = "poise-demo-";
/// The daemon's state within it.
pub const STATE: &str = "state";
/// Time between two looks whether the daemon has ended.
const RETRY: Duration = Duration::from_millis(25);
/// Time that work gets to end by itself once its input has ended.
const STOP_MS: u64 = 5_000;

/// What the world says first: where each backend listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backends {
    /// Addresses by `group/backend`.
    pub addresses: BTreeMap<String, SocketAddr>,
}

/// What the world is told: where the daemon accepts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Listeners {
    /// The listener of protocol `http`.
    pub http: SocketAddr,
    /// The listener of protocol `tcp`.
    pub tcp: SocketAddr,
}

/// Runs backends and traffic until standard input ends, then clears up behind the whole demo: the
/// process that started it may be gone without having done so.
///
/// # Errors
/// When no port can be bound on loopback, or standard output is closed.
pub fn world(directory: &Path) -> io::Result<()> {
    let outcome = play();
    remove(directory);
    outcome
}

/// Removes the demo's directory once the daemon has let go of its state there.
fn remove(directory: &Path) {
    let ours =
        directory.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(DIRECTORY_PREFIX.as_bytes()));
    if !ours {
        return;
    }
    let deadline = Instant::now() + Duration::from_millis(STOP_MS) + RETRY;
    while StateDir::hold(&directory.join(STATE)).is_err() && directory.exists() && Instant::now() < deadline {
        thread::sleep(RETRY);
    }
    // Gone already where the demo ended in order.
    let _ = std::fs::remove_dir_all(directory);
}

fn play() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let (told, listeners) = oneshot::channel();
    let (closed, end) = oneshot::channel::<()>();
    thread::Builder::new().name("demo-input".to_owned()).spawn(move || {
        if let Ok(listeners) = read_line() {
            // The other end is gone only when the world has failed already.
            let _ = told.send(listeners);
        }
        drain_input();
        drop(closed);
    })?;
    runtime.block_on(async {
        let backends = backends::start().await?;
        say(&backends)?;
        tokio::select! {
            () = drive(listeners) => {}
            _ = end => {}
        }
        Ok(())
    })
}

async fn drive(listeners: oneshot::Receiver<Listeners>) {
    match listeners.await {
        Ok(listeners) => traffic::run(listeners).await,
        Err(_) => std::future::pending().await,
    }
}

fn say(backends: &Backends) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, backends)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn read_line() -> io::Result<Listeners> {
    let mut line = String::new();
    io::stdin().lock().take(LINE_LEN_MAX).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Returns when standard input has ended.
fn drain_input() {
    // An error ends the input as well as its end does.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// Asks this process to stop as SIGTERM would once standard input ends, and ends it if it does not.
///
/// For a daemon that must not outlive the process that started it.
///
/// # Errors
/// When no thread can be started.
pub fn stop_with_input() -> io::Result<()> {
    thread::Builder::new().name("demo-leash".to_owned()).spawn(|| {
        drain_input();
        // Failing to signal oneself leaves the exit below.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
        thread::sleep(Duration::from_millis(STOP_MS));
        std::process::exit(1);
    })?;
    Ok(())
}
