//! What no safe wrapper offers: deferring the accept of a listening socket, and giving freed memory
//! back to the system.
//!
//! All unsafe code of poised is here. It decides nothing; the workers call it.

#![expect(unsafe_code, reason = "calls that neither socket2 nor rustix knows")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Lets the kernel keep accepted connections of a listening socket to itself until the client
/// has sent something, but no longer than about so many seconds; 0 turns it off.
///
/// # Errors
/// As setsockopt(2): not a TCP socket.
pub(crate) fn defer_accept(socket: impl AsFd, seconds: u8) -> io::Result<()> {
    let value = libc::c_int::from(seconds);
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open while `socket` is borrowed; the option takes an int, and
    // `value` is one that outlives the call, of the length given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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
