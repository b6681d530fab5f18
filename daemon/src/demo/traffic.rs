//! Traffic for the demo: a fixed number of clients at a fixed pace, each waiting for its answer.
//!
//! Bounded by construction: a client has one connection and one request at a time, and a beat it
//! misses is skipped. It reads answers only as far as their end; nothing is measured here, the
//! console shows the daemon's own counters.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Listeners;

#[cfg(test)]
mod tests;

/// Clients that send requests.
const HTTP_CLIENTS: u64 = 16;
/// Time between two requests of a client: 16 clients make 300 requests a second.
const REQUEST_MS: u64 = 53;
/// Requests of a client before it opens a new connection.
const REQUESTS_PER_CONNECTION: u64 = 200;
/// Clients that send bytes and read them back.
const TCP_CLIENTS: u64 = 12;
/// Time between two messages of such a client.
const MESSAGE_MS: u64 = 20;
/// Messages of the shortest connection; client n sends n times as many.
const MESSAGES_MIN: u64 = 10;
/// Bytes of a message.
const MESSAGE_LEN: usize = 1_024;
/// Time that an answer may take.
const ANSWER_MS: u64 = 5_000;
/// Pause of a client whose connection failed.
const PAUSE_MS: u64 = 500;
/// Bytes of an answer's head.
const HEAD_LEN_MAX: u64 = 16 << 10;
/// Bytes of an answer's body.
const BODY_LEN_MAX: u64 = 64 << 10;

/// Runs every client, for ever.
pub(super) async fn run(listeners: Listeners) {
    let mut clients = JoinSet::new();
    for number in 0..HTTP_CLIENTS {
        clients.spawn(http_client(listeners.http, number));
    }
    for number in 0..TCP_CLIENTS {
        clients.spawn(tcp_client(listeners.tcp, number));
    }
    while clients.join_next().await.is_some() {}
}

async fn http_client(address: SocketAddr, number: u64) {
    // Spread over one beat, so that the pace is even.
    sleep(Duration::from_millis(REQUEST_MS * number / HTTP_CLIENTS)).await;
    loop {
        if requests(address).await.is_err() {
            sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }
}

/// One connection's worth of requests.
async fn requests(address: SocketAddr) -> io::Result<()> {
    let mut beat = interval(Duration::from_millis(REQUEST_MS));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: poise-demo\r\n\r\n");
    for _ in 0..REQUESTS_PER_CONNECTION {
        beat.tick().await;
        stream.get_mut().write_all(request.as_bytes()).await?;
        let answer = timeout(Duration::from_millis(ANSWER_MS), answer(&mut stream)).await;
        answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    Ok(())
}

/// Reads an answer to its end.
async fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut head = String::new();
    let mut bounded = (&mut *stream).take(HEAD_LEN_MAX);
    while !head.ends_with("\r\n\r\n") {
        if bounded.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body_len = content_length(&head).filter(|len| *len <= BODY_LEN_MAX).ok_or(io::ErrorKind::InvalidData)?;
    tokio::io::copy(&mut (&mut *stream).take(body_len), &mut tokio::io::sink()).await?;
    Ok(())
}

fn content_length(head: &str) -> Option<u64> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

async fn tcp_client(address: SocketAddr, number: u64) {
    loop {
        if messages(address, MESSAGES_MIN * (number + 1)).await.is_err() {
            sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }
}

/// One connection's worth of messages, each read back.
async fn messages(address: SocketAddr, count: u64) -> io::Result<()> {
    let mut beat = interval(Duration::from_millis(MESSAGE_MS));
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut stream = TcpStream::connect(address).await?;
    let message = [b'.'; MESSAGE_LEN];
    let mut back = [0; MESSAGE_LEN];
    for _ in 0..count {
        beat.tick().await;
        stream.write_all(&message).await?;
        let read = timeout(Duration::from_millis(ANSWER_MS), stream.read_exact(&mut back)).await;
        read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    stream.shutdown().await
}
