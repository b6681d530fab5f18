//! The first look at a head: its bytes and lines, before anything is parsed.
//!
//! httparse accepts bare LF and leading blank lines; the scan refuses them, together with control
//! characters, folded fields and every excess of size, as soon as the offending byte arrives. It
//! knows nothing of names and values. Called by the relay for each piece of a head that arrives.

use std::ops::ControlFlow;

use poise_ipc::limits::{FIELDS_MAX, HEAD_LEN_MAX, TARGET_LEN_MAX};

use super::refusal::Refusal;

/// Bytes of a request method: the registered ones have at most 17.
pub const METHOD_LEN_MAX: usize = 32;
/// Bytes of a first line: method, target, version and two spaces.
const FIRST_LINE_LEN_MAX: usize = METHOD_LEN_MAX + TARGET_LEN_MAX + " HTTP/1.1 ".len();

/// Scans one head that may arrive in pieces. Every byte is looked at once, so a head that drips in
/// costs no more than one that comes whole.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    at: usize,
    line_start: usize,
    lines: usize,
}

impl Scanner {
    /// Whether nothing was scanned yet.
    pub fn is_new(&self) -> bool {
        self.at == 0
    }

    /// Whether some of so many bytes were not scanned yet.
    pub fn is_behind(&self, len: usize) -> bool {
        self.at < len
    }

    /// Where the fault stands for which the last scan refused the head.
    pub fn fault_at(&self, refusal: Refusal) -> usize {
        match refusal {
            Refusal::Fold | Refusal::LeadingBlank | Refusal::TooManyFields => self.line_start,
            _ => self.at,
        }
    }

    /// Goes on over `bytes`: the message from its first byte, what was scanned before included.
    /// Returns the length of the head, its blank line included, once that is there.
    ///
    /// # Errors
    /// [`Refusal`] at the first byte that breaks a rule or exceeds a limit.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let from = self.at;
        let (words, rest) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let mut marks = controls(*word);
            // Ends: every turn takes one of eight marks.
            while marks != 0 {
                let at = from + index * 8 + marks.trailing_zeros() as usize / 8;
                marks &= marks - 1;
                if let ControlFlow::Break(end) = self.control(bytes, at)? {
                    return Ok(end);
                }
            }
        }
        for at in bytes.len() - rest.len()..bytes.len() {
            if let ControlFlow::Break(end) = self.control(bytes, at)? {
                return Ok(end);
            }
        }
        self.at = bytes.len();
        self.partial(bytes.len())
    }

    /// Looks at a byte that may be a control character.
    #[inline]
    fn control(&mut self, bytes: &[u8], at: usize) -> Result<ControlFlow<Option<usize>>, Refusal> {
        let byte = bytes[at];
        // The second half of a line end was taken with the first.
        if !is_control(byte) || at < self.at {
            return Ok(ControlFlow::Continue(()));
        }
        self.at = at;
        match byte {
            b'\t' if self.lines > 0 && at > self.line_start => self.at += 1,
            b'\t' if self.lines > 0 => return Err(Refusal::Fold),
            b'\r' => match bytes.get(at + 1) {
                None => return self.partial(bytes.len()).map(ControlFlow::Break),
                Some(b'\n') if at == self.line_start => return self.blank_line().map(ControlFlow::Break),
                Some(b'\n') => self.line(bytes)?,
                Some(_) => return Err(Refusal::LineEnd),
            },
            b'\n' => return Err(Refusal::LineEnd),
            _ => return Err(Refusal::Control),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A line that is not empty ends at `self.at`.
    fn line(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes[self.line_start] == b' ' {
            return Err(if self.lines == 0 { Refusal::LeadingBlank } else { Refusal::Fold });
        }
        if self.lines == 0 && self.at > FIRST_LINE_LEN_MAX {
            return Err(Refusal::TargetTooLong);
        }
        if self.lines > FIELDS_MAX {
            return Err(Refusal::TooManyFields);
        }
        self.lines += 1;
        self.at += 2;
        self.line_start = self.at;
        Ok(())
    }

    fn blank_line(&self) -> Result<Option<usize>, Refusal> {
        let len = self.at + 2;
        if self.lines == 0 {
            return Err(Refusal::LeadingBlank);
        }
        if len > HEAD_LEN_MAX {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(Some(len))
    }

    /// All of `len` bytes are scanned and the head is not complete: may it still become so?
    fn partial(&self, len: usize) -> Result<Option<usize>, Refusal> {
        if self.lines == 0 && len > FIRST_LINE_LEN_MAX {
            return Err(Refusal::TargetTooLong);
        }
        if len >= HEAD_LEN_MAX {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(None)
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the control characters among eight bytes, the first in the lowest bits: half of the cost of
/// a head would otherwise be this. The lowest mark is a true one, those above it may be false.
#[inline]
fn controls(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let not_del = word ^ (ONES * 0x7f);
    let del = not_del.wrapping_sub(ONES) & !not_del;
    (below_space | del) & HIGHS
}

#[inline]
fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

/// Position of the first control character (below 0x20, or DEL) at or after `from`.
pub(crate) fn control_from(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.iter().position(|&byte| is_control(byte)).map(|at| from + at)
}

#[cfg(test)]
pub(super) mod tests;
