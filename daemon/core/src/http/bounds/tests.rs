//! Who is to blame for a head that is too large.

use proptest::prelude::*;

use super::{Bounds, Culprit, Excess};
use crate::http::refusal::Refusal;
use crate::http::scan::Scanner;

const BOUNDS: Bounds = Bounds { head_bytes_max: 1_024, fields_max: 8, target_bytes_max: 300 };

/// What is told about a head that the scan refuses.
fn told(head: &str) -> Option<String> {
    let refusal = Scanner::default().scan(head.as_bytes(), &BOUNDS).expect_err("it is too large");
    Excess::of(refusal, head.as_bytes(), &BOUNDS).map(|excess| excess.to_string())
}

#[test]
fn the_largest_field_is_named_with_its_size_and_the_limit() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nA: {}\r\n\r\n", "c".repeat(700), "a".repeat(400));
    let expected = "the head has more than 1024 bytes, 708 of them in its field Cookie";
    assert_eq!(told(&head).as_deref(), Some(expected));
    let body = format!("{head}X-In-The-Body: {}", "x".repeat(2_000));
    assert_eq!(told(&body).as_deref(), Some(expected), "what follows the head is not of it");
    let unended = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(1_000));
    let expected = "the head has more than 1024 bytes, at least 1008 of them in its field X-Long";
    assert_eq!(told(&unended).as_deref(), Some(expected));
}

#[test]
fn a_name_that_is_none_is_not_repeated() {
    let head = format!("GET / HTTP/1.1\r\n\u{202e}{}", "x".repeat(1_100));
    let excess = Excess::of(Refusal::HeadTooLarge, head.as_bytes(), &BOUNDS).expect("it is one of size");
    assert_eq!(excess.what, Culprit::Field("".into()));
}

#[test]
fn a_long_target_is_told_with_its_size() {
    let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(300));
    assert_eq!(told(&head).as_deref(), Some("the request target has 301 bytes, the limit is 300"));
    let endless = format!("GET /{}", "x".repeat(600));
    assert_eq!(told(&endless).as_deref(), Some("the request target has at least 601 bytes, the limit is 300"));
}

#[test]
fn too_many_fields_are_told_with_the_limit() {
    let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(9));
    assert_eq!(told(&head).as_deref(), Some("the head has at least 9 fields, the limit is 8"));
}

#[test]
fn a_long_first_line_of_a_response_is_told_as_such() {
    let head = format!("HTTP/1.1 200 {}\r\nA: b\r\n\r\n", "x".repeat(1_020));
    let excess = Excess::of(Refusal::HeadTooLarge, head.as_bytes(), &BOUNDS).expect("it is one of size");
    assert_eq!(excess.to_string(), "the head has more than 1024 bytes, 1033 of them in its first line");
}

#[test]
fn other_refusals_have_no_size() {
    assert!(Refusal::ALL.into_iter().filter(|refusal| Excess::of(*refusal, b"", &BOUNDS).is_some()).count() == 3);
}

proptest! {
    #[test]
    fn what_is_told_is_short_and_printable(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
        for refusal in [Refusal::HeadTooLarge, Refusal::TooManyFields, Refusal::TargetTooLong] {
            let told = Excess::of(refusal, &bytes, &BOUNDS).expect("it is one of size").to_string();
            prop_assert!(told.len() < 200 && told.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
