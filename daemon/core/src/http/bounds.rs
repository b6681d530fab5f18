//! What a head may have, by the settings of its listener, and what of one was too much (L-05).
//!
//! The bounds are looked at by `scan` while bytes arrive; whoever refuses a head asks afterwards,
//! for a reply and a log that name the culprit. It refuses nothing itself.

use std::fmt;

use poise_ipc::model::{Count, ListenerLimits};

use super::fields::is_token_byte;
use super::refusal::Refusal;

/// Characters of a field's name that are repeated to others: more than any real one has.
const NAME_LEN_MAX: usize = 64;

/// What a head, request or response, may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, the blank line included.
    pub head_bytes_max: usize,
    /// Fields; a [`super::fields::FieldStore`] has room for as many as a listener can allow.
    pub fields_max: usize,
    /// Bytes of a request's target.
    pub target_bytes_max: usize,
}

impl Bounds {
    /// The widest that any listener may have, with room for what is added to a head on its way.
    pub const WIDEST: Self =
        Self { head_bytes_max: 128 << 10, fields_max: super::store::FIELDS_MAX, target_bytes_max: 128 << 10 };

    /// Those of a listener.
    pub fn of(limits: &ListenerLimits) -> Self {
        let number = |count: Count| usize::try_from(count.0).unwrap_or(usize::MAX);
        Self {
            head_bytes_max: number(limits.head_bytes_max),
            fields_max: number(limits.fields_max),
            target_bytes_max: number(limits.target_bytes_max),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::of(&ListenerLimits::default())
    }
}

/// What of a head exceeds its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// What has too much.
    pub what: Culprit,
    /// What it has: bytes, or fields of a head with too many.
    pub size: usize,
    /// Whether more of it was about to come.
    pub is_partial: bool,
    /// The bound that is exceeded, which is the whole head's where a field is named.
    pub limit: usize,
}

/// The part of a head that is to blame for its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The request's target.
    Target,
    /// How many fields there are.
    Fields,
    /// The first line is the largest of the head.
    StartLine,
    /// The field of this name, safe to be shown, is the largest of the head.
    Field(Box<str>),
}

impl Excess {
    /// What was too much in a head that was refused because of its size; `bytes` is what had come of
    /// it, and of what follows, by then.
    pub fn of(refusal: Refusal, bytes: &[u8], bounds: &Bounds) -> Option<Self> {
        match refusal {
            Refusal::HeadTooLarge => Some(Self::largest(bytes, bounds.head_bytes_max)),
            Refusal::TooManyFields => {
                let (what, limit) = (Culprit::Fields, bounds.fields_max);
                Some(Self { what, size: limit + 1, is_partial: true, limit })
            }
            Refusal::TargetTooLong => {
                let (line, is_whole) = Lines(bytes).next().unwrap_or_default();
                let after_method = line.iter().position(|&byte| byte == b' ').map_or(line, |at| &line[at + 1..]);
                let end = after_method.iter().position(|&byte| byte == b' ');
                let (size, limit) = (end.unwrap_or(after_method.len()), bounds.target_bytes_max);
                Some(Self { what: Culprit::Target, size, is_partial: end.is_none() && !is_whole, limit })
            }
            _ => None,
        }
    }

    fn largest(bytes: &[u8], limit: usize) -> Self {
        let mut largest = Self { what: Culprit::StartLine, size: 0, is_partial: false, limit };
        for (index, (line, is_whole)) in Lines(bytes).enumerate().filter(|(_, (line, _))| !line.is_empty()) {
            if line.len() > largest.size {
                let what = if index == 0 { Culprit::StartLine } else { Culprit::Field(shown(line)) };
                largest = Self { what, size: line.len(), is_partial: !is_whole, limit };
            }
        }
        largest
    }
}

/// The name of a field as far as it is one, for somebody else's screen.
fn shown(line: &[u8]) -> Box<str> {
    line.iter().take(NAME_LEN_MAX).take_while(|&&byte| is_token_byte(byte)).map(|&byte| char::from(byte)).collect()
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, size, is_partial, limit } = self;
        let least = if *is_partial { "at least " } else { "" };
        match what {
            Culprit::Target => write!(f, "the request target has {least}{size} bytes, the limit is {limit}"),
            Culprit::Fields => write!(f, "the head has {least}{size} fields, the limit is {limit}"),
            Culprit::StartLine => {
                write!(f, "the head has more than {limit} bytes, {least}{size} of them in its first line")
            }
            Culprit::Field(name) => {
                write!(f, "the head has more than {limit} bytes, {least}{size} of them in its field {name}")
            }
        }
    }
}

/// The lines of a head as far as it has come, each with whether its end is there.
struct Lines<'b>(&'b [u8]);

impl<'b> Iterator for Lines<'b> {
    type Item = (&'b [u8], bool);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() || self.0.starts_with(b"\r\n") {
            return None;
        }
        let end = self.0.windows(2).position(|pair| pair == b"\r\n");
        let line = &self.0[..end.unwrap_or(self.0.len())];
        self.0 = end.map_or(&[][..], |end| &self.0[end + 2..]);
        Some((line, end.is_some()))
    }
}

#[cfg(test)]
mod tests;
