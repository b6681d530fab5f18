//! Where a message ends: the framing of a body and the machine that follows it.
//!
//! The machine is pushed the bytes as they arrive and says how many of them belong to the message;
//! it changes and keeps none of them. Which framing a message has is decided by `request` and
//! `response`. Called by the relay, for both directions and for tunnels.

use super::chunked::Chunks;
use super::refusal::Refusal;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// The chunked transfer coding (RFC 9112 §7.1).
    Chunked,
    /// Everything until the stream ends; responses and tunnels only.
    UntilClose,
}

/// Follows one body to its end.
#[derive(Clone, Debug)]
pub struct Body(State);

#[derive(Clone, Debug)]
enum State {
    Complete,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Body {
    /// A body of this framing, of which nothing has arrived.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None | Framing::Length(0) => State::Complete,
            Framing::Length(left) => State::Length(left),
            Framing::Chunked => State::Chunked(Chunks::default()),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// As [`Body::new`], of at most so many bytes.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`] when its length says that it has more; a chunked one is refused where
    /// a chunk's size does.
    pub fn within(framing: Framing, bytes_max: Option<u64>) -> Result<Self, Refusal> {
        match (framing, bytes_max) {
            (Framing::Length(length), Some(max)) if length > max => Err(Refusal::BodyTooLarge),
            (Framing::Chunked, Some(_)) => Ok(Self(State::Chunked(Chunks::within(bytes_max)))),
            _ => Ok(Self::new(framing)),
        }
    }

    /// Takes the next bytes of the stream and returns how many of them belong to this body, counted
    /// from the first. Fewer than all means that the body is complete.
    ///
    /// # Errors
    /// [`Refusal`] when the chunked coding is broken; the body cannot be followed further.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match &mut self.0 {
            State::Complete => Ok(0),
            State::UntilClose => Ok(bytes.len()),
            State::Length(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.0 = State::Complete;
                }
                Ok(taken)
            }
            State::Chunked(chunks) => {
                let taken = chunks.push(bytes)?;
                if chunks.is_complete() {
                    self.0 = State::Complete;
                }
                Ok(taken)
            }
        }
    }

    /// Which of the bytes pushed last broke the body, counted from 0; to be asked after a refusal.
    pub fn broken_at(&self) -> usize {
        match &self.0 {
            State::Chunked(chunks) => usize::try_from(chunks.broken_at()).unwrap_or(usize::MAX),
            State::Complete | State::Length(_) | State::UntilClose => 0,
        }
    }

    /// As [`Body::push`], for a reader that knows no chunks: what the body carries is moved to the
    /// beginning of `bytes`. Returns how many bytes were taken, and how many of them are left.
    ///
    /// # Errors
    /// As [`Body::push`].
    pub fn push_bare(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), Refusal> {
        let State::Chunked(chunks) = &mut self.0 else { return self.push(bytes).map(|used| (used, used)) };
        let pushed = chunks.push_bare(bytes)?;
        if chunks.is_complete() {
            self.0 = State::Complete;
        }
        Ok(pushed)
    }

    /// Whether the whole body has been pushed.
    #[inline]
    pub fn is_complete(&self) -> bool {
        matches!(self.0, State::Complete)
    }

    /// How many bytes may be read without reading beyond the body; `unknown` when only its bytes
    /// tell where it ends.
    pub fn room(&self, unknown: usize) -> usize {
        match self.0 {
            State::Length(left) => usize::try_from(left).unwrap_or(usize::MAX),
            State::UntilClose => usize::MAX,
            State::Complete | State::Chunked(_) => unknown,
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Refusal::Truncated`] when the body needed more.
    pub fn end(&mut self) -> Result<(), Refusal> {
        match self.0 {
            State::Complete => Ok(()),
            State::UntilClose => {
                self.0 = State::Complete;
                Ok(())
            }
            State::Length(_) | State::Chunked(_) => Err(Refusal::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
