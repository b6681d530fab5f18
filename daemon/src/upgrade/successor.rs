//! The new process's side: finds the channel, judges what it is offered, unpacks what it is handed.
//!
//! It blocks, for it comes before everything else. Whoever fails here ends, and the old process goes on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use poise_core::flow::{Key, Known};
use poise_core::plan::{BackendId, ListenerId};
use poise_ipc::model::Bind;
use poise_ipc::text;
use poise_ipc::transport::Held;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use rustix::stdio::{dup2_stdin, stdin};
use tokio::sync::mpsc;

use super::channel::{Channel, ChannelError};
use super::words::{Guarded, HandedFlow, HandedSocket, Luggage, PROTOCOL, Progress, Said, Told};
use super::{UpgradeError, VARIABLE};
use crate::control::reconcile::Inheritance;
use crate::listen::Inherited;
use crate::tls::TicketKeys;
use crate::worker::{Accepting, HeldFlow, Listening};

/// How long the old process may take for an offer: it has nothing else to do.
const OFFER_WAIT: Duration = Duration::from_mins(1);
/// How long it may take to let go of its disk and to hand over.
const TAKE_WAIT: Duration = Duration::from_mins(1);
/// Words of the old process that may wait; it says one every half second.
const HEARD_MAX: usize = 16;
/// Descriptors below this are those of every process.
const OWN_FROM: i32 = 3;

/// What was handed over, ready for use.
#[derive(Debug)]
pub struct Bag {
    /// The way to the old process.
    pub channel: Channel,
    /// Worker threads that it had: as many sockets share an address.
    pub workers: u16,
    /// The lock of the state directory.
    pub state_lock: OwnedFd,
    /// The control socket.
    pub control: Held,
    /// The view-only one.
    pub view: Option<Held>,
    /// What listeners listen on.
    pub sockets: Vec<Inherited>,
    /// Keys of session tickets.
    pub tickets: Option<TicketKeys>,
    /// What is known of health and counters.
    pub inheritance: Box<Inheritance>,
}

/// The end of the channel that this process was started with, if it is to take over.
///
/// # Errors
/// When the variable is there, but not what it names.
pub fn channel() -> io::Result<Option<Channel>> {
    let Some(named) = std::env::var_os(VARIABLE) else { return Ok(None) };
    if named != OsStr::new("0") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{VARIABLE} is {}, not 0", named.display())));
    }
    let end = fcntl_dupfd_cloexec(stdin(), OWN_FROM)?;
    if socket_type(&end)? != SocketType::SEQPACKET {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "standard input is no socket of another poised"));
    }
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(Some(end.into()))
}

/// Agrees with the old process, up to having what it hands over.
///
/// # Errors
/// [`UpgradeError`]; the old process goes on.
pub fn meet(channel: Channel) -> Result<Bag, UpgradeError> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    say(&channel, &Said::Here { protocol: PROTOCOL, version, pid: std::process::id() })?;
    let offer = UpgradeError::talk("wait for an offer");
    let (Told::Offer { protocol, config, workers, .. }, _) = channel.receive(Some(OFFER_WAIT)).map_err(offer)? else {
        return Err(UpgradeError::Order { stage: "wait for an offer" });
    };
    let judged = match protocol {
        PROTOCOL => text::parse(&config).map(drop).map_err(|faults| {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            format!("the configuration has {} faults here, the first: {first}", faults.len())
        }),
        theirs => Err(UpgradeError::Protocol { theirs }.to_string()),
    };
    if let Err(reason) = judged {
        say(&channel, &Said::Refused { reason: reason.clone() })?;
        return Err(UpgradeError::Refused(reason));
    }
    say(&channel, &Said::Ready)?;
    let take = UpgradeError::talk("wait for what is handed over");
    match channel.receive(Some(TAKE_WAIT)).map_err(take)? {
        (Told::Take(luggage), descriptors) => {
            let unpacked = unpack(*luggage, descriptors.into_iter().map(Some).collect());
            let (state_lock, control, view, sockets, tickets, inheritance) =
                unpacked.ok_or_else(|| UpgradeError::Kept("a descriptor is missing".to_owned()))?;
            Ok(Bag { channel, workers, state_lock, control, view, sockets, tickets, inheritance })
        }
        _ => Err(UpgradeError::Order { stage: "wait for what is handed over" }),
    }
}

