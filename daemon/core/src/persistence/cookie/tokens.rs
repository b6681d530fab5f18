//! The tokens of a rule's backends, both ways.
//!
//! They are found by a keyed hash that is not the token's own, and compared as a whole, so that the
//! time of a look-up tells nobody how much of a guess was right. Called by the rule.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use crate::plan::BackendId;
use crate::token::{TOKEN_LEN, Token, TokenKey};

/// Says what is hashed.
const DOMAIN: &[u8] = b"poise token table 1";
/// Spreads bits over the word: an odd number of as many ones as zeros (the golden ratio's).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    by_backend: HashMap<BackendId, Token>,
    by_text: HashMap<[u8; TOKEN_LEN], BackendId, Keyed>,
}

impl Tokens {
    pub(super) fn new(key: &TokenKey, backends: impl Iterator<Item = BackendId>) -> Self {
        let by_backend: HashMap<_, _> = backends.map(|id| (id, key.token(id))).collect();
        let mut by_text = HashMap::with_capacity_and_hasher(by_backend.len(), Keyed(key.word(DOMAIN)));
        by_text.extend(by_backend.iter().map(|(&id, token)| (*token.as_bytes(), id)));
        Self { by_backend, by_text }
    }

    /// Whether they are those of these backends, which may name one twice.
    pub(super) fn are_of(&self, mut backends: impl Iterator<Item = BackendId> + Clone) -> bool {
        let mut ids: Vec<_> = backends.clone().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len() == self.by_backend.len() && backends.all(|id| self.by_backend.contains_key(&id))
    }

    /// The token of a backend.
    pub(super) fn of(&self, backend: BackendId) -> Option<&Token> {
        self.by_backend.get(&backend)
    }

    /// The backend whose token this is.
    pub(super) fn backend(&self, text: &[u8; TOKEN_LEN]) -> Option<BackendId> {
        self.by_text.get(text).copied()
    }
}

/// A hash for tokens, which are as good as random: few steps, and a key against those who would learn
/// from its collisions.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Keyed(u64);

// Not derived: the key must never reach a log.
impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

impl BuildHasher for Keyed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Keyed {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word) * u128::from(SPREAD | 1);
        self.0 = (wide >> 64) as u64 ^ u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    }

    fn write_usize(&mut self, _length: usize) {
        // Every key has the same length.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
