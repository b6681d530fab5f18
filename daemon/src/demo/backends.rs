//! Embedded backends for the demo: small HTTP/1.1 and echo servers on loopback, each with a
//! character that shows on a console.
//!
//! They understand what the daemon sends them and no more: requests without a body. Not a test
//! double for the relay's rules, which have tests of their own.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::Backends;

#[cfg(test)]
mod tests;

/// Connections of one backend; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// Bytes of a request head.
const HEAD_LEN_MAX: u64 = 16 << 10;
/// Silence that ends a connection.
const IDLE_MS: u64 = 60_000;
/// Bytes that an echo backend moves at once.
const ECHO_LEN: usize = 4_096;
/// How long a flapping backend is well.
const WELL_MS: u128 = 20_000;
/// How long it is ill after that.
const ILL_MS: u128 = 10_000;
/// One request in this many fails on an erroring backend.
const ERROR_EVERY: u64 = 10;

/// How a backend behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Character {
    /// Answers after this time, in milliseconds, and half of it more or less.
    Steady(u64),
    /// Answers 503 to everything for a while, again and again.
    Flapping,
    /// Passes its health checks and fails some requests.
    Erroring,
    /// Sends back every byte.
    Echo,
}

/// The backends of `assets/demo.toml`. What drains or has weight 0 there is steady here: that is
/// the operator's doing, not the backend's.
pub(super) const CAST: [(&str, Character); 9] = [
    ("app/fast", Character::Steady(1)),
    ("app/slow", Character::Steady(30)),
    ("app/flapping", Character::Flapping),
    ("app/erroring", Character::Erroring),
    ("app/draining", Character::Steady(1)),
    ("app/spare", Character::Steady(1)),
    ("echo/echo-1", Character::Echo),
    ("echo/echo-2", Character::Echo),
    ("echo/echo-3", Character::Echo),
];

/// Binds and starts every backend; they live as long as the runtime.
pub(super) async fn start() -> io::Result<Backends> {
    let mut addresses = BTreeMap::new();
    for (name, character) in CAST {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.insert(name.to_owned(), listener.local_addr()?);
        tokio::spawn(accept(listener, Backend::new(name, character)));
    }
    Ok(Backends { addresses })
}

async fn accept(listener: TcpListener, backend: Backend) {
    let backend = Arc::new(backend);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let Ok((client, _)) = listener.accept().await else {
            // Out of descriptors: give others time to close theirs.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let backend = Arc::clone(&backend);
        tokio::spawn(async move {
            // A connection that fails is the demo's daily bread.
            let _ = backend.serve(client).await;
            drop(permit);
        });
    }
}

/// One backend while it runs.
#[derive(Debug)]
struct Backend {
    name: &'static str,
    character: Character,
    started: Instant,
    requests_total: AtomicU64,
}

/// What a backend answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    delay_ms: u64,
    status: &'static str,
}

impl Backend {
    fn new(name: &'static str, character: Character) -> Self {
        Self { name, character, started: Instant::now(), requests_total: AtomicU64::new(0) }
    }

    async fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        match self.character {
            Character::Echo => echo(client).await,
            _ => self.http(BufReader::new(client)).await,
        }
    }

    async fn http(&self, mut client: BufReader<TcpStream>) -> io::Result<()> {
        while let Some(head) = read_head(&mut client).await? {
            let answer = self.answer(head.is_check);
            sleep(Duration::from_millis(answer.delay_ms)).await;
            let body = format!("{}\n", self.name);
            let reply = format!(
                "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}",
                answer.status,
                body.len(),
                if head.bodiless { "" } else { &body }
            );
            client.get_mut().write_all(reply.as_bytes()).await?;
            if head.last {
                break;
            }
        }
        client.get_mut().shutdown().await
    }

    /// What the next request gets.
    fn answer(&self, is_check: bool) -> Answer {
        let number = self.requests_total.fetch_add(u64::from(!is_check), Ordering::Relaxed);
        let ok = |delay_ms| Answer { delay_ms, status: "200 OK" };
        match self.character {
            // A fixed zigzag: the same on every run.
            Character::Steady(ms) if !is_check => ok(ms / 2 + (number * 7) % ms.max(1)),
            Character::Flapping if self.started.elapsed().as_millis() % (WELL_MS + ILL_MS) >= WELL_MS => {
                Answer { delay_ms: 1, status: "503 Service Unavailable" }
            }
            Character::Erroring if !is_check && number % ERROR_EVERY == ERROR_EVERY - 1 => {
                Answer { delay_ms: 2, status: "500 Internal Server Error" }
            }
            _ => ok(1),
        }
    }
}

/// What matters of a request.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    is_check: bool,
    bodiless: bool,
    last: bool,
}

/// Reads a head; `None` at the end of the connection.
async fn read_head(client: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    let mut head = String::new();
    let mut bounded = client.take(HEAD_LEN_MAX);
    while !head.ends_with("\r\n\r\n") {
        let read = timeout(Duration::from_millis(IDLE_MS), bounded.read_line(&mut head)).await;
        if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
            return Ok(None);
        }
    }
    let lower = head.to_ascii_lowercase();
    let is_check = lower.contains("\r\nuser-agent: poise-check/");
    Ok(Some(Head { is_check, bodiless: head.starts_with("HEAD "), last: lower.contains("\r\nconnection: close") }))
}

async fn echo(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; ECHO_LEN];
    loop {
        let read = timeout(Duration::from_millis(IDLE_MS), client.read(&mut buffer)).await;
        match read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => return client.shutdown().await,
            len => client.write_all(&buffer[..len]).await?,
        }
    }
}
