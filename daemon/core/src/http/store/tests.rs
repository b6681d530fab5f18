//! One pass against the scan and httparse: what it takes, they take and read alike.

use proptest::prelude::*;

use super::{Bounds, Class, FieldStore, Refusal, controls, request_line, status_line};
use crate::http::scan::Scanner;
use crate::http::tests::{requests, responses};

/// What two readings can be compared by.
type Seen = Vec<(Class, Vec<u8>, Vec<u8>)>;

fn seen(store: &FieldStore, head: &[u8]) -> Seen {
    let field = |span: &super::Span| (span.class, span.of(head).name.to_vec(), span.of(head).value.to_vec());
    store.spans().iter().map(field).collect()
}

/// Reads a head in one pass, and, where that takes it, compares it with what the others read.
fn compare(bytes: &[u8], bounds: &Bounds) -> Result<(), TestCaseError> {
    let mut store = FieldStore::default();
    let Some(len) = store.read(bytes, bounds) else { return Ok(()) };
    let head = &bytes[..len];
    prop_assert_eq!(Scanner::default().scan(bytes, bounds), Ok(Some(len)));
    let first = store.first_line(head).expect("it was read");
    if let Some(line) = request_line(first) {
        let mut other = FieldStore::default();
        prop_assert_eq!(other.parse_request(head), Ok(line));
        prop_assert_eq!(seen(&store, head), seen(&other, head));
    }
    if let Some(line) = status_line(first) {
        let mut other = FieldStore::default();
        prop_assert_eq!(other.parse_response(head), Ok(line));
        prop_assert_eq!(seen(&store, head), seen(&other, head));
    }
    Ok(())
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let narrow = (1usize..200, 0usize..6, 1usize..40);
    let narrow = narrow.prop_map(|(head_bytes_max, fields_max, target_bytes_max)| Bounds {
        head_bytes_max,
        fields_max,
        target_bytes_max,
    });
    prop_oneof![3 => Just(Bounds::default()), 1 => narrow]
}

/// Lines of fields with every odd byte that a name or value may be given.
fn odd_fields() -> impl Strategy<Value = Vec<u8>> {
    let field = (
        "[!-~]{0,9}|[A-Za-z_-]{1,20}",
        prop_oneof![4 => Just(b": ".to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..3)],
        prop_oneof![4 => "[ -~]{0,20}".prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..20)],
    );
    let line = field.prop_map(|(name, colon, value)| [name.as_bytes(), &colon, &value, b"\r\n"].concat());
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

fn first_lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"GET / HTTP/1.1".to_vec()),
        Just(b"HTTP/1.0 200 OK".to_vec()),
        "HTTP/1.[01] {1,2}[0-9]{2,4} {0,2}[ -~]{0,6}".prop_map(String::into_bytes),
        "[A-Za-z!]{0,8} {1,2}[ -~]{0,12} {0,2}HTTP/1.[0-2]".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    line.prop_map(|line| [&line[..], b"\r\n"].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_message_is_taken_only_as_scan_and_httparse_read_it(
        bytes in prop_oneof![requests(), responses(), crate::http::scan::tests::pieces()],
        bounds in bounds(),
    ) {
        compare(&bytes, &bounds)?;
    }

    #[test]
    fn odd_lines_are_taken_only_as_scan_and_httparse_read_them(
        first in first_lines(), fields in odd_fields(), rest in prop::collection::vec(any::<u8>(), 0..9), bounds in bounds(),
    ) {
        compare(&[&first[..], &fields, b"\r\n", &rest].concat(), &bounds)?;
    }

    #[test]
    fn exactly_control_characters_are_marked(word in any::<[u8; 8]>()) {
        let marks = controls(u64::from_le_bytes(word)).to_le_bytes();
        prop_assert_eq!(marks.map(|mark| mark == 0x80), word.map(|byte| byte.is_ascii_control()));
    }
}

#[test]
fn common_heads_are_taken_in_one_pass() {
    let heads: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x/1 (y; z)\r\nAccept: */*\r\nX-Empty:\r\n\r\n",
        b"POST /a?b=%20 HTTP/1.0\r\nhost:a:80\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=\"b\"; Path=/ \r\n\r\n\x00\x01",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
    ];
    for bytes in heads {
        let mut store = FieldStore::default();
        let len = store.read(bytes, &Bounds::default()).expect("a plain head");
        let first = store.first_line(&bytes[..len]).expect("it was read");
        assert!(request_line(first).is_some() || status_line(first).is_some(), "{}", bytes.escape_ascii());
        compare(bytes, &Bounds::default()).expect("read alike");
    }
}

#[test]
fn a_head_that_was_read_stands_for_no_other() {
    let heads = b"GET / HTTP/1.1\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nC: d\r\n\r\n";
    let (first, second) = heads.split_at(heads.len() / 2);
    let mut store = FieldStore::default();
    assert_eq!(store.read(first, &Bounds::default()), Some(first.len()));
    assert!(store.request(second).is_ok());
    assert_eq!(seen(&store, second), [(Class::Plain, b"C".to_vec(), b"d".to_vec())]);
    assert_eq!(store.request(b"get / HTTP/1.1\r\n\r\n").map(|line| line.method), Ok(&b"get"[..]));
    assert_eq!(seen(&store, second), []);
    assert_eq!(store.request(b"GET / HTTP/1.1\r\nA : b\r\n\r\n"), Err(Refusal::FieldName));
}
