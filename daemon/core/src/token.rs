//! Tokens: what an inserted cookie says instead of a backend's name or address.
//!
//! A token is a keyed SipHash-2-4 (128 bits) of the backend's identity, as 32 hex digits. Without
//! the key nobody can make one up or learn anything from it; with the same key it stays the same
//! across renames, reordering and restarts. It does not depend on the listener: browsers share
//! cookies between the ports of a host, so two listeners of one group must agree.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::plan::{BackendId, ListenerId};

/// Hex digits of a token.
pub const TOKEN_LEN: usize = 32;

/// Says what is hashed, so that another use of the key can never produce a token.
const DOMAIN: &[u8] = b"poise backend token 1";
/// The same for listeners.
const VIA_DOMAIN: &[u8] = b"poise via token 1";

/// The secret behind tokens and hashes; control makes it once and stores it.
// Not Display and not shown by Debug: it must never reach a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenKey([u8; 16]);

impl TokenKey {
    /// Takes the secret from bytes of a random source.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The secret as bytes, for the store.
    pub const fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// A secret word for a use of its own.
    pub(crate) fn word(&self, domain: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(domain);
        hasher.finish128().h1
    }

    /// The token of a backend.
    pub fn token(&self, backend: BackendId) -> Token {
        self.hashed(DOMAIN, backend.0.to_le_bytes())
    }

    /// What a listener calls itself in `Via`: its own, so that a chain of listeners is no loop.
    pub fn via(&self, listener: ListenerId) -> Token {
        self.hashed(VIA_DOMAIN, listener.0.to_le_bytes())
    }

    fn hashed<const LEN: usize>(&self, domain: &[u8], identity: [u8; LEN]) -> Token {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(domain);
        hasher.write(&identity);
        Token::from_bits(hasher.finish128().as_u128())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// The value of an inserted cookie: 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; TOKEN_LEN]);

impl Token {
    fn from_bits(bits: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; TOKEN_LEN];
        for (byte, pair) in bits.to_be_bytes().into_iter().zip(text.chunks_exact_mut(2)) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// Reads a cookie value; `None` unless it is exactly 32 lower-case hex digits.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text: [u8; TOKEN_LEN] = value.try_into().ok()?;
        text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(text))
    }

    /// The token as text.
    pub fn as_bytes(&self) -> &[u8; TOKEN_LEN] {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&digit| fmt::Write::write_char(f, char::from(digit)))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

#[cfg(test)]
mod tests;
