//! Values of persistence cookies: a backend's token, alone or with sealed times.
//!
//! The sealed form is the token and 32 more hex digits: a tag of 64 bits over backend and times, and
//! the times themselves under a key stream made from that tag. Nobody without the key reads them or
//! makes them up. It judges no times and knows no backends; called by the rule.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::plan::BackendId;
use crate::token::{TOKEN_LEN, Token, TokenKey};

/// Hex digits of the sealed times.
const SEAL_LEN: usize = 32;
/// Characters of the longest value.
pub const VALUE_LEN_MAX: usize = TOKEN_LEN + SEAL_LEN;

/// Says what is hashed, so that no use of the key can stand for another.
const TAG: &[u8] = b"poise cookie times 1";
const STREAM: &[u8] = b"poise cookie stream 1";

/// When a client was bound to its backend and when it was last seen, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was bound.
    pub first_s: u32,
    /// When its cookie was last written.
    pub last_s: u32,
}

impl Times {
    fn bits(self) -> u64 {
        u64::from(self.first_s) << 32 | u64::from(self.last_s)
    }

    fn of(bits: u64) -> Self {
        let low = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Self { first_s: low(bits >> 32), last_s: low(bits) }
    }
}

/// A value in the parts that poise writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form<'v> {
    /// What stands where a token would.
    pub(super) token: &'v [u8; TOKEN_LEN],
    /// What stands where sealed times would, which have yet to be opened.
    pub(super) seal: Option<&'v [u8; SEAL_LEN]>,
}

impl<'v> Form<'v> {
    /// `None` for a value of another length than poise writes.
    #[inline]
    pub(super) fn of(value: &'v [u8]) -> Option<Self> {
        let (token, seal) = value.split_first_chunk()?;
        match seal.len() {
            0 => Some(Self { token, seal: None }),
            _ => Some(Self { token, seal: Some(seal.try_into().ok()?) }),
        }
    }
}

/// The value of a cookie that is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    text: [u8; VALUE_LEN_MAX],
    len: usize,
}

impl Value {
    /// A token alone.
    pub(super) fn plain(token: Token) -> Self {
        let mut text = [0; VALUE_LEN_MAX];
        text[..TOKEN_LEN].copy_from_slice(token.as_bytes());
        Self { text, len: TOKEN_LEN }
    }

    /// A token with times.
    pub(super) fn sealed(token: Token, key: &TokenKey, backend: BackendId, times: Times) -> Self {
        let bits = times.bits();
        let tag = hash(key, TAG, backend, bits);
        let mut value = Self::plain(token);
        let (tag_text, times_text) = value.text[TOKEN_LEN..].split_at_mut(SEAL_LEN / 2);
        write_hex(tag, tag_text);
        write_hex(bits ^ hash(key, STREAM, backend, tag), times_text);
        value.len = VALUE_LEN_MAX;
        value
    }

    /// The value as text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// The times under a seal; `None` unless it is one that this key made for this backend.
pub(super) fn open(seal: &[u8; SEAL_LEN], key: &TokenKey, backend: BackendId) -> Option<Times> {
    let (tag, hidden) = seal.split_at(SEAL_LEN / 2);
    let (tag, hidden) = (read_hex(tag)?, read_hex(hidden)?);
    let bits = hidden ^ hash(key, STREAM, backend, tag);
    // One comparison of words: how long it takes tells nothing of how much was right.
    (hash(key, TAG, backend, bits) == tag).then(|| Times::of(bits))
}

fn hash(key: &TokenKey, domain: &[u8], backend: BackendId, bits: u64) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.bytes());
    hasher.write(domain);
    hasher.write(&backend.0.to_le_bytes());
    hasher.write(&bits.to_le_bytes());
    hasher.finish()
}

fn write_hex(bits: u64, text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bits.to_be_bytes().into_iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Sixteen lower-case hex digits.
fn read_hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |bits: u64, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(bits << 4 | u64::from(digit))
    })
}
