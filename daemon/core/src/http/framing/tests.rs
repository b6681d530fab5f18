//! The body machine: any split gives the same result, and the chunked coding has no second reading.

use proptest::prelude::*;

use super::{Body, Framing, Refusal};
use crate::http::chunked::TRAILERS_LEN_MAX;

/// Pushes `bytes` in pieces of `step` and says how many belonged to the body, and whether it ended.
fn follow(framing: Framing, bytes: &[u8], step: usize) -> Result<(usize, bool), Refusal> {
    let mut body = Body::new(framing);
    let mut taken = 0;
    for piece in bytes.chunks(step.max(1)) {
        let n = body.push(piece)?;
        taken += n;
        if n < piece.len() {
            assert!(body.is_complete(), "bytes are left only by a complete body");
            break;
        }
    }
    Ok((taken, body.is_complete()))
}

fn chunked(bytes: &[u8]) -> Result<(usize, bool), Refusal> {
    follow(Framing::Chunked, bytes, bytes.len())
}

fn coded(chunks: &[Vec<u8>], trailers: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    out
}

fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6);
    let trailers = prop_oneof![Just(""), Just("A: b\r\n"), Just("A: b\r\nC: d\r\n"), Just("Host: x\r\n")];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (chunks, trailers, edits, prop::collection::vec(any::<u8>(), 0..8)).prop_map(|(chunks, trailers, edits, rest)| {
        let mut bytes = coded(&chunks, trailers);
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.extend(rest);
        bytes
    })
}

/// Takes a body out of its chunks in pieces of `step`.
fn bare(bytes: &[u8], step: usize) -> Result<(usize, Vec<u8>), Refusal> {
    let mut body = Body::new(Framing::Chunked);
    let (mut taken, mut out) = (0, Vec::new());
    for piece in bytes.chunks(step) {
        let mut piece = piece.to_vec();
        let (used, kept) = body.push_bare(&mut piece)?;
        out.extend_from_slice(&piece[..kept]);
        taken += used;
    }
    Ok((taken, out))
}

proptest! {
    #[test]
    fn a_bare_body_is_what_its_chunks_carry(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        step in 1usize..50,
    ) {
        let bytes = coded(&chunks, "A: b\r\n");
        prop_assert_eq!(bare(&bytes, step), Ok((bytes.len(), chunks.concat())));
    }

    #[test]
    fn a_bare_body_ends_where_the_other_does(bytes in mangled(), step in 1usize..50) {
        let (taken, bare) = (follow(Framing::Chunked, &bytes, step), bare(&bytes, step));
        prop_assert_eq!(bare.map(|(taken, _)| taken), taken.map(|(taken, _)| taken));
    }

    #[test]
    fn any_split_gives_the_same_result(bytes in mangled(), step in 1usize..50, length in 0u64..60) {
        prop_assert_eq!(follow(Framing::Chunked, &bytes, step), chunked(&bytes));
        prop_assert_eq!(
            follow(Framing::Length(length), &bytes, step),
            follow(Framing::Length(length), &bytes, bytes.len())
        );
    }

    #[test]
    fn a_well_formed_body_is_followed_to_its_last_byte(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        rest in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let body = coded(&chunks, "A: b\r\n");
        prop_assert_eq!(chunked(&[body.clone(), rest].concat()), Ok((body.len(), true)));
        for cut in 0..body.len() {
            prop_assert_eq!(chunked(&body[..cut]), Ok((cut, false)));
        }
    }
}

#[test]
fn a_body_beyond_its_limit_is_refused_by_what_it_announces() {
    let whole = |framing, max| Body::within(framing, Some(max)).map(|_| ());
    assert_eq!(whole(Framing::Length(10), 10), Ok(()));
    assert_eq!(whole(Framing::Length(11), 10), Err(Refusal::BodyTooLarge));
    for (bytes, outcome) in [
        (&b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"[..], Ok(25)),
        (b"5\r\nhello\r\n6\r\n", Err(Refusal::BodyTooLarge)),
        (b"b\r\n", Err(Refusal::BodyTooLarge)),
        (b"7fffffffffffffff\r\n", Err(Refusal::BodyTooLarge)),
    ] {
        let mut body = Body::within(Framing::Chunked, Some(10)).expect("its size is not announced");
        assert_eq!(body.push(bytes), outcome, "{:?}", bytes.escape_ascii().to_string());
    }
    assert!(Body::within(Framing::Length(u64::MAX), None).is_ok());
}

#[test]
fn no_leniency_of_the_chunked_coding_is_taken() {
    let table: &[(&[u8], Refusal)] = &[
        (b"\r\n", Refusal::ChunkSize),
        (b" 1\r\na", Refusal::ChunkSize),
        (b"1 \r\na", Refusal::ChunkSize),
        (b"+1\r\na", Refusal::ChunkSize),
        (b"-1\r\na", Refusal::ChunkSize),
        (b"0x1\r\na", Refusal::ChunkSize),
        (b"1_0\r\na", Refusal::ChunkSize),
        (b"1;a=b\r\na", Refusal::ChunkSize),
        (b"1;\r\na", Refusal::ChunkSize),
        (b"1\na", Refusal::ChunkSize),
        (b"1\ra", Refusal::ChunkSize),
        (b"8000000000000000\r\n", Refusal::ChunkSize),
        (b"00000000000000001\r\n", Refusal::ChunkSize),
        (b"10000000000000001\r\n", Refusal::ChunkSize),
        (b"1\r\nab", Refusal::ChunkEnd),
        (b"1\r\na\n", Refusal::ChunkEnd),
        (b"1\r\na\rb", Refusal::ChunkEnd),
        (b"0\r\na\r\n", Refusal::Trailer),
        (b"0\r\na : b\r\n", Refusal::Trailer),
        (b"0\r\n a: b\r\n", Refusal::Trailer),
        (b"0\r\na: b\r\n c\r\n", Refusal::Trailer),
        (b"0\r\na: b\0\r\n", Refusal::Control),
        (b"0\r\na: b\n\r\n", Refusal::Control),
        (b"0\r\na: b\rc", Refusal::LineEnd),
        (b"0\r\n\rb", Refusal::LineEnd),
        (b"0\r\n\n", Refusal::Trailer),
        (b"0\r\nContent-Length: 5\r\n\r\n", Refusal::Trailer),
        (b"0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::Trailer),
        (b"0\r\nHost: b\r\n\r\n", Refusal::Trailer),
        (b"0\r\nX-Forwarded-For: b\r\n\r\n", Refusal::Trailer),
        (b"0\r\ncontent_length: 5\r\n\r\n", Refusal::Trailer),
    ];
    for (bytes, refusal) in table {
        assert_eq!(chunked(bytes), Err(*refusal), "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn trailers_are_bounded_in_bytes_and_number() {
    let long = [b"0\r\na: ".to_vec(), vec![b'x'; TRAILERS_LEN_MAX as usize]].concat();
    assert_eq!(chunked(&long), Err(Refusal::Trailer));
    let many = [b"0\r\n".to_vec(), b"a:\r\n".repeat(101)].concat();
    assert_eq!(chunked(&many), Err(Refusal::Trailer));
}

#[test]
fn the_end_of_the_stream_ends_only_what_has_no_other_end() {
    assert_eq!(Body::new(Framing::UntilClose).end(), Ok(()));
    assert_eq!(Body::new(Framing::None).end(), Ok(()));
    assert_eq!(Body::new(Framing::Length(1)).end(), Err(Refusal::Truncated));
    assert_eq!(Body::new(Framing::Chunked).end(), Err(Refusal::Truncated));
}
