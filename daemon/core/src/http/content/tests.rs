//! A body's data, however it is cut into pieces.

use proptest::prelude::*;

use super::Content;
use crate::http::framing::{Body, Framing};

/// Data and trailers of a body that comes in pieces of these lengths, and what was left over.
fn read(framing: Framing, bytes: &[u8], cut: usize) -> Result<(Vec<u8>, Vec<String>, usize), super::Refusal> {
    let mut content = Content::new(framing);
    let (mut data, mut left) = (Vec::new(), 0);
    for mut piece in bytes.chunks(cut) {
        while let Some(part) = content.next(&mut piece, cut)? {
            data.extend_from_slice(part);
        }
        left += piece.len();
    }
    content.end()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let trailers = content.trailers().map(|(name, value)| format!("{}={}", text(name), text(value)));
    let trailers = trailers.collect();
    Ok((data, trailers, left))
}

proptest! {
    #[test]
    fn chunks_give_their_data_wherever_they_are_cut(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        cut in 1usize..30,
        with_trailers in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(if with_trailers { b"0\r\nA: b\r\nc:  d e \r\n\r\n" } else { b"0\r\n\r\n" });
        let (data, trailers, left) = read(Framing::Chunked, &bytes, cut).expect("well formed");
        prop_assert_eq!(data, parts.concat());
        prop_assert_eq!(trailers, if with_trailers { vec!["A=b".to_owned(), "c=d e".to_owned()] } else { vec![] });
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn it_takes_and_refuses_exactly_what_the_follower_does(
        bytes in prop::collection::vec(prop::sample::select(b"0123af\r\n: Tx;\x00".to_vec()), 0..60),
        cut in 1usize..9,
    ) {
        let mut body = Body::new(Framing::Chunked);
        let followed = bytes.chunks(cut).try_fold(0, |left, piece| body.push(piece).map(|used| left + piece.len() - used));
        let followed = followed.and_then(|left| body.end().map(|()| left));
        prop_assert_eq!(read(Framing::Chunked, &bytes, cut).map(|(.., left)| left), followed);
    }
}

#[test]
fn bytes_beyond_the_end_are_left_alone() {
    assert_eq!(read(Framing::Length(3), b"abcdef", 6), Ok((b"abc".to_vec(), vec![], 3)));
    assert_eq!(read(Framing::None, b"abc", 1), Ok((vec![], vec![], 3)));
    assert_eq!(read(Framing::UntilClose, b"abc", 2), Ok((b"abc".to_vec(), vec![], 0)));
}

#[test]
fn a_body_that_is_cut_short_is_no_body() {
    assert_eq!(read(Framing::Length(4), b"abc", 2), Err(super::Refusal::Truncated));
    assert_eq!(read(Framing::Chunked, b"3\r\nabc\r\n", 3), Err(super::Refusal::Truncated));
}

#[test]
fn without_room_for_data_it_goes_on_to_the_data_and_stops() {
    let mut content = Content::new(Framing::Chunked);
    let mut bytes = &b"3\r\nabc\r\n0\r\n\r\n"[..];
    assert_eq!(content.next(&mut bytes, 0), Ok(None));
    assert_eq!(bytes, b"abc\r\n0\r\n\r\n");
    assert_eq!(content.next(&mut bytes, 9), Ok(Some(&b"abc"[..])));
    assert_eq!(content.next(&mut bytes, 0), Ok(None));
    assert!(content.is_complete() && bytes.is_empty());
}
