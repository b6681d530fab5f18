//! Clients, a network that loses and reorders, and backends that die, around a table of flows.
//!
//! The world keeps its own books: who spoke when, which socket was opened for whom. Every step holds
//! the table against them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use poise_ipc::cause::Cause;

use super::random::Random;
use crate::flow::{Course, FlowId, Guide, Key, Table, Terms};
use crate::plan::BackendId;

/// Backends; few, so that often all of them are dead.
const BACKENDS: u32 = 4;

/// Something that is on its way.
#[derive(Clone, Copy, Debug)]
enum Travelling {
    /// From a socket of ours to its backend.
    Request { socket: u64 },
    /// From a backend to that socket.
    Reply { socket: u64 },
    /// Word that nobody listens at the other end of that socket.
    Refusal { socket: u64 },
}

/// A socket that was opened for a flow.
#[derive(Clone, Copy, Debug)]
struct Socket {
    flow: FlowId,
    key: Key,
    backend: BackendId,
}

/// What the world knows of a client's flow.
#[derive(Clone, Copy, Debug)]
struct Known {
    socket: u64,
    used_ms: u64,
    replies: u32,
    refused: bool,
}

#[derive(Debug, Default)]
struct Counts {
    opened: u64,
    closed: u64,
}

/// Which backends the plan lets be used, and which of them answer.
#[derive(Debug, Default)]
struct Backends {
    usable: HashSet<BackendId>,
    listening: HashSet<BackendId>,
    turn: u64,
}

impl Guide for Backends {
    fn keeps(&mut self, backend: BackendId) -> bool {
        self.usable.contains(&backend)
    }

    fn choose(&mut self, _: &Key, lost: Option<BackendId>) -> Result<BackendId, Cause> {
        let mut usable: Vec<_> = self.usable.iter().copied().collect();
        usable.sort_unstable();
        if usable.len() > 1 {
            usable.retain(|id| Some(*id) != lost);
        }
        self.turn += 1;
        let at = usize::try_from(self.turn).expect("few turns") % usable.len().max(1);
        usable.get(at).copied().ok_or(Cause::AllDown)
    }
}

pub(super) struct Flows {
    random: Random,
    now_ms: u64,
    table: Table,
    backends: Backends,
    sockets: HashMap<u64, Socket>,
    sockets_total: u64,
    known: HashMap<SocketAddr, Known>,
    /// By the time of arrival, and a number that tells those of one moment apart.
    network: BTreeMap<(u64, u64), Travelling>,
    sent: u64,
    counts: Counts,
}

