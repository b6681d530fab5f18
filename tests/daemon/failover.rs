//! A backend that dies and weights that change under load: no client notices.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Protocol, Scheduler};
use socket2::Socket;

use crate::backends::{ANY_PORT, PATIENCE, patient, reset, until};
use crate::rig::{Rig, front, name};

/// Clients at a time.
const CLIENTS: usize = 8;

/// A backend that answers with a byte, until it dies.
struct Mortal {
    address: SocketAddr,
    served: Arc<AtomicUsize>,
    dies: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<TcpListener>>,
}

impl Mortal {
    fn new() -> Self {
        let listener = TcpListener::bind(ANY_PORT).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (served, dies) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, over) = (Arc::clone(&served), Arc::clone(&dies));
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (mut stream, count) = (patient(stream), Arc::clone(&count));
                std::thread::spawn(move || {
                    while stream.read_exact(&mut [0]).is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                        let _ = stream.write_all(b"!");
                    }
                });
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
            listener
        });
        Self { address, served, dies, thread: Some(thread) }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// Refuses from now on. What it had accepted but not answered is reset.
    fn die(&mut self) {
        self.dies.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it dies once");
        // Wakes it, should nobody else come.
        let last = TcpStream::connect(self.address).and_then(|mut stream| stream.write_all(b"x"));
        drop((last, thread.join().expect("it ends")));
    }
}

/// What a client sees of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Answer,
    NoConnection,
    NoAnswer,
}

fn ask(address: SocketAddr) -> Seen {
    let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return Seen::NoConnection };
    let mut stream = patient(stream);
    let answered = stream.write_all(b"?").and_then(|()| stream.read_exact(&mut [0]));
    let _ = Socket::from(stream).set_linger(Some(std::time::Duration::ZERO));
    if answered.is_ok() { Seen::Answer } else { Seen::NoAnswer }
}

/// Asks `count` times by several clients, with `meanwhile` told how many were asked so far.
fn ask_all(address: SocketAddr, count: usize, mut meanwhile: impl FnMut(usize) -> bool) -> Vec<Seen> {
    let asked = AtomicUsize::new(0);
    let client = || -> Vec<Seen> {
        std::iter::from_fn(|| (asked.fetch_add(1, Ordering::SeqCst) < count).then(|| ask(address))).collect()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        while meanwhile(asked.load(Ordering::SeqCst)) {
            std::thread::yield_now();
        }
        clients.into_iter().flat_map(|client| client.join().expect("it ends")).collect()
    })
}

#[test]
fn one_of_two_backends_dies_amid_10_000_connections_and_no_connect_fails() {
    let (mut mortal, steady) = (Mortal::new(), Mortal::new());
    let rig = Rig::with_workers(front(Protocol::Tcp, &[mortal.address, steady.address]), 2);
    let seen = ask_all(rig.address_of("front"), 10_000, |asked| {
        let is_time = asked >= 5_000;
        if is_time {
            mortal.die();
        }
        !is_time
    });
    let of = |what| seen.iter().filter(|&&seen| seen == what).count();
    assert_eq!((seen.len(), of(Seen::NoConnection)), (10_000, 0));
    // Those that the dying backend's kernel had accepted: at most one per client.
    assert!(of(Seen::NoAnswer) < CLIENTS, "{} without an answer", of(Seen::NoAnswer));
    assert!(mortal.served() >= 2_000 && steady.served() >= 7_000, "{} {}", mortal.served(), steady.served());
    let refused = rig.counters_of("b0").connect_failures_total;
    assert!(refused >= 1_000, "it was tried {refused} times more, and each went to the other");
    assert_eq!(rig.count_of(Cause::ConnectFailed), 0);
}

#[test]
fn a_thousand_weight_edits_under_load_break_nothing_and_shares_stay_exact() {
    let backends = [Mortal::new(), Mortal::new(), Mortal::new()];
    let mut config = front(Protocol::Tcp, &backends.each_ref().map(|backend| backend.address));
    config.groups.get_mut(&name("app")).expect("it was made").scheduler = Scheduler::Wrr;
    let mut rig = Rig::with_workers(config, 2);
    let address = rig.address_of("front");
    let mut open = rig.connect();
    let weights = |turn: u16| [100 + turn % 7 * 50, 400 - turn % 5 * 50, 100 + turn % 3 * 100];
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let client = || {
            let mut seen = Vec::new();
            while !over.load(Ordering::SeqCst) {
                seen.push(ask(address));
                asked.fetch_add(1, Ordering::SeqCst);
            }
            seen
        };
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
        for turn in 0..1_000 {
            let group = |config: &mut poise_ipc::Config, at: usize| {
                let group = config.groups.get_mut(&name("app")).expect("it was made");
                group.backends.get_mut(&name(&format!("b{at}"))).expect("it was made").weight = weights(turn)[at];
            };
            rig.edit(|config| (0..3).for_each(|at| group(config, at)));
            let before = asked.load(Ordering::SeqCst);
            until("somebody asks between two edits", || asked.load(Ordering::SeqCst) > before);
        }
        over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("it ends")).collect()
    });
    assert!(seen.len() >= 1_000 && seen.iter().all(|&seen| seen == Seen::Answer), "{} asked", seen.len());
    // The weights that came last: from where the edit found the sequence no pick is more than one
    // away from its share, and a whole cycle behind that is exact.
    let last = weights(999).map(usize::from);
    let cycle = || -> [usize; 3] {
        let before = backends.each_ref().map(Mortal::served);
        assert!((0..last.iter().sum()).all(|_| ask(address) == Seen::Answer));
        std::array::from_fn(|at| backends[at].served() - before[at])
    };
    let first = cycle();
    assert!(first.iter().zip(last).all(|(served, weight)| served.abs_diff(weight) <= 1), "{first:?} of {last:?}");
    assert_eq!(cycle(), last);
    open.write_all(b"?").expect("it is open after a thousand edits");
    open.read_exact(&mut [0]).expect("an answer");
    reset(open);
}
