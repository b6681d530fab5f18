//! What is remembered says the same as what is read.

use proptest::prelude::*;

use super::*;

#[test]
fn a_usual_field_is_read_as_any_other_whatever_was_there_before() {
    for _ in 0..2 {
        for (name, value) in
            [("Date", "Mon, 23 Nov 2026 03:10:06 GMT"), ("content-length", "12"), ("SERVER", "a"), ("Vary", "x")]
        {
            let (read, told) = field(name.as_bytes(), value.as_bytes()).expect("a usual field");
            assert_eq!((read.as_str(), told.as_bytes()), (name.to_ascii_lowercase().as_str(), value.as_bytes()));
        }
    }
}

#[test]
fn secrets_long_values_and_none_are_not_remembered() {
    for (name, value) in
        [("Set-Cookie", "a=b"), ("X-Token", "a"), ("WWW-Authenticate", "a"), ("Server", ""), ("Date", "a\nb")]
    {
        assert_eq!(field(name.as_bytes(), value.as_bytes()), None, "{name}");
    }
    assert_eq!(field(b"Server", &[b'a'; VALUE_BYTES_MAX + 1]), None);
}

proptest! {
    #[test]
    fn a_value_is_never_another(values in proptest::collection::vec("[ -~]{1,12}", 1..64)) {
        for value in &values {
            let told = field(b"Content-Type", value.as_bytes()).map(|(_, told)| told);
            prop_assert_eq!(told.as_ref().map(HeaderValue::as_bytes), Some(value.as_bytes()));
        }
    }
}
