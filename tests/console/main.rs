//! The console as operators have it: the real program in a real terminal, alone and over a real
//! daemon.

#![expect(unreachable_pub, reason = "what the modules of a test share is public to nobody else")]

mod daemon;
mod pty;

mod live;
mod restore;
mod two;
