//! Bytes that wait: refused by a socket, or read before their time.
//!
//! Memory is held for exactly what waits and goes with its last byte. It reads no socket. Used by
//! both directions of an exchange and by the client's connection.

use std::io;
use std::task::Context;

use super::stream::Stream;

/// Bytes in order, kept until they can be used: what a socket refused, or what came too early.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    at: usize,
}

impl Held {
    /// Holds these bytes, from the first.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What is held.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Adds to the end. The room is exact: many slow peers must not hold twice what they need.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.reserve_exact(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Lets go of the first `count` bytes; the memory goes with the last.
    pub(super) fn consume(&mut self, count: usize) {
        self.at += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Holds everything from the first byte again.
    pub(super) fn rewind(&mut self) {
        self.at = 0;
    }

    /// Writes what is held, but lets go of nothing; returns how much was taken.
    pub(super) fn write_kept(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> io::Result<usize> {
        let taken = stream.write(cx, self.bytes())?;
        self.at += taken;
        Ok(taken)
    }

    /// Writes what is held and lets go of it; returns how much was taken.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> io::Result<usize> {
        let taken = stream.write(cx, self.bytes())?;
        self.consume(taken);
        Ok(taken)
    }

    /// The buffer, whatever was consumed of it.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}
