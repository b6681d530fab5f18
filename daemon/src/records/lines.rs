//! Lines of the access log: from a worker to the writer, through a ring of bytes.
//!
//! One producer (the worker's thread) and one consumer (the writer), so the data path never waits,
//! never locks and allocates nothing. A line that finds no room is dropped, and the one who sent it
//! is told so. What becomes of a line is the writer's to say.

use poise_core::plan::ListenerId;
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// Bytes that may wait in the ring of one worker: some 15,000 lines, a quarter of a second at the
/// highest rates measured. Memory that no line has touched is not resident.
pub const LINES_BYTES_MAX: usize = 4 << 20;
/// Bytes before each line: its listener and its length.
const PREFIX_LEN: usize = 12;

/// The worker's end of a ring.
pub struct LineSender(HeapProd<u8>);

/// The writer's end of a ring.
pub struct LineReceiver(HeapCons<u8>);

/// The two ends of a ring of so many bytes.
pub fn ring(bytes_max: usize) -> (LineSender, LineReceiver) {
    let (producer, consumer) = HeapRb::new(bytes_max).split();
    (LineSender(producer), LineReceiver(consumer))
}

impl LineSender {
    /// Hands over a line of a listener; false if there was no room and it is lost.
    #[must_use]
    pub fn send(&mut self, listener: ListenerId, line: &[u8]) -> bool {
        let Ok(len) = u32::try_from(line.len()) else { return false };
        if self.0.vacant_len() < PREFIX_LEN + line.len() {
            return false;
        }
        let mut prefix = [0; PREFIX_LEN];
        prefix[..8].copy_from_slice(&listener.0.to_le_bytes());
        prefix[8..].copy_from_slice(&len.to_le_bytes());
        // The reader waits for a whole line, so it may meet the prefix alone.
        self.0.push_slice(&prefix);
        self.0.push_slice(line);
        true
    }
}

impl LineReceiver {
    /// Appends the oldest line to what `buffer_of` gives for its listener; false when none waits.
    pub fn take<'b>(&mut self, buffer_of: impl FnOnce(ListenerId) -> &'b mut Vec<u8>) -> bool {
        let mut prefix = [0; PREFIX_LEN];
        if self.0.peek_slice(&mut prefix) < PREFIX_LEN {
            return false;
        }
        let [l0, l1, l2, l3, l4, l5, l6, l7, n0, n1, n2, n3] = prefix;
        let len = u32::from_le_bytes([n0, n1, n2, n3]) as usize;
        if self.0.occupied_len() < PREFIX_LEN + len {
            return false;
        }
        self.0.skip(PREFIX_LEN);
        let buffer = buffer_of(ListenerId(u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7])));
        let (first, second) = self.0.as_slices();
        let in_first = len.min(first.len());
        buffer.extend_from_slice(&first[..in_first]);
        buffer.extend_from_slice(&second[..len - in_first]);
        self.0.skip(len);
        true
    }
}

#[cfg(test)]
mod tests;