impl Flows {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let terms = Terms {
            idle_timeout_ms: 1_000 * (1 + random.below(30)),
            replies_max: random.of(&[0, 0, 1, 3]),
            flows_max: random.of(&[1, 8, 40]),
            generation: 1,
        };
        let all: HashSet<_> = (0..BACKENDS).map(|n| BackendId(n.into())).collect();
        Self {
            random,
            now_ms: 0,
            table: Table::new(terms, [u8::try_from(seed % 256).expect("a byte"); 16]),
            backends: Backends { usable: all.clone(), listening: all, turn: 0 },
            sockets: HashMap::new(),
            sockets_total: 0,
            known: HashMap::new(),
            network: BTreeMap::new(),
            sent: 0,
            counts: Counts::default(),
        }
    }

    /// Plays so many steps, then lets all fall silent: every flow is closed.
    pub(super) fn play(mut self, steps: usize) {
        for _ in 0..steps {
            match self.random.below(100) {
                0..60 => self.speak(),
                60..90 => {
                    let span_ms = self.random.of(&[1, 20, 300, 3_000]);
                    let span_ms = 1 + self.random.below(span_ms);
                    self.pass_ms(span_ms.into());
                }
                90..94 => self.replan(),
                94..98 => self.die_or_return(),
                _ => self.retune(),
            }
            assert_eq!(self.table.len(), self.known.len());
            assert_eq!(self.counts.opened - self.counts.closed, self.table.len() as u64);
            assert_eq!(self.sockets.len(), self.table.len(), "one socket each");
        }
        // Longer than two slow ways and the longest silence that is allowed.
        self.pass_ms(120_000);
        assert!(self.table.is_empty() && self.table.owed() == 0 && self.table.next_due_ms().is_none());
        assert_eq!(self.counts.opened, self.counts.closed);
    }

    /// One of many clients says something.
    fn speak(&mut self) {
        let crowd = self.random.of(&[3, 30, 300]);
        let port = u16::try_from(1_024 + self.random.below(crowd)).expect("a port");
        let client = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let key = Key { client, local: None };
        let before = self.known.get(&client).copied();
        let course = self.table.client(&key, self.now_ms, &mut self.backends);
        match (course, before) {
            (Course::Forward(flow), Some(before)) => {
                let socket = self.sockets[&before.socket];
                assert!(socket.flow == flow && socket.key == key);
                assert!(!before.refused || self.backends.usable.len() == 1, "another would have taken it");
                self.known.insert(client, Known { refused: false, ..before });
                self.spoken(client, before.socket);
            }
            (Course::Open(flow, backend), None) => {
                assert!(self.known.len() < self.table.terms().flows_max, "no more than allowed");
                self.counts.opened += 1;
                self.open(Socket { flow, key, backend });
            }
            (Course::Move(flow, backend), Some(before)) => {
                let old = self.sockets.remove(&before.socket).expect("it was open");
                assert!(old.backend != backend && old.flow != flow && old.flow.slot() == flow.slot());
                self.open(Socket { flow, key, backend });
            }
            (Course::Drop(Cause::FlowLimit), None) => {
                assert!(self.known.len() >= self.table.terms().flows_max, "there was room");
            }
            (Course::Drop(cause), _) => {
                assert_eq!((cause, self.backends.usable.len()), (Cause::AllDown, 0));
            }
            (course, before) => panic!("{course:?} for a client with {before:?}"),
        }
    }

    fn open(&mut self, socket: Socket) {
        assert!(self.backends.usable.contains(&socket.backend));
        self.sockets_total += 1;
        self.sockets.insert(self.sockets_total, socket);
        let known = Known { socket: self.sockets_total, used_ms: self.now_ms, replies: 0, refused: false };
        self.known.insert(socket.key.client, known);
        self.spoken(socket.key.client, self.sockets_total);
    }

    fn spoken(&mut self, client: SocketAddr, socket: u64) {
        assert!(self.backends.usable.contains(&self.sockets[&socket].backend));
        self.known.get_mut(&client).expect("it has a flow").used_ms = self.now_ms;
        self.send(Travelling::Request { socket });
    }

    /// Puts something on its way, unless it is lost; late ones overtake.
    fn send(&mut self, travelling: Travelling) {
        if !self.random.percent(10) {
            self.sent += 1;
            let slow_ms = self.random.of(&[1, 10, 500, 40_000]);
            let arrives_ms = self.now_ms + u64::from(self.random.below(slow_ms));
            self.network.insert((arrives_ms, self.sent), travelling);
        }
    }

    /// Time passes in ticks; what is due arrives.
    fn pass_ms(&mut self, span_ms: u64) {
        let until_ms = self.now_ms + span_ms;
        while self.now_ms < until_ms {
            self.now_ms = until_ms.min(self.now_ms + 100);
            while let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
                let travelling = entry.remove();
                self.arrive(travelling);
            }
            while let Some(flow) = self.table.expire(self.now_ms) {
                self.expired(flow);
            }
            let idle_ms = u64::from(self.table.terms().idle_timeout_ms);
            assert!(self.known.values().all(|known| self.now_ms - known.used_ms < idle_ms), "somebody overstays");
        }
    }

    fn arrive(&mut self, travelling: Travelling) {
        match travelling {
            Travelling::Request { socket } => {
                let Some(open) = self.sockets.get(&socket) else { return };
                if self.backends.listening.contains(&open.backend) {
                    // Some answer more than once.
                    (0..self.random.of(&[0, 1, 1, 1, 4])).for_each(|_| self.send(Travelling::Reply { socket }));
                } else {
                    self.send(Travelling::Refusal { socket });
                }
            }
            Travelling::Reply { socket } => self.reply(socket),
            Travelling::Refusal { socket } => {
                let Some(open) = self.sockets.get(&socket) else { return };
                assert!(self.table.refused(open.flow), "its socket is open");
                self.known.get_mut(&open.key.client).expect("its flow is open").refused = true;
            }
        }
    }

    fn reply(&mut self, number: u64) {
        let Some(socket) = self.sockets.get(&number).copied() else { return };
        let client = socket.key.client;
        assert_eq!(self.table.key(socket.flow), Some(&socket.key), "the reply would go to another");
        let replies_max = u32::from(self.table.terms().replies_max);
        let known = self.known.get_mut(&client).expect("its flow is open");
        let replies = self.table.replies(socket.flow, 1, self.now_ms);
        (known.replies, known.used_ms) = (known.replies + 1, self.now_ms);
        assert_eq!(replies.ends, replies_max != 0 && known.replies >= replies_max);
        assert!(replies.count == 1 || known.replies > replies_max, "every reply goes on");
        if replies.ends {
            self.closed(number);
        }
    }

    fn expired(&mut self, flow: FlowId) {
        let (&number, socket) =
            self.sockets.iter().find(|(_, socket)| socket.flow == flow).expect("what closes was open");
        let known = self.known[&socket.key.client];
        let idle_ms = self.now_ms - known.used_ms;
        assert!(idle_ms >= u64::from(self.table.terms().idle_timeout_ms), "closed after {idle_ms} ms");
        self.closed(number);
    }

    fn closed(&mut self, number: u64) {
        let socket = self.sockets.remove(&number).expect("it was open");
        self.known.remove(&socket.key.client);
        self.counts.closed += 1;
        assert_eq!(self.table.key(socket.flow), None);
        assert_eq!(self.table.replies(socket.flow, 1, self.now_ms).count, 0, "nothing follows the end");
        assert!(!self.table.refused(socket.flow) && !self.table.close(socket.flow));
    }

    /// Another plan: a backend may be used from now on, or may not.
    fn replan(&mut self) {
        let backend = BackendId(self.random.below(BACKENDS).into());
        if !self.backends.usable.remove(&backend) {
            self.backends.usable.insert(backend);
        }
        let terms = self.table.terms();
        self.table.follow(Terms { generation: terms.generation + 1, ..*terms });
    }

    /// A backend's process ends or comes back, and no plan knows.
    fn die_or_return(&mut self) {
        let backend = BackendId(self.random.below(BACKENDS).into());
        if !self.backends.listening.remove(&backend) {
            self.backends.listening.insert(backend);
        }
    }

    /// An operator edits the listener.
    fn retune(&mut self) {
        let terms = Terms {
            idle_timeout_ms: 1_000 * (1 + self.random.below(30)),
            replies_max: self.random.of(&[0, 0, 1, 3]),
            flows_max: self.random.of(&[1, 8, 40]),
            ..*self.table.terms()
        };
        self.table.follow(terms);
    }
}
