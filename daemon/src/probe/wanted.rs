//! What must come back: the text and the expression of a check, compiled once for many probes.
//!
//! Streams and datagrams must begin with the text, bodies contain it; the expression matches
//! somewhere in either. It reads nothing: whoever does asks it while bytes arrive.

use poise_ipc::limits::REGEX_BYTES_MAX;
use poise_ipc::model::HealthCheck;
use regex::bytes::{Regex, RegexBuilder};

/// Bytes between the first two looks at an answer; each look after them waits for twice as many, so
/// that an answer that drips in is not searched at every drop.
const LOOK_BYTES: usize = 512;

/// What an answer must be like.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    text: Vec<u8>,
    regex: Option<Regex>,
    /// Bytes that are looked at.
    pub(super) bytes_max: usize,
}

/// How an answer stands that is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is what is wanted, whatever follows.
    Right,
    /// It never will be.
    Wrong,
    /// It may become so.
    Open,
}

impl Wanted {
    /// What a check wants.
    pub(super) fn new(check: &HealthCheck) -> Self {
        let build = |pattern: &str| RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build();
        Self {
            text: HealthCheck::payload(check.receive.as_deref().unwrap_or_default()),
            // Validation has refused what does not compile.
            regex: check.receive_regex.as_deref().and_then(|pattern| build(pattern).ok()),
            bytes_max: usize::try_from(check.receive_max.0).unwrap_or(usize::MAX),
        }
    }

    /// Anything of so many bytes.
    pub(super) const fn anything(bytes_max: usize) -> Self {
        Self { text: Vec::new(), regex: None, bytes_max }
    }

    /// Whether any answer will do.
    pub(super) const fn is_anything(&self) -> bool {
        self.text.is_empty() && self.regex.is_none()
    }

    /// How the reply of a stream or a datagram stands: it must begin with the text.
    pub(super) fn of_reply(&self, reply: &[u8]) -> Standing {
        let reply = &reply[..reply.len().min(self.bytes_max)];
        let begun = self.text.len().min(reply.len());
        if reply[..begun] != self.text[..begun] {
            return Standing::Wrong;
        }
        // A text longer than what is looked at can never come.
        if begun < self.text.len() {
            return if reply.len() == self.bytes_max { Standing::Wrong } else { Standing::Open };
        }
        self.of_regex(reply)
    }

    /// How a body stands: it must contain the text.
    pub(super) fn of_body(&self, body: &[u8]) -> Standing {
        let body = &body[..body.len().min(self.bytes_max)];
        let contains = self.text.is_empty() || body.windows(self.text.len()).any(|window| window == self.text);
        match self.of_regex(body) {
            Standing::Right if !contains => self.unless_full(body),
            standing => standing,
        }
    }

    fn of_regex(&self, bytes: &[u8]) -> Standing {
        let matches = self.regex.as_ref().is_none_or(|regex| regex.is_match(bytes));
        if matches { Standing::Right } else { self.unless_full(bytes) }
    }

    const fn unless_full(&self, bytes: &[u8]) -> Standing {
        if bytes.len() >= self.bytes_max { Standing::Wrong } else { Standing::Open }
    }
}

/// When to look at an answer that grows.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: usize,
}

impl Looks {
    /// Whether an answer of so many bytes is to be looked at.
    pub(super) fn is_due(&mut self, len: usize) -> bool {
        let due = len >= self.next;
        if due {
            self.next = (len * 2).max(len + LOOK_BYTES);
        }
        due
    }
}

#[cfg(test)]
mod tests;
