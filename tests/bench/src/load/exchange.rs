//! TCP clients that ask and wait for the answer, one exchange at a time each.
//!
//! Events are edge-triggered: one registration serves a connection's whole life, and an answer is
//! read until it is whole. A connection that fails is counted and opened anew.

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with, sockopt,
};

use super::dialogue::{ANSWER_BYTES_MAX, Dialogue, Verdict};
use super::{FAILURES_MAX, Kind, Plan, WAIT_MAX};
use crate::poller::{Poller, Ready};
use crate::tally::{Failure, Tally};

/// Idle pairs that are being opened at once: less than any listener's backlog.
const OPENING_MAX: usize = 64;

/// What a client does after a whole exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Repeat,
    Reconnect,
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Waiting,
    Resting,
}

struct Client {
    socket: OwnedFd,
    state: State,
    sequence: u64,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// The clients of one load. Dropping it closes them.
pub(super) struct Clients {
    plan: Plan,
    dialogue: Dialogue,
    after: After,
    poller: Poller,
    all: Vec<Client>,
    tally: Tally,
}

/// Exchanges until the time is over.
pub(super) fn run(plan: &Plan) -> Result<Tally> {
    let began = Instant::now();
    let mut clients = Clients::new(plan)?;
    while clients.all.len() < plan.clients {
        clients.open()?;
    }
    let mut ready = Vec::new();
    while began.elapsed() < plan.length && clients.tally.failures_total() < FAILURES_MAX {
        clients.turn(&mut ready)?;
    }
    Ok(clients.tally.took(began.elapsed()))
}

/// Opens all pairs, with one exchange over each; the count says how many rest.
pub(super) fn open_idle(plan: &Plan) -> Result<(Tally, Clients)> {
    let began = Instant::now();
    let mut clients = Clients::new(plan)?;
    let mut ready = Vec::new();
    while began.elapsed() < plan.length && clients.tally.failures_total() < FAILURES_MAX {
        let resting = usize::try_from(clients.tally.units).unwrap_or(usize::MAX);
        if resting >= plan.clients {
            break;
        }
        while clients.all.len() < plan.clients.min(resting + OPENING_MAX) {
            clients.open()?;
        }
        clients.turn(&mut ready)?;
    }
    Ok((clients.tally.clone().took(began.elapsed()), clients))
}

impl Clients {
    fn new(plan: &Plan) -> Result<Self> {
        let dialogue = if plan.kind == Kind::Requests { Dialogue::Http } else { Dialogue::Echo };
        let after = match plan.kind {
            Kind::Connections => After::Reconnect,
            Kind::Idle => After::Rest,
            _ => After::Repeat,
        };
        let all = Vec::with_capacity(plan.clients);
        Ok(Self { plan: plan.clone(), dialogue, after, poller: Poller::new()?, all, tally: Tally::default() })
    }

    fn turn(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        self.poller.wait(WAIT_MAX, ready)?;
        for event in ready.iter() {
            self.serve(*event)?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<()> {
        let at = self.all.len();
        let socket = self.dial(at)?;
        let (request, answer) = (Vec::new(), Vec::with_capacity(ANSWER_BYTES_MAX));
        self.all.push(Client { socket, state: State::Connecting, sequence: 0, request, answer });
        Ok(())
    }

    fn dial(&mut self, at: usize) -> Result<OwnedFd> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        // What fails at once fails again as an event, and is counted there.
        let _ = connect(&socket, &self.plan.target);
        self.poller.add(&socket, at, EventFlags::IN | EventFlags::OUT | EventFlags::ET)?;
        Ok(socket)
    }

    fn reopen(&mut self, at: usize) -> Result<()> {
        let socket = self.dial(at)?;
        let client = &mut self.all[at];
        client.socket = socket;
        client.state = State::Connecting;
        Ok(())
    }

    fn fail(&mut self, at: usize, failure: Failure) -> Result<()> {
        self.tally.fail(failure, 1);
        if self.tally.failures_total() < FAILURES_MAX { self.reopen(at) } else { Ok(()) }
    }

    fn serve(&mut self, event: Ready) -> Result<()> {
        let at = event.token;
        match self.all[at].state {
            State::Connecting if event.flags.intersects(EventFlags::ERR | EventFlags::HUP) => {
                self.fail(at, Failure::Refused)
            }
            State::Connecting if event.flags.intersects(EventFlags::OUT) => self.ask(at),
            State::Waiting => self.listen(at),
            State::Resting if event.flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) => {
                self.tally.units -= 1;
                self.fail(at, Failure::Reset)
            }
            State::Connecting | State::Resting => Ok(()),
        }
    }

    fn ask(&mut self, at: usize) -> Result<()> {
        let client = &mut self.all[at];
        client.sequence += 1;
        client.state = State::Waiting;
        client.answer.clear();
        self.dialogue.request(at, client.sequence, &mut client.request);
        match send(&client.socket, &client.request, SendFlags::NOSIGNAL) {
            Ok(sent) if sent == client.request.len() => Ok(()),
            Ok(_) => self.fail(at, Failure::Short),
            Err(_) => self.fail(at, Failure::Reset),
        }
    }

    /// Reads until the answer is whole or nothing more is there.
    fn listen(&mut self, at: usize) -> Result<()> {
        loop {
            let client = &mut self.all[at];
            let mut chunk = [0; ANSWER_BYTES_MAX];
            match recv(&client.socket, &mut chunk, RecvFlags::empty()) {
                Ok((_, 0)) => return self.fail(at, Failure::Short),
                Ok((_, len)) => client.answer.extend_from_slice(&chunk[..len]),
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => return self.fail(at, Failure::Reset),
            }
            match self.dialogue.judge(&client.request, &client.answer) {
                Verdict::More => {}
                Verdict::Right => return self.finish(at),
                Verdict::Wrong => return self.fail(at, Failure::Wrong),
            }
        }
    }

    fn finish(&mut self, at: usize) -> Result<()> {
        self.tally.units += 1;
        match self.after {
            After::Repeat => self.ask(at),
            After::Reconnect => self.reopen(at),
            After::Rest => {
                self.all[at].state = State::Resting;
                Ok(())
            }
        }
    }
}
