//! TCP clients that take all the bytes they can get.
//!
//! The kernel throws most of them away unseen (`MSG_TRUNC`), so that the load costs little; the
//! beginning, and a piece every few MiB, is read and compared with what the backend sends.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, Result};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, connect, recv, socket_with};

use super::{FAILURES_MAX, Plan, WAIT_MAX};
use crate::backend::pattern;
use crate::poller::Poller;
use crate::tally::{Failure, Tally};

/// Bytes thrown away at once, at most.
const TAKE_BYTES_MAX: usize = 4 << 20;
/// Bytes read and compared at once.
const CHECK_BYTES: usize = 16 * 1024;
/// Bytes from one comparison to the next.
const CHECK_EVERY_BYTES: u64 = 16 << 20;
/// A client that gets nothing for so long waits in vain, which is a failure.
const SILENCE_MAX: Duration = Duration::from_millis(500);

struct Client {
    socket: OwnedFd,
    taken_bytes: u64,
    check_at_bytes: u64,
    heard: Instant,
}

/// Takes bytes until the time is over.
pub(super) fn run(plan: &Plan) -> Result<Tally> {
    let began = Instant::now();
    let mut poller = Poller::new()?;
    let mut clients = Vec::with_capacity(plan.clients);
    for at in 0..plan.clients {
        clients.push(dial(plan, &poller, at)?);
    }
    let mut buffer = vec![0; TAKE_BYTES_MAX];
    let mut tally = Tally::default();
    let mut ready = Vec::new();
    while began.elapsed() < plan.length && tally.failures_total() < FAILURES_MAX {
        poller.wait(WAIT_MAX, &mut ready)?;
        for event in &ready {
            let client = &mut clients[event.token];
            match take(client, &mut buffer) {
                Ok(bytes) => tally.units += bytes,
                Err(failure) => {
                    tally.fail(failure, 1);
                    *client = dial(plan, &poller, event.token)?;
                }
            }
        }
    }
    let silent = clients.iter().filter(|client| client.heard.elapsed() > SILENCE_MAX);
    tally.fail(Failure::Short, silent.count() as u64);
    Ok(tally.took(began.elapsed()))
}

fn dial(plan: &Plan, poller: &Poller, at: usize) -> Result<Client> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    // What fails at once fails again as an event, and is counted there.
    let _ = connect(&socket, &plan.target);
    poller.add(&socket, at, EventFlags::IN)?;
    Ok(Client { socket, taken_bytes: 0, check_at_bytes: 0, heard: Instant::now() })
}

fn take(client: &mut Client, buffer: &mut [u8]) -> std::result::Result<u64, Failure> {
    let check = client.taken_bytes >= client.check_at_bytes;
    let received = if check {
        recv(&client.socket, &mut buffer[..CHECK_BYTES], RecvFlags::empty())
    } else {
        recv(&client.socket, &mut *buffer, RecvFlags::TRUNC)
    };
    let len = match received {
        Ok((_, 0)) => return Err(Failure::Short),
        Ok((_, len)) => len,
        Err(Errno::AGAIN) => return Ok(0),
        Err(Errno::CONNREFUSED) => return Err(Failure::Refused),
        Err(_) => return Err(Failure::Reset),
    };
    if check {
        if buffer[..len] != pattern(client.taken_bytes, len) {
            return Err(Failure::Wrong);
        }
        client.check_at_bytes += CHECK_EVERY_BYTES;
    }
    client.taken_bytes += len as u64;
    client.heard = Instant::now();
    Ok(len as u64)
}
