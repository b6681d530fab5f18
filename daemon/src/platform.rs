//! What no safe wrapper offers: deferring the accept of a listening socket, datagrams in batches
//! with what the kernel tells beside them, watching a descriptor for reading alone, and giving freed memory back to the system.
//!
//! All unsafe code of poised is here. It decides nothing; the workers call it.

#![expect(unsafe_code, reason = "calls that neither socket2 nor rustix knows")]

mod control;
mod datagrams;
mod name;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub(crate) use self::datagrams::{Batch, DATAGRAMS_MAX, SEGMENTS_MAX, SENDING_BYTES_MAX, Sending, send_one};

/// Lets the kernel keep accepted connections of a listening socket to itself until the client
/// has sent something, but no longer than about so many seconds; 0 turns it off.
///
/// # Errors
/// As setsockopt(2): not a TCP socket.
pub(crate) fn defer_accept(socket: impl AsFd, seconds: u8) -> io::Result<()> {
    set_option(socket, (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT), seconds.into())
}

/// Lets the kernel tell of every datagram to which address of ours it came.
///
/// # Errors
/// As setsockopt(2).
pub(crate) fn tell_local_address(socket: impl AsFd, is_ipv6: bool) -> io::Result<()> {
    let option =
        if is_ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    set_option(socket, option, 1)
}

/// Lets the kernel join datagrams of one sender and one length that wait in a UDP socket.
///
/// # Errors
/// As setsockopt(2): kernels before 5.0 cannot.
pub(crate) fn join_datagrams(socket: impl AsFd) -> io::Result<()> {
    set_option(socket, (libc::SOL_UDP, libc::UDP_GRO), 1)
}

/// Lets an IPv6 socket take an address that is not of this host.
///
/// # Errors
/// As setsockopt(2): not permitted without `CAP_NET_ADMIN`.
pub(crate) fn set_ip_transparent_v6(socket: impl AsFd) -> io::Result<()> {
    set_option(socket, (libc::SOL_IPV6, libc::IPV6_TRANSPARENT), 1)
}

fn set_option(socket: impl AsFd, (level, name): (libc::c_int, libc::c_int), value: libc::c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open while `socket` is borrowed; the options above take an int, and
    // `value` is one that outlives the call, of the length given.
    let result =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, name, (&raw const value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Watches a non-blocking descriptor for something to read, and for nothing else.
///
/// # Errors
/// As `epoll_ctl(2)`.
pub(crate) fn watch_readable(descriptor: impl Into<OwnedFd>) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` owns an open descriptor, always the same one, until it is dropped, which
    // happens when the `AsyncFd` is gone.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor.into(), Interest::READABLE) }?)
}

/// Gives memory that was freed back to the system, of all threads. Takes some milliseconds after a
/// flood and stops whoever allocates meanwhile.
pub(crate) fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer and may be called at any time from any thread.
    let _ = unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests;
