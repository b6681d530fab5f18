//! Session tickets whose keys can go with an upgrade, so that clients resume at the process that follows.
//!
//! A ticket is the name of its key, a nonce and the state under AES-256-GCM. Keys turn every six hours;
//! the one before still opens what it sealed. They never touch a disk: whoever read them there could
//! read what was sent under TLS 1.2, so a restart that is no upgrade costs each client one full handshake.

use std::sync::{PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::Error;
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize};

use crate::wall::now_ms;

/// How long a key seals, in milliseconds.
const TURN_MS: u64 = 6 * 3_600_000;
/// How long a ticket may be used, in seconds: until its key is gone at the latest.
const LIFETIME_S: u32 = 12 * 3_600;
/// Bytes of the name of a key.
const NAME_LEN: usize = 16;
/// Bytes of a key.
const KEY_LEN: usize = 32;

/// The keys as they travel from one process to another.
#[derive(Clone, Serialize, Deserialize)]
pub struct TicketKeys {
    now: KeyBytes,
    #[serde(default)]
    before: Option<KeyBytes>,
}

#[derive(Clone, Serialize, Deserialize)]
struct KeyBytes {
    name: [u8; NAME_LEN],
    key: [u8; KEY_LEN],
    made_ms: u64,
}

/// Seals and opens tickets.
#[derive(Debug)]
pub(super) struct Tickets(RwLock<Keys>);

struct Keys {
    now: Key,
    before: Option<Key>,
}

struct Key {
    bytes: KeyBytes,
    cipher: RandomizedNonceKey,
}

impl KeyBytes {
    fn draw(made_ms: u64) -> Result<Self, Error> {
        let (mut name, mut key) = ([0; NAME_LEN], [0; KEY_LEN]);
        getrandom::fill(&mut name).map_err(|_| Error::FailedToGetRandomBytes)?;
        getrandom::fill(&mut key).map_err(|_| Error::FailedToGetRandomBytes)?;
        Ok(Self { name, key, made_ms })
    }
}

impl Key {
    fn new(bytes: KeyBytes) -> Result<Self, Error> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &bytes.key);
        let cipher = cipher.map_err(|_| Error::General("make a key for session tickets".to_owned()))?;
        Ok(Self { bytes, cipher })
    }

    fn seal(&self, state: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = state.to_vec();
        let nonce = self.cipher.seal_in_place_append_tag(Aad::from(self.bytes.name), &mut sealed).ok()?;
        Some([&self.bytes.name, &nonce.as_ref()[..], &sealed].concat())
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        if *name != self.bytes.name {
            return None;
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        Some(self.cipher.open_in_place(nonce, Aad::from(self.bytes.name), &mut sealed).ok()?.to_vec())
    }
}

impl Tickets {
    /// With keys of its own, or with those of the process before.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn new(keys: Option<TicketKeys>) -> Result<Self, Error> {
        let keys = match keys {
            Some(keys) => keys,
            None => TicketKeys { now: KeyBytes::draw(now_ms())?, before: None },
        };
        let before = keys.before.map(Key::new).transpose()?;
        Ok(Self(RwLock::new(Keys { now: Key::new(keys.now)?, before })))
    }

    /// The keys, for the process that follows.
    pub(super) fn keys(&self) -> TicketKeys {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TicketKeys { now: keys.now.bytes.clone(), before: keys.before.as_ref().map(|key| key.bytes.clone()) }
    }

    /// Turns the key when its time is over.
    fn turn(&self, now_ms: u64) {
        let is_due = |keys: &Keys| now_ms.saturating_sub(keys.now.bytes.made_ms) >= TURN_MS;
        if !is_due(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        // Without randomness the key goes on.
        let Ok(fresh) = KeyBytes::draw(now_ms).and_then(Key::new) else { return };
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if is_due(&keys) {
            let before = std::mem::replace(&mut keys.now, fresh);
            keys.before = Some(before);
        }
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_S
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.turn(now_ms());
        self.0.read().unwrap_or_else(PoisonError::into_inner).now.seal(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.turn(now_ms());
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.now.open(cipher).or_else(|| keys.before.as_ref()?.open(cipher))
    }
}

// A key is never printed.
impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKeys").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
