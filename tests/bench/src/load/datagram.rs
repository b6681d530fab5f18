//! UDP clients, each with so many datagrams in flight.
//!
//! Every reply is checked and answered with the next datagram; bursts leave by one `sendmmsg`. What
//! stays unanswered while a client hears nothing is counted as lost and sent anew.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, connect, recv,
    sendmmsg, socket_with,
};

use super::{FAILURES_MAX, Plan};
use crate::backend::widen;
use crate::poller::Poller;
use crate::tally::{Failure, Tally};

/// Silence after which what is in flight is lost.
const LOST_AFTER: Duration = Duration::from_millis(50);
/// How often silence is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// No datagram is longer.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;

struct Client {
    socket: OwnedFd,
    datagram: Vec<u8>,
    in_flight: usize,
    heard: Instant,
}

/// Sends and receives until the time is over. What is lost costs time, not the run: a load gives up
/// only on failures of other kinds.
pub(super) fn run(plan: &Plan, window: usize, size_bytes: usize) -> Result<Tally> {
    let began = Instant::now();
    let mut poller = Poller::new()?;
    let mut tally = Tally::default();
    let mut clients = Vec::with_capacity(plan.clients);
    for at in 0..plan.clients {
        let mut client = Client::open(plan, at, size_bytes)?;
        poller.add(&client.socket, at, EventFlags::IN)?;
        client.send(window, &mut tally);
        clients.push(client);
    }
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut ready = Vec::new();
    let mut looked = began;
    while began.elapsed() < plan.length && broken(&tally) < FAILURES_MAX {
        poller.wait(LOOK_EVERY, &mut ready)?;
        for event in &ready {
            let client = &mut clients[event.token];
            let replies = client.receive(window, &mut buffer, &mut tally);
            client.send(replies, &mut tally);
        }
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            for client in &mut clients {
                client.give_up_lost(window, &mut tally);
            }
        }
    }
    Ok(tally.took(began.elapsed()))
}

fn broken(tally: &Tally) -> u64 {
    tally.failures_total() - tally.failures[Failure::Lost as usize]
}

impl Client {
    fn open(plan: &Plan, at: usize, size_bytes: usize) -> Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        widen(&socket);
        connect(&socket, &plan.target)?;
        let mut datagram = (at as u64).to_le_bytes().to_vec();
        datagram.resize(size_bytes, b'.');
        Ok(Self { socket, datagram, in_flight: 0, heard: Instant::now() })
    }

    /// Sends `count` datagrams; those that do not leave are lost.
    fn send(&mut self, count: usize, tally: &mut Tally) {
        if count == 0 {
            return;
        }
        let bytes = [IoSlice::new(&self.datagram)];
        let mut nothing: Vec<_> = (0..count).map(|_| SendAncillaryBuffer::default()).collect();
        let mut batch: Vec<_> = nothing.iter_mut().map(|control| MMsgHdr::new(&bytes, control)).collect();
        // An error is word of an earlier datagram, and is met again when receiving.
        let sent = sendmmsg(&self.socket, &mut batch, SendFlags::empty()).unwrap_or(0);
        self.in_flight += sent;
        tally.fail(Failure::Lost, (count - sent) as u64);
    }

    /// Takes the replies that are there and says how many datagrams are due again.
    fn receive(&mut self, window: usize, buffer: &mut [u8], tally: &mut Tally) -> usize {
        let mut replies = 0;
        while replies < window {
            match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((_, len)) if buffer[..len] == self.datagram => tally.units += 1,
                Ok(_) => tally.fail(Failure::Wrong, 1),
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    tally.fail(Failure::Refused, 1);
                    break;
                }
            }
            replies += 1;
        }
        if replies > 0 {
            self.heard = Instant::now();
        }
        // A reply to what was given up as lost comes on top of the window.
        self.in_flight = self.in_flight.saturating_sub(replies);
        replies.min(window - self.in_flight.min(window))
    }

    fn give_up_lost(&mut self, window: usize, tally: &mut Tally) {
        if self.heard.elapsed() < LOST_AFTER {
            return;
        }
        tally.fail(Failure::Lost, self.in_flight as u64);
        self.in_flight = 0;
        self.heard = Instant::now();
        self.send(window, tally);
    }
}
