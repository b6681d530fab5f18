//! TCP backends: one loop for all their listeners and connections.
//!
//! An answer that does not fit the socket's buffer closes the connection, so that the load counts
//! it: answers are small, and only one is due at a time. The endless bytes come from a file in
//! memory by `sendfile`, so that they cost next to nothing.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, getsockname, listen, recv, send,
    socket_with, sockopt,
};

use super::{BODY, BODY_LARGE_BYTES, EXCHANGE_BYTES, Kind, PATTERN_PERIOD, announce, pattern};
use crate::poller::{Poller, Ready};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Connections accepted before others get their turn.
const ACCEPTS_MAX: usize = 64;
/// Endless bytes in memory: about a MiB, and whole periods.
const SOURCE_BYTES: usize = PATTERN_PERIOD * 4_096;
/// Writes of endless bytes before others get their turn.
const SOURCE_WRITES_MAX: usize = 4;
/// Room for a whole large answer, and for what the kernel counts beside it.
const SEND_BUFFER_BYTES: usize = 4 * BODY_LARGE_BYTES;
/// The longest request head that is waited for.
const HEAD_BYTES_MAX: usize = 16 * 1024;

enum Slot {
    Listener(OwnedFd),
    Connection(Connection),
}

struct Connection {
    socket: OwnedFd,
    /// Bytes sent, of an exchange or of the endless ones.
    sent: u64,
    /// The beginning of a request head.
    head: Vec<u8>,
}

/// Whether a connection goes on.
enum Next {
    Stay,
    Close,
}

struct Backend {
    kind: Kind,
    poller: Poller,
    /// By descriptor.
    slots: Vec<Option<Slot>>,
    source: File,
    answer: Vec<u8>,
    buffer: Vec<u8>,
}

/// Serves `count` listeners until killed.
pub(super) fn serve(kind: Kind, count: usize) -> Result<()> {
    let mut backend = Backend::new(kind)?;
    let mut ports = Vec::with_capacity(count);
    for _ in 0..count {
        ports.push(backend.open()?);
    }
    announce(&ports)?;
    let mut ready = Vec::new();
    loop {
        backend.poller.wait(Duration::from_secs(1), &mut ready)?;
        for event in &ready {
            backend.serve(*event)?;
        }
    }
}

impl Backend {
    fn new(kind: Kind) -> Result<Self> {
        let body = if kind == Kind::HttpLarge { vec![b'x'; BODY_LARGE_BYTES] } else { BODY.to_vec() };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut source = File::from(memfd_create("source", MemfdFlags::CLOEXEC)?);
        source.write_all(&pattern(0, SOURCE_BYTES)).map_err(|_| Errno::NOSPC)?;
        Ok(Self {
            kind,
            poller: Poller::new()?,
            slots: Vec::new(),
            source,
            answer: [head.as_bytes(), &body].concat(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Opens a listener and says its port.
    fn open(&mut self) -> Result<u16> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        listen(&socket, BACKLOG)?;
        let port = SocketAddrV4::try_from(getsockname(&socket)?)?.port();
        self.poller.add(&socket, token(&socket), EventFlags::IN)?;
        self.keep(token(&socket), Slot::Listener(socket));
        Ok(port)
    }

    fn keep(&mut self, at: usize, slot: Slot) {
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at] = Some(slot);
    }

    fn serve(&mut self, event: Ready) -> Result<()> {
        let Some(slot) = self.slots.get_mut(event.token).and_then(Option::take) else { return Ok(()) };
        match slot {
            Slot::Listener(socket) => {
                let accepted = self.accept(&socket);
                self.keep(event.token, Slot::Listener(socket));
                accepted
            }
            Slot::Connection(mut connection) => {
                let next =
                    if event.flags.intersects(EventFlags::ERR) { Next::Close } else { self.work(&mut connection) };
                if matches!(next, Next::Stay) {
                    self.keep(event.token, Slot::Connection(connection));
                }
                Ok(())
            }
        }
    }

    fn accept(&mut self, listener: &OwnedFd) -> Result<()> {
        for _ in 0..ACCEPTS_MAX {
            // Whatever a broken connection leaves behind is the load's to count.
            let Ok(socket) = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) else { break };
            sockopt::set_tcp_nodelay(&socket, true)?;
            if self.kind == Kind::HttpLarge {
                sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
            }
            let wanted = if self.kind == Kind::Source { EventFlags::OUT } else { EventFlags::IN };
            self.poller.add(&socket, token(&socket), wanted)?;
            self.keep(token(&socket), Slot::Connection(Connection { socket, sent: 0, head: Vec::new() }));
        }
        Ok(())
    }

    fn work(&mut self, connection: &mut Connection) -> Next {
        if self.kind == Kind::Source {
            return self.pour(connection);
        }
        let len = match recv(&connection.socket, self.buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, 0)) => return Next::Close,
            Ok((_, len)) => len,
            Err(Errno::AGAIN) => return Next::Stay,
            Err(_) => return Next::Close,
        };
        let http = matches!(self.kind, Kind::Http | Kind::HttpLarge);
        if http { self.answer(connection, len) } else { self.echo(connection, len) }
    }

    fn echo(&self, connection: &mut Connection, len: usize) -> Next {
        let sent = send(&connection.socket, &self.buffer[..len], SendFlags::NOSIGNAL);
        if sent != Ok(len) {
            return Next::Close;
        }
        connection.sent += len as u64;
        let done = self.kind == Kind::Once && connection.sent >= EXCHANGE_BYTES as u64;
        if done { Next::Close } else { Next::Stay }
    }

    /// Answers each head that has ended; bodies are not expected.
    fn answer(&self, connection: &mut Connection, len: usize) -> Next {
        connection.head.extend_from_slice(&self.buffer[..len]);
        while let Some(end) = connection.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            connection.head.drain(..end + 4);
            if send(&connection.socket, &self.answer, SendFlags::NOSIGNAL) != Ok(self.answer.len()) {
                return Next::Close;
            }
        }
        if connection.head.len() > HEAD_BYTES_MAX { Next::Close } else { Next::Stay }
    }

    fn pour(&self, connection: &mut Connection) -> Next {
        for _ in 0..SOURCE_WRITES_MAX {
            let mut at = connection.sent % SOURCE_BYTES as u64;
            let rest = SOURCE_BYTES - usize::try_from(at).expect("below the source's length");
            match sendfile(&connection.socket, &self.source, Some(&mut at), rest) {
                Ok(sent) => connection.sent += sent as u64,
                Err(Errno::AGAIN) => break,
                Err(_) => return Next::Close,
            }
        }
        Next::Stay
    }
}

fn token(socket: &OwnedFd) -> usize {
    usize::try_from(socket.as_raw_fd()).expect("descriptors are not negative")
}
