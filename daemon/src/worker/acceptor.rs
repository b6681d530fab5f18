//! A listening socket as a worker waits for it: of TCP or a Unix socket.
//!
//! What arrives is a stream either way. A connected Unix stream travels as one of TCP: reading,
//! writing, ending and waiting are the same calls, and options of TCP fail harmlessly. It decides
//! nothing about clients; the door does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;

use poise_ipc::model::Bind;
use rustix::net::SocketFlags;
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::{Accepting, Listening};
use crate::loops::Caller;
use crate::platform::defer_accept;

/// The peer of a client on a Unix socket, which has no address.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Somebody who has connected.
pub(super) struct Arrival {
    /// The connection.
    pub(super) client: TcpStream,
    /// Its address; on a Unix socket `0.0.0.0:0`.
    pub(super) peer: SocketAddr,
    /// How it names itself, if it does.
    pub(super) caller: Option<Caller>,
}

/// A listening socket.
pub(super) enum Acceptor {
    /// Its own one of several that share the address.
    Tcp(TcpListener),
    /// One that all workers share: a client wakes all of them, one gets it.
    Unix(UnixListener),
}

impl Acceptor {
    /// Watches a listening, non-blocking socket.
    ///
    /// # Errors
    /// When the runtime cannot.
    pub(super) fn new(socket: Accepting) -> io::Result<Self> {
        Ok(match socket {
            Accepting::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)?),
            Accepting::Unix(socket) => Self::Unix(UnixListener::from_std(socket)?),
        })
    }

    /// The address, where the kernel may have chosen it.
    ///
    /// # Errors
    /// As getsockname(2).
    pub(super) fn address(&self) -> io::Result<Option<Bind>> {
        match self {
            Self::Tcp(socket) => Ok(Some(Bind::Ip(socket.local_addr()?))),
            Self::Unix(_) => Ok(None),
        }
    }

    /// A further descriptor of the socket.
    ///
    /// # Errors
    /// Without a free descriptor.
    pub(super) fn share(&self) -> io::Result<Listening> {
        Ok(Listening::Stream(match self {
            Self::Tcp(socket) => Accepting::Tcp(socket.as_fd().try_clone_to_owned()?.into()),
            Self::Unix(socket) => Accepting::Unix(socket.as_fd().try_clone_to_owned()?.into()),
        }))
    }

    /// Lets the kernel keep silent clients to itself for so many seconds, where it can.
    pub(super) fn defer(&self, seconds: u8) {
        if let Self::Tcp(socket) = self {
            // Without it everything works, a little slower.
            let _ = defer_accept(socket, seconds);
        }
    }

    /// The next client.
    ///
    /// # Errors
    /// As accept(2).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        match self {
            Self::Tcp(socket) => socket.accept().await.map(|(client, peer)| of_tcp(client, peer)),
            Self::Unix(socket) => {
                let (client, _) = socket.accept().await?;
                of_unix(client.into_std()?)
            }
        }
    }

    /// A client that the kernel has already accepted.
    ///
    /// # Errors
    /// As accept(2); `WouldBlock` when there is none.
    pub(super) fn accept_now(&self) -> io::Result<Arrival> {
        match self {
            Self::Tcp(socket) => {
                let client = std::net::TcpStream::from(rustix::net::accept_with(socket, FLAGS)?);
                let peer = client.peer_addr()?;
                Ok(of_tcp(TcpStream::from_std(client)?, peer))
            }
            Self::Unix(socket) => of_unix(UnixStream::from(rustix::net::accept_with(socket, FLAGS)?)),
        }
    }
}

/// On a socket of both families IPv4 clients come in IPv6 clothes, which are taken off here.
fn of_tcp(client: TcpStream, peer: SocketAddr) -> Arrival {
    let caller = Caller::ip(peer);
    let peer = if let Caller::Ip(peer) = caller { peer } else { peer };
    Arrival { client, peer, caller: Some(caller) }
}

fn of_unix(client: UnixStream) -> io::Result<Arrival> {
    // Accepting tells a path or nothing; only those of our own have another name.
    let name = client.peer_addr().ok();
    let caller = name.and_then(|name| name.as_abstract_name().map(|name| Caller::Unix(name.to_vec())));
    let client = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(client)))?;
    Ok(Arrival { client, peer: NOWHERE, caller })
}
