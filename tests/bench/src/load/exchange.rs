//! TCP and TLS clients that ask and wait for the answer, one exchange at a time each.
//!
//! Events are edge-triggered: one registration serves a connection's whole life, and an answer is
//! read until it is whole. A connection that fails is counted and opened anew. At a fixed rate, an
//! exchange lasts from the moment it was due, whether or not its client was free by then.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use rustls::ClientConfig;

use super::dialogue::{Dialogue, Verdict, cookie};
use super::wire::{self, Wire};
use super::{FAILURES_MAX, Kind, Pace, Plan, WAIT_MAX};
use crate::poller::{Poller, Ready};
use crate::tally::{Failure, Tally};

/// Idle pairs that are being opened at once: less than any listener's backlog.
const OPENING_MAX: usize = 64;
/// Time to connect all clients before the first exchange at a fixed rate is due.
const RAMP: Duration = Duration::from_millis(100);
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Waiting,
    /// Has all it wants; the peer is to close.
    Ending,
    Resting,
    /// Until its next exchange is due.
    Pausing,
}

struct Client {
    wire: Wire,
    state: State,
    sequence: u64,
    request: Vec<u8>,
    answer: Vec<u8>,
    cookie: Option<String>,
    /// When the exchange under way was due.
    due: Instant,
    config: Option<Arc<ClientConfig>>,
}

/// The clients of one load. Dropping it closes them.
pub(super) struct Clients {
    plan: Plan,
    dialogue: Dialogue,
    pace: Pace,
    cookies: bool,
    began: Instant,
    poller: Poller,
    all: Vec<Client>,
    chunk: Vec<u8>,
    latencies_ns: Vec<u64>,
    tally: Tally,
}

/// Exchanges until the time is over.
pub(super) fn run(plan: &Plan) -> io::Result<Tally> {
    let mut clients = Clients::new(plan)?;
    while clients.all.len() < plan.clients {
        clients.open()?;
    }
    let mut ready = Vec::new();
    let mut next = 0;
    while clients.began.elapsed() < plan.length && clients.tally.failures_total() < FAILURES_MAX {
        let wait = clients.ask_what_is_due(&mut next)?;
        clients.turn(wait, &mut ready)?;
    }
    let elapsed = clients.began.elapsed();
    Ok(clients.tally.took(elapsed).with_latencies(clients.latencies_ns))
}

/// Opens all pairs, with one exchange over each; the count says how many rest.
pub(super) fn open_idle(plan: &Plan) -> io::Result<(Tally, Clients)> {
    let mut clients = Clients::new(plan)?;
    let mut ready = Vec::new();
    while clients.began.elapsed() < plan.length && clients.tally.failures_total() < FAILURES_MAX {
        let resting = usize::try_from(clients.tally.units).unwrap_or(usize::MAX);
        if resting >= plan.clients {
            break;
        }
        while clients.all.len() < plan.clients.min(resting + OPENING_MAX) {
            clients.open()?;
        }
        clients.turn(WAIT_MAX, &mut ready)?;
    }
    Ok((clients.tally.clone().took(clients.began.elapsed()), clients))
}

impl Clients {
    fn new(plan: &Plan) -> io::Result<Self> {
        let (dialogue, pace, cookies) = match plan.kind {
            Kind::Http { pace, body_bytes, cookies } => {
                (Dialogue::Http { body_bytes, last: pace == Pace::Reconnect }, pace, cookies)
            }
            Kind::Exchanges(pace) => (Dialogue::Echo, pace, false),
            Kind::Bulk | Kind::Datagrams { .. } | Kind::Streams { .. } => return Err(io::ErrorKind::Unsupported.into()),
        };
        let ramp = if matches!(pace, Pace::Rate { .. }) { RAMP } else { Duration::ZERO };
        Ok(Self {
            plan: plan.clone(),
            dialogue,
            pace,
            cookies,
            began: Instant::now() + ramp,
            poller: Poller::new()?,
            all: Vec::with_capacity(plan.clients),
            chunk: vec![0; CHUNK_BYTES],
            latencies_ns: Vec::new(),
            tally: Tally::default(),
        })
    }

