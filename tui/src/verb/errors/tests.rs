//! The mark stands below the byte at fault, and nothing that a terminal obeys gets through.

use poise_ipc::cause::Cause;
use poise_ipc::errors::Side;
use proptest::prelude::*;

use super::*;

fn error(bytes: &[u8], offset: u64, start: u64) -> ErrorRow {
    ErrorRow {
        seq: 7,
        at_ms: 1_795_391_999_123,
        listener: "web".parse().expect("a name"),
        side: Side::Request,
        group: None,
        backend: None,
        peer: ([192, 0, 2, 7], 33_317).into(),
        cause: Cause::BadRequest,
        reason: "a control character stands in the head or trailers".to_owned(),
        offset,
        start,
        excerpt: ErrorRow::excerpt_of(bytes),
    }
}

#[test]
fn the_mark_stands_below_the_byte_at_fault() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\x1b[2J\r\n\r\n";
    let text = block(&error(bytes, 29, 0));
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("request on web from 192.0.2.7:33317: bad-request"), "{}", lines[0]);
    assert_eq!(lines[1], "  a control character stands in the head or trailers: byte 0x1b at offset 29");
    assert_eq!(lines[3], "  000010  48 6f 73 74 3a 20 61 0d  0a 41 3a 20 62 1b 5b 32  |Host: a..A: b.[2|");
    let digits = lines[3].find("1b").expect("the byte");
    let character = lines[3].find(".[2|").expect("the character");
    assert_eq!(lines[4].find("^^"), Some(digits), "{text}");
    assert_eq!(lines[4].rfind('^'), Some(character), "{text}");
}

#[test]
fn only_the_lines_round_the_fault_are_shown_and_offsets_are_those_of_the_message() {
    let bytes = [b'a'; 1_024];
    let text = dump::around(&error(&bytes, 3_000, 2_488), &bytes, EXTENT).join("\n");
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(text.starts_with(&format!("  {:06x}  61", 2_488 + 512 - 48)), "{text}");
}

#[test]
fn what_is_missing_is_marked_behind_the_last_byte() {
    let bytes = [b'a'; 16];
    assert_eq!(dump::at_fault(&error(&bytes, 16, 0), &bytes), None);
    let text = dump::around(&error(&bytes, 16, 0), &bytes, EXTENT).join("\n");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(block(&error(&bytes, 16, 0)).contains("the end at offset 16"));
}

#[test]
fn json_has_the_bytes_and_their_text() {
    let shown = shown(Format::Json, &[error(b"a\xffb", 1, 0)], 0);
    for part in ["\"excerpt\": \"61ff62\"", "\"text\": \"a.b\"", "\"byte\": 255", "\"cause\": \"bad-request\""] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn nothing_refused_and_messages_that_came_too_fast_are_told() {
    assert_eq!(shown(Format::Table, &[], 0), "no message was refused\n");
    assert!(shown(Format::Table, &[error(b"a", 0, 0)], 3).ends_with("3 more came too fast to be kept\n"));
}

proptest! {
    #[test]
    fn whatever_the_bytes_only_printable_ascii_leaves(bytes in prop::collection::vec(any::<u8>(), 0..200), offset in 0_u64..300) {
        let text = block(&error(&bytes, offset, 0));
        prop_assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{text}");
    }
}
