//! The id of a request: one word that stands in the log, at the backend and in our own replies.
//!
//! A random part of the process, the worker and a counter: unique without a look at anything that
//! another worker writes, and cheap enough to be made for every request. It is no secret.

/// Characters of an id: eight of the process, two of the worker, ten of the counter, two dashes.
pub const ID_LEN: usize = 22;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The id of a request, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId([u8; ID_LEN]);

impl RequestId {
    /// The id of request `count` of a worker, in a process that drew this number. Workers beyond 256
    /// and counts beyond 40 bits come round again.
    pub fn new(process: u32, worker: u8, count: u64) -> Self {
        let mut text = [b'-'; ID_LEN];
        write(&mut text[..8], process.into());
        write(&mut text[9..11], worker.into());
        write(&mut text[12..], count);
        Self(text)
    }

    /// As text.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("-")
    }
}

/// Writes a number into all of `digits`, the lowest digit last.
fn write(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number & 15) as usize];
        number >>= 4;
    }
}
