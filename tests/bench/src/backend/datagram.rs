//! The UDP backend: sends every datagram back to where it came from.
//!
//! What the socket's buffer does not hold is lost, and the load counts it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::event::epoll::EventFlags;
use rustix::io::Result;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, getsockname, recvfrom, sendto, socket_with,
    sockopt,
};
use std::time::Duration;

use super::announce;
use crate::poller::Poller;

/// Wanted buffer of a socket, in bytes: all datagrams that any workload has in flight.
pub(crate) const SOCKET_BYTES: usize = 4 << 20;
/// No datagram is longer.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Datagrams answered before other sockets get their turn.
const BATCH_MAX: usize = 64;

/// Serves `count` sockets until killed.
pub(super) fn serve(count: usize) -> Result<()> {
    let mut poller = Poller::new()?;
    let mut sockets = Vec::with_capacity(count);
    let mut ports = Vec::with_capacity(count);
    for token in 0..count {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        widen(&socket);
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        ports.push(SocketAddrV4::try_from(getsockname(&socket)?)?.port());
        poller.add(&socket, token, EventFlags::IN)?;
        sockets.push(socket);
    }
    announce(&ports)?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut ready = Vec::new();
    loop {
        poller.wait(Duration::from_secs(1), &mut ready)?;
        for event in &ready {
            echo(&sockets[event.token], &mut buffer);
        }
    }
}

fn echo(socket: &OwnedFd, buffer: &mut [u8]) {
    for _ in 0..BATCH_MAX {
        // An error is either an empty socket or word of a client that is gone.
        let Ok((_, len, Some(from))) = recvfrom(socket, &mut *buffer, RecvFlags::empty()) else { return };
        let _ = sendto(socket, &buffer[..len], SendFlags::empty(), &from);
    }
}

/// Widens the buffers of a socket as far as it is allowed to.
pub(crate) fn widen(socket: &OwnedFd) {
    if sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BYTES).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(socket, SOCKET_BYTES);
    }
    if sockopt::set_socket_send_buffer_size_force(socket, SOCKET_BYTES).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(socket, SOCKET_BYTES);
    }
}