    fn turn(&mut self, wait: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.poller.wait(wait, ready)?;
        for event in ready.iter() {
            self.serve(*event)?;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<()> {
        let at = self.all.len();
        let config = match &self.plan.tls {
            // Those that hand sessions on need a store each; the others share one configuration.
            Some(tls) if tls.resume || at == 0 => {
                Some(Arc::new(wire::config(&tls.certificate, tls.resume, b"http/1.1")?))
            }
            Some(_) => self.all[0].config.clone(),
            None => None,
        };
        let wire = self.dial(at, config.as_ref())?;
        self.all.push(Client {
            wire,
            state: State::Connecting,
            sequence: 0,
            request: Vec::new(),
            answer: Vec::new(),
            cookie: None,
            due: self.began,
            config,
        });
        Ok(())
    }

    fn dial(&self, at: usize, config: Option<&Arc<ClientConfig>>) -> io::Result<Wire> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket: OwnedFd = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        // What fails at once fails again as an event, and is counted there.
        let _ = connect(&socket, &self.plan.target);
        self.poller.add(&socket, at, EventFlags::IN | EventFlags::OUT | EventFlags::ET)?;
        Wire::new(socket, config)
    }

    fn reopen(&mut self, at: usize) -> io::Result<()> {
        let wire = self.dial(at, self.all[at].config.as_ref())?;
        let client = &mut self.all[at];
        client.wire = wire;
        client.state = State::Connecting;
        Ok(())
    }

    fn fail(&mut self, at: usize, failure: Failure) -> io::Result<()> {
        self.tally.fail(failure, 1);
        if self.tally.failures_total() < FAILURES_MAX { self.reopen(at) } else { Ok(()) }
    }

    fn serve(&mut self, event: Ready) -> io::Result<()> {
        let at = event.token;
        match self.all[at].state {
            State::Connecting if event.flags.intersects(EventFlags::ERR | EventFlags::HUP) => {
                self.fail(at, Failure::Refused)
            }
            State::Connecting if event.flags.intersects(EventFlags::OUT) => self.begin(at),
            State::Waiting | State::Ending => self.listen(at),
            State::Resting => self.look(at),
            State::Connecting | State::Pausing => Ok(()),
        }
    }

    /// A client at rest gets nothing any more but what TLS has to say; anything else is its end.
    fn look(&mut self, at: usize) -> io::Result<()> {
        let received = self.all[at].wire.recv(&mut self.chunk);
        if received.is_err_and(|fault| fault.kind() == io::ErrorKind::WouldBlock) {
            return Ok(());
        }
        self.tally.units -= 1;
        self.fail(at, Failure::Reset)
    }

    /// A client may ask: it does, unless the rate says when.
    fn begin(&mut self, at: usize) -> io::Result<()> {
        let Pace::Rate { .. } = self.pace else { return self.ask(at) };
        self.all[at].state = State::Pausing;
        if self.due(at) <= Instant::now() { self.ask(at) } else { Ok(()) }
    }

    /// When the next exchange of a client is due: clients take turns.
    fn due(&self, at: usize) -> Instant {
        let Pace::Rate { per_s } = self.pace else { return self.began };
        let number = self.all[at].sequence * self.all.len() as u64 + at as u64;
        self.began + Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(per_s.max(1)))
    }

    /// Asks where it is time, from the turn `next` on, and says how long to wait for the next time.
    fn ask_what_is_due(&mut self, next: &mut u64) -> io::Result<Duration> {
        let Pace::Rate { per_s } = self.pace else { return Ok(WAIT_MAX) };
        let now = Instant::now();
        loop {
            let due = self.began + Duration::from_nanos(*next * 1_000_000_000 / u64::from(per_s.max(1)));
            if due > now {
                return Ok((due - now).min(WAIT_MAX));
            }
            let at = usize::try_from(*next % self.all.len() as u64).expect("below a count of clients");
            *next += 1;
            // A client that is late asks by itself as soon as it has its answer.
            if self.all[at].state == State::Pausing && self.due(at) <= now {
                self.ask(at)?;
            }
        }
    }

    fn ask(&mut self, at: usize) -> io::Result<()> {
        let due = self.due(at);
        let client = &mut self.all[at];
        client.due = due;
        client.sequence += 1;
        client.state = State::Waiting;
        client.answer.clear();
        self.dialogue.request(at, client.sequence, client.cookie.as_deref(), &mut client.request);
        match client.wire.send(&client.request) {
            Ok(()) => Ok(()),
            Err(fault) if fault.kind() == io::ErrorKind::WriteZero => self.fail(at, Failure::Short),
            Err(_) => self.fail(at, Failure::Reset),
        }
    }

    /// Reads until the answer is whole or nothing more is there.
    fn listen(&mut self, at: usize) -> io::Result<()> {
        loop {
            let client = &mut self.all[at];
            match client.wire.recv(&mut self.chunk) {
                Ok(0) if client.state == State::Ending => return self.reopen(at),
                Ok(0) => return self.fail(at, Failure::Short),
                Ok(len) => client.answer.extend_from_slice(&self.chunk[..len]),
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) if client.state == State::Ending => return self.reopen(at),
                Err(_) => return self.fail(at, Failure::Reset),
            }
            match self.dialogue.judge(&client.request, &client.answer) {
                Verdict::More => {}
                Verdict::Wrong => return self.fail(at, Failure::Wrong),
                Verdict::Right if self.dialogue.is_last() => self.count_and_await_end(at),
                Verdict::Right => return self.finish(at),
            }
        }
    }

    /// An answer after which the peer is to close the connection.
    fn count_and_await_end(&mut self, at: usize) {
        let client = &mut self.all[at];
        client.state = State::Ending;
        let resumes = self.plan.tls.as_ref().is_some_and(|tls| tls.resume);
        if resumes && client.sequence > 1 && !client.wire.resumed() {
            self.tally.fail(Failure::Full, 1);
        } else {
            self.tally.units += 1;
        }
    }

    fn finish(&mut self, at: usize) -> io::Result<()> {
        self.tally.units += 1;
        let client = &mut self.all[at];
        if self.cookies && client.cookie.is_none() {
            client.cookie = Some(cookie(&client.answer));
        }
        match self.pace {
            Pace::Repeat => self.ask(at),
            Pace::Reconnect => self.reopen(at),
            Pace::Rest => {
                client.state = State::Resting;
                Ok(())
            }
            Pace::Rate { .. } => {
                self.latencies_ns.push(u64::try_from(client.due.elapsed().as_nanos()).unwrap_or(u64::MAX));
                self.begin(at)
            }
        }
    }
}
