//! The first look at a head: its bytes and lines, before anything is parsed.
//!
//! httparse accepts bare LF and leading blank lines; the scan refuses them, together with control
//! characters, folded fields and every excess of size, as soon as the offending byte arrives. It
//! knows nothing of names and values. Called by the relay for each piece of a head that arrives.

use super::bounds::Bounds;
use super::refusal::Refusal;

/// Bytes of a request method: the registered ones have at most 17.
pub const METHOD_LEN_MAX: usize = 32;
/// Bytes of a first line beside its target: method, version and two spaces.
const FIRST_LINE_REST_MAX: usize = METHOD_LEN_MAX + " HTTP/1.1 ".len();

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
    pub fn scan(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        loop {
            let Some(at) = control_from(bytes, self.at) else {
                self.at = bytes.len();
                return self.partial(bytes.len(), bounds);
            };
            self.at = at;
            match bytes[at] {
                b'\t' if self.lines > 0 && at > self.line_start => self.at += 1,
                b'\t' if self.lines > 0 => return Err(Refusal::Fold),
                b'\r' => match bytes.get(at + 1) {
                    None => return self.partial(bytes.len(), bounds),
                    Some(b'\n') if at == self.line_start => return self.blank_line(bounds),
                    Some(b'\n') => self.line(bytes, bounds)?,
                    Some(_) => return Err(Refusal::LineEnd),
                },
                b'\n' => return Err(Refusal::LineEnd),
                _ => return Err(Refusal::Control),
            }
        }
    }

    /// A line that is not empty ends at `self.at`.
    fn line(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<(), Refusal> {
        if bytes[self.line_start] == b' ' {
            return Err(if self.lines == 0 { Refusal::LeadingBlank } else { Refusal::Fold });
        }
        // A line that is no longer than a target may be holds none that is.
        if self.lines == 0 && self.at > bounds.target_bytes_max && has_long_target(&bytes[..self.at], bounds) {
            return Err(Refusal::TargetTooLong);
        }
        if self.lines > bounds.fields_max {
            return Err(Refusal::TooManyFields);
        }
        self.lines += 1;
        self.at += 2;
        self.line_start = self.at;
        Ok(())
    }

    fn blank_line(&self, bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        let len = self.at + 2;
        if self.lines == 0 {
            return Err(Refusal::LeadingBlank);
        }
        if len > bounds.head_bytes_max {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(Some(len))
    }

    /// All of `len` bytes are scanned and the head is not complete: may it still become so?
    fn partial(&self, len: usize, bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        if self.lines == 0 && len > bounds.target_bytes_max + FIRST_LINE_REST_MAX {
            return Err(Refusal::TargetTooLong);
        }
        if len >= bounds.head_bytes_max {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(None)
    }
}

/// Whether the target in a first line, which stands between the first and the last space, is too long.
/// The reason in a status line, which may hold spaces, counts as if it were one.
fn has_long_target(line: &[u8], bounds: &Bounds) -> bool {
    let space = |byte: &u8| *byte == b' ';
    let (first, last) = (line.iter().position(space), line.iter().rposition(space));
    let target_len = first.zip(last).map_or(line.len(), |(first, last)| last.saturating_sub(first + 1));
    target_len > bounds.target_bytes_max
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Position of the first control character (below 0x20, or DEL) at or after `from`.
///
/// Eight bytes at a step: half of the cost of a head would otherwise be this loop.
pub(crate) fn control_from(bytes: &[u8], from: usize) -> Option<usize> {
    let (words, rest) = bytes.get(from..)?.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let not_del = word ^ (ONES * 0x7f);
        let del = not_del.wrapping_sub(ONES) & !not_del;
        // Borrows can only mark bytes above a true match, and the lowest mark is the one taken.
        let marks = (below_space | del) & HIGHS;
        if marks != 0 {
            return Some(from + index * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let skipped = from + words.len() * 8;
    rest.iter().position(|&byte| byte < 0x20 || byte == 0x7f).map(|at| skipped + at)
}

#[cfg(test)]
pub(super) mod tests;
