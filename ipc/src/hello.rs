//! The hello: sixteen bytes of fixed layout that both sides send before any codec.
//!
//! After an upgrade a new client meets an old daemon; this is what both can always read. Layout:
//! magic `POISE\0` (6), version (2, little-endian), codec (1), role (1), words (4, little-endian),
//! reserved (2, sent as 0 and ignored). A client that sends `{` as its first byte speaks JSON lines and
//! no hello at all: so does `client` where the words of the two sides differ.

use crate::message::Role;

/// Bytes of a hello.
pub const LEN: usize = 16;
/// The version of the protocol spoken here. Messages that only grow keep it.
pub const VERSION: u16 = 1;
/// The message types of this build as a number: frames carry no names, so that only builds with the same
/// one can read each other's. Other builds meet in JSON.
pub const WORDS: u32 = words();
/// The first byte of a client that speaks JSON lines.
pub const JSON_FIRST: u8 = b'{';

const MAGIC: [u8; 6] = *b"POISE\0";
const CODEC_NONE: u8 = 0;
const CODEC_BINCODE: u8 = 1;

/// What one side says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version of the protocol that it speaks.
    pub version: u16,
    /// Whether it speaks bincode frames; a daemon that refuses the client says no.
    pub frames: bool,
    /// From the daemon: what the connection may do.
    pub role: Option<Role>,
    /// [`WORDS`] of its build; 0 where that says nothing of them.
    pub words: u32,
}

const fn words() -> u32 {
    match u32::from_str_radix(env!("POISE_WORDS"), 10) {
        Ok(words) => words,
        Err(_) => panic!("the build script writes a number"),
    }
}

/// The bytes do not begin with the magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side does not speak the protocol of poise")]
pub struct NotPoise;

impl Hello {
    /// What a client sends.
    pub const CLIENT: Self = Self { version: VERSION, frames: true, role: None, words: WORDS };

    /// What the daemon answers to a client that it takes.
    pub const fn admit(role: Role) -> Self {
        Self { version: VERSION, frames: true, role: Some(role), words: WORDS }
    }

    /// What the daemon answers to a client whose version or codec it does not speak.
    pub const REFUSE: Self = Self { version: VERSION, frames: false, role: None, words: WORDS };

    /// The bytes to send.
    pub const fn encode(self) -> [u8; LEN] {
        let [m0, m1, m2, m3, m4, m5] = MAGIC;
        let [v0, v1] = self.version.to_le_bytes();
        let codec = if self.frames { CODEC_BINCODE } else { CODEC_NONE };
        let role = match self.role {
            None => 0,
            Some(Role::View) => 1,
            Some(Role::Operate) => 2,
            Some(Role::Admin) => 3,
        };
        let [w0, w1, w2, w3] = self.words.to_le_bytes();
        [m0, m1, m2, m3, m4, m5, v0, v1, codec, role, w0, w1, w2, w3, 0, 0]
    }

    /// Reads a hello. A codec or role that is not known reads as none.
    ///
    /// # Errors
    /// [`NotPoise`] when the magic is missing.
    pub fn decode(bytes: &[u8; LEN]) -> Result<Self, NotPoise> {
        if bytes[..MAGIC.len()] != MAGIC {
            return Err(NotPoise);
        }
        let role = match bytes[9] {
            1 => Some(Role::View),
            2 => Some(Role::Operate),
            3 => Some(Role::Admin),
            _ => None,
        };
        let version = u16::from_le_bytes([bytes[6], bytes[7]]);
        let words = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]);
        Ok(Self { version, frames: bytes[8] == CODEC_BINCODE, role, words })
    }

    /// Whether `first` can be the first byte of a hello.
    pub const fn begins_with(first: u8) -> bool {
        first == MAGIC[0]
    }
}

#[cfg(test)]
mod tests;
