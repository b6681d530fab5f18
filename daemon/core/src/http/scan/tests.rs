//! The scan against a byte-by-byte reading, against every split, and against a table of bad heads.

use proptest::prelude::*;

use super::{Bounds, Refusal, Scanner, control_from};

fn scan(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    Scanner::default().scan(bytes, &Bounds::default())
}

/// Pieces that make good and bad heads alike.
pub(crate) fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just(b"\r\n".to_vec()),
        4 => Just(b"GET / HTTP/1.1\r\n".to_vec()),
        4 => Just(b"Host: a\r\n".to_vec()),
        2 => Just(b"\r\n\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b" ".to_vec()),
        1 => Just(b"\t".to_vec()),
        4 => prop::collection::vec(any::<u8>(), 0..12),
        6 => "[ -~]{0,20}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_first_control_character_is_found(bytes in prop::collection::vec(any::<u8>(), 0..40), from in 0usize..48) {
        let plain = bytes.iter().enumerate().skip(from).find(|(_, byte)| byte.is_ascii_control()).map(|(at, _)| at);
        prop_assert_eq!(control_from(&bytes, from), plain);
    }

    #[test]
    fn a_head_in_pieces_is_read_like_a_head_at_once(bytes in pieces(), step in 1usize..9) {
        let mut scanner = Scanner::default();
        let mut outcome = Ok(None);
        let mut given = 0;
        while given < bytes.len() && outcome == Ok(None) {
            given = (given + step).min(bytes.len());
            outcome = scanner.scan(&bytes[..given], &Bounds::default());
        }
        prop_assert_eq!(outcome, scan(&bytes));
    }

    #[test]
    fn a_complete_head_ends_at_its_first_blank_line(bytes in pieces()) {
        if let Ok(Some(len)) = scan(&bytes) {
            prop_assert!(bytes[..len].ends_with(b"\r\n\r\n"));
            prop_assert_eq!(bytes.windows(4).position(|w| w == b"\r\n\r\n"), Some(len - 4));
        }
    }
}

#[test]
fn what_httparse_would_let_pass_is_refused() {
    let table: &[(&[u8], Refusal)] = &[
        (b"\r\nGET / HTTP/1.1\r\n\r\n", Refusal::LeadingBlank),
        (b"\nGET / HTTP/1.1\r\n\r\n", Refusal::LineEnd),
        (b" GET / HTTP/1.1\r\n\r\n", Refusal::LeadingBlank),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", Refusal::LineEnd),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", Refusal::LineEnd),
        (b"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", Refusal::LineEnd),
        (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Refusal::LineEnd),
        (b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", Refusal::Control),
        (b"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", Refusal::Control),
        (b"GET\t/ HTTP/1.1\r\n\r\n", Refusal::Control),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Refusal::Fold),
        (b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", Refusal::Fold),
        (b"GET / HTTP/1.1\r\n A: b\r\n\r\n", Refusal::Fold),
        (b"\x16\x03\x01\x02\x00", Refusal::Control),
    ];
    for (bytes, refusal) in table {
        assert_eq!(scan(bytes), Err(*refusal), "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn a_tab_may_stand_within_a_value() {
    assert_eq!(scan(b"GET / HTTP/1.1\r\nA: b\tc\r\n\r\nrest"), Ok(Some(26)));
}

#[test]
fn limits_hold_to_the_byte_and_before_the_head_is_complete() {
    for bounds in [Bounds::default(), Bounds { head_bytes_max: 3_000, fields_max: 9, target_bytes_max: 400 }] {
        hold(bounds);
    }
}

fn hold(bounds: Bounds) {
    let Bounds { head_bytes_max, fields_max, target_bytes_max } = bounds;
    let scan = |bytes: &[u8]| Scanner::default().scan(bytes, &bounds);
    let with_fields =
        |count: usize| [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(count), b"\r\n".to_vec()].concat();
    assert!(matches!(scan(&with_fields(fields_max)), Ok(Some(_))));
    assert_eq!(scan(&with_fields(fields_max + 1)), Err(Refusal::TooManyFields));

    let of_len = |len: usize| {
        let mut head = b"GET / HTTP/1.1\r\na: ".to_vec();
        head.resize(len - 4, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    assert_eq!(scan(&of_len(head_bytes_max)), Ok(Some(head_bytes_max)));
    assert_eq!(scan(&of_len(head_bytes_max + 1)), Err(Refusal::HeadTooLarge));
    assert_eq!(scan(&of_len(head_bytes_max + 9)[..head_bytes_max]), Err(Refusal::HeadTooLarge));

    let endless = [b"GET /".to_vec(), vec![b'x'; target_bytes_max + 100]].concat();
    assert_eq!(scan(&endless), Err(Refusal::TargetTooLong));
    let of_target = |len: usize| format!("DELETE {} HTTP/1.1\r\nA: b\r\n\r\n", "x".repeat(len)).into_bytes();
    assert!(matches!(scan(&of_target(target_bytes_max)), Ok(Some(_))));
    assert_eq!(scan(&of_target(target_bytes_max + 1)), Err(Refusal::TargetTooLong));
}
