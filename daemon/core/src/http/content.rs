//! What a body says, without how it is framed: for readers and writers that frame it otherwise, as
//! HTTP/2 does.
//!
//! It follows a body as `framing` does, with the same strictness, and hands out its data in the
//! pieces in which it came; nothing is copied but trailers. Called by the daemon's `l7/h2`.

use super::chunked::{Chunks, Run};
use super::framing::Framing;
use super::refusal::Refusal;

/// Follows one body and hands out what it says.
#[derive(Debug)]
pub struct Content {
    state: State,
    /// The trailer lines, each with its line end.
    trailers: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Complete,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Content {
    /// A body of this framing, of which nothing has arrived.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Complete,
            Framing::Length(left) => State::Length(left),
            Framing::Chunked => State::Chunked(Chunks::default()),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, trailers: Vec::new() }
    }

    /// The next piece of data in `bytes`, of at most `data_max` bytes; `bytes` loses all that was
    /// used for it. None when they are used up, the body is complete, or data follows and
    /// `data_max` is 0.
    ///
    /// # Errors
    /// [`Refusal`] when the chunked coding is broken.
    pub fn next<'b>(&mut self, bytes: &mut &'b [u8], data_max: usize) -> Result<Option<&'b [u8]>, Refusal> {
        let room = data_max.min(bytes.len());
        match &mut self.state {
            State::Complete => Ok(None),
            State::Chunked(_) => self.next_chunked(bytes, data_max),
            _ if room == 0 => Ok(None),
            State::UntilClose => Ok(bytes.split_off(..room)),
            State::Length(left) => {
                let len = usize::try_from(*left).map_or(room, |left| left.min(room));
                *left -= len as u64;
                if *left == 0 {
                    self.state = State::Complete;
                }
                Ok(bytes.split_off(..len))
            }
        }
    }

    fn next_chunked<'b>(&mut self, bytes: &mut &'b [u8], data_max: usize) -> Result<Option<&'b [u8]>, Refusal> {
        let State::Chunked(chunks) = &mut self.state else { return Ok(None) };
        let mut data = None;
        while data.is_none() && !bytes.is_empty() && !chunks.is_complete() {
            let room = if chunks.is_at_data() { data_max.min(bytes.len()) } else { bytes.len() };
            if room == 0 {
                break;
            }
            match chunks.run(&bytes[..room])? {
                Run::Data(len) => data = bytes.split_off(..len),
                Run::Framing(len) => *bytes = &bytes[len..],
                Run::Trailers(len) => self.trailers.extend_from_slice(bytes.split_off(..len).unwrap_or_default()),
            }
        }
        if chunks.is_complete() {
            self.state = State::Complete;
        }
        Ok(data)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Refusal::Truncated`] when the body needed more.
    pub fn end(&mut self) -> Result<(), Refusal> {
        if !self.is_complete() && !matches!(self.state, State::UntilClose) {
            return Err(Refusal::Truncated);
        }
        self.state = State::Complete;
        Ok(())
    }

    /// Whether all of it has been handed out.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// The lines of the trailers, in which names and values stand.
    pub fn trailer_block(&self) -> &[u8] {
        &self.trailers
    }

    /// Names and values of the trailers, of a body that is complete.
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.trailers.split(|&byte| byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
    }
}

#[cfg(test)]
mod tests;
