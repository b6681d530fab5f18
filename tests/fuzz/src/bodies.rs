//! Framing: every way to follow a body comes to the same bytes, and to the next message behind them.

use poise_core::http::chunked::{Chunks, Run};
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::{Body, Framing};
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::response::ResponseHead;

use super::messages::{asked_by, scanned};

/// Bytes of data that a body may have.
const BYTES_MAX: u64 = 1 << 16;
/// Messages that are followed on one connection.
const MESSAGES_MAX: usize = 8;
/// The bit that says that the messages are responses.
const RESPONSES: u8 = 0x80;

/// A chunked body; the first byte says how long the pieces are.
pub fn chunk(bytes: &[u8]) -> Option<Refusal> {
    let (step, stream) = bytes.split_first()?;
    let whole = in_pieces(Framing::Chunked, Some(BYTES_MAX), stream, stream.len());
    assert_eq!(whole, in_pieces(Framing::Chunked, Some(BYTES_MAX), stream, usize::from(*step)));
    whole.err().map(|(refusal, _)| refusal)
}

/// The messages of a connection one after the other. The first byte says how long the pieces are that
/// they come in, the second which side they are from and what was asked.
pub fn framing(bytes: &[u8]) -> Option<Refusal> {
    let (&[step, side], mut rest) = bytes.split_first_chunk()?;
    for _ in 0..MESSAGES_MAX {
        match message(rest, usize::from(step), side) {
            Ok(len) => rest = &rest[len?..],
            Err(refusal) => return Some(refusal),
        }
    }
    None
}

/// The length of the first message of a stream; none while its head is not whole.
fn message(stream: &[u8], step: usize, side: u8) -> Result<Option<usize>, Refusal> {
    let Some(len) = scanned(stream, step)? else { return Ok(None) };
    let (head, rest) = stream.split_at(len);
    let mut store = FieldStore::default();
    let (framing, bytes_max) = if side & RESPONSES > 0 {
        (ResponseHead::parse(head, &mut store, asked_by(side))?.framing, None)
    } else {
        (RequestHead::parse(head, &mut store)?.framing, Some(BYTES_MAX))
    };
    let whole = in_pieces(framing, bytes_max, rest, rest.len());
    assert_eq!(whole, in_pieces(framing, bytes_max, rest, step));
    assert_eq!(whole.map(|(taken, _)| taken), bare(framing, bytes_max, rest));
    let (taken, is_whole) = whole.map_err(|(refusal, _)| refusal)?;
    if is_whole { Ok(Some(len + taken)) } else { Err(Refusal::Truncated) }
}

/// Pushes a stream in pieces: how many bytes the body took and whether it is whole once the stream
/// ends, or why it is refused and at which byte.
fn in_pieces(
    framing: Framing,
    bytes_max: Option<u64>,
    stream: &[u8],
    step: usize,
) -> Result<(usize, bool), (Refusal, usize)> {
    let mut body = Body::within(framing, bytes_max).map_err(|refusal| (refusal, 0))?;
    let mut taken = 0;
    for piece in stream.chunks(step.max(1)) {
        let count = body.push(piece).map_err(|refusal| (refusal, taken + body.broken_at()))?;
        assert!(count <= piece.len() && (count == piece.len() || body.is_complete()));
        taken += count;
        if body.is_complete() {
            break;
        }
    }
    Ok((taken, body.end().is_ok()))
}

/// Pushes a stream to a reader that knows no chunks, which must be left the data of the runs that the
/// stream has: how many bytes the body took, or why it is refused and at which byte.
fn bare(framing: Framing, bytes_max: Option<u64>, stream: &[u8]) -> Result<usize, (Refusal, usize)> {
    let mut body = Body::within(framing, bytes_max).map_err(|refusal| (refusal, 0))?;
    let mut data = stream.to_vec();
    let (taken, kept) = body.push_bare(&mut data).map_err(|refusal| (refusal, body.broken_at()))?;
    if framing == Framing::Chunked {
        assert_eq!(data[..kept], runs(bytes_max, &stream[..taken]));
    } else {
        assert_eq!(data[..kept], stream[..taken]);
    }
    Ok(taken)
}

/// The data of a chunked body that is not refused, run by run.
fn runs(bytes_max: Option<u64>, mut stream: &[u8]) -> Vec<u8> {
    let (mut chunks, mut data) = (Chunks::within(bytes_max), Vec::new());
    while !stream.is_empty() {
        let len = match chunks.run(stream).expect("it was not refused before") {
            Run::Data(len) => {
                data.extend_from_slice(&stream[..len]);
                len
            }
            Run::Framing(len) | Run::Trailers(len) => len,
        };
        assert!(len > 0, "a run takes at least a byte");
        stream = &stream[len..];
    }
    data
}