/// Tells the old process why this one ends; it goes on either way.
pub(crate) fn refuse(channel: &Channel, reason: String) {
    let _ = say(channel, &Said::Refused { reason });
}

/// Tells the old process that this one serves.
///
/// # Errors
/// When that one is gone, which does not matter any more.
pub(crate) fn serve(channel: &Channel) -> Result<(), UpgradeError> {
    say(channel, &Said::Serving)
}

/// What is heard of the old process.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It has let go of everything.
    Released,
    /// How its drain goes.
    Progress(Box<Progress>),
}

/// Listens to the old process on a thread of its own; what comes ends when that one does.
///
/// # Errors
/// Without a thread.
pub(crate) fn follow(channel: Channel) -> io::Result<mpsc::Receiver<Heard>> {
    let (telling, heard) = mpsc::channel(HEARD_MAX);
    let listen = move || {
        loop {
            let heard = match channel.receive::<Told>(None) {
                Ok((Told::Progress(progress), _)) => Heard::Progress(progress),
                Ok((Told::Released, _)) => Heard::Released,
                // What a later version may have to say.
                Ok(_) | Err(ChannelError::Strange(_)) => continue,
                Err(_) => return,
            };
            if telling.blocking_send(heard).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("predecessor".to_owned()).spawn(listen)?;
    Ok(heard)
}

fn say(channel: &Channel, said: &Said) -> Result<(), UpgradeError> {
    channel.send(said, &[], OFFER_WAIT).map_err(UpgradeError::talk("answer the old process"))
}

type Unpacked = (OwnedFd, Held, Option<Held>, Vec<Inherited>, Option<TicketKeys>, Box<Inheritance>);

/// Puts descriptors where they belong; none where one is missing.
fn unpack(luggage: Luggage, mut descriptors: Vec<Option<OwnedFd>>) -> Option<Unpacked> {
    let Luggage { state_lock, control, view, sockets, tickets, status, counted, predecessors, author } = luggage;
    let mut take = |at: usize| descriptors.get_mut(at)?.take();
    let guarded = |held: Guarded, take: &mut dyn FnMut(usize) -> Option<OwnedFd>| {
        Some(Held { socket: take(held.socket)?, lock: take(held.lock)? })
    };
    let state_lock = take(state_lock)?;
    let control = guarded(control, &mut take)?;
    let view = match view {
        Some(view) => Some(guarded(view, &mut take)?),
        None => None,
    };
    let mut by_listener: BTreeMap<u64, Inherited> = BTreeMap::new();
    for handed in sockets {
        let HandedSocket { descriptor, listener, bind, address, dual, datagrams, flows } = handed;
        let socket = listening(take(descriptor)?, &address, datagrams);
        let flows = flows.into_iter().map(|flow| held(&flow, take(flow.descriptor)?)).collect::<Option<Vec<_>>>()?;
        let inherited = by_listener.entry(listener).or_insert_with(|| Inherited {
            listener: Some(ListenerId(listener)),
            bind,
            address,
            dual,
            sockets: Vec::new(),
        });
        inherited.sockets.push((socket, flows));
    }
    let inheritance = Box::new(Inheritance { status, counted, predecessors, author });
    Some((state_lock, control, view, by_listener.into_values().collect(), tickets, inheritance))
}

fn listening(descriptor: OwnedFd, address: &Bind, datagrams: bool) -> Listening {
    match address {
        Bind::Ip(_) if datagrams => Listening::Udp(UdpSocket::from(descriptor)),
        Bind::Ip(_) => Listening::Stream(Accepting::Tcp(TcpListener::from(descriptor))),
        Bind::Unix(_) => Listening::Stream(Accepting::Unix(UnixListener::from(descriptor))),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several steps that may lack a descriptor")]
fn held(flow: &HandedFlow, socket: OwnedFd) -> Option<HeldFlow> {
    let HandedFlow { client, local, backend, target, replies, owed, idle_ms, .. } = *flow;
    let known = Known { key: Key { client, local }, backend: BackendId(backend), idle_ms, replies, owed };
    Some(HeldFlow { known, target, socket })
}
