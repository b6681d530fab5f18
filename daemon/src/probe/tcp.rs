//! The TCP part of a probe that says something: a payload, and what comes back.
//!
//! Without a text and an expression any reply will do. A reply is read no further than it is looked at.

use poise_ipc::status::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::attempt::Failure;
use super::track::Track;
use super::wanted::{Looks, Standing, Wanted};

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 10;

/// Sends a payload, which may be empty, and judges the reply.
pub(super) async fn ask<S>(track: &Track, stream: &mut S, payload: &[u8], wanted: &Wanted) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    track.within(Phase::Send, stream.write_all(payload)).await?;
    track.within(Phase::Send, stream.flush()).await?;
    let (mut reply, mut looks) = (Vec::new(), Looks::default());
    loop {
        reply.reserve(READ_BYTES);
        let read = match track.within(Phase::Response, stream.read_buf(&mut reply)).await {
            // Another reply than the wanted one has come, rather than none.
            Err((phase, Reason::Timeout)) if !reply.is_empty() => {
                return last(&reply, wanted, (phase, Reason::Content));
            }
            Err(failure) => return last(&reply, wanted, failure),
            Ok(read) => read,
        };
        if reply.is_empty() {
            return Err((Phase::Response, Reason::Reset));
        }
        let over = read == 0 || reply.len() >= wanted.bytes_max;
        if over {
            return last(&reply, wanted, (Phase::Response, Reason::Content));
        }
        if looks.is_due(reply.len()) {
            match wanted.of_reply(&reply) {
                Standing::Right => return Ok(()),
                Standing::Wrong => return Err((Phase::Response, Reason::Content)),
                Standing::Open => {}
            }
        }
    }
}

/// Nothing more comes: what has come is right, or the probe has failed so.
fn last(reply: &[u8], wanted: &Wanted, failure: Failure) -> Result<(), Failure> {
    if !reply.is_empty() && wanted.of_reply(reply) == Standing::Right { Ok(()) } else { Err(failure) }
}
