//! Cookies: found wherever they stand, never by half a name.

use super::values;

fn first<'b>(field: &'b str, name: &'b str) -> Option<&'b str> {
    values(field.as_bytes(), name.as_bytes()).next().map(|value| std::str::from_utf8(value).expect("text in, text out"))
}

#[test]
fn a_cookie_is_found_wherever_it_stands() {
    for field in ["S=1", "a=b; S=1", "S=1; a=b", "a=b;S=1;c=d", " S = 1 ", "a; S=1", "S=\"1\"", ";;S=1;"] {
        assert_eq!(first(field, "S"), Some("1"), "{field:?}");
    }
}

#[test]
fn a_name_must_match_whole_and_with_case() {
    for field in ["", "SS=1", "s=1", "a=S=1", "aS=1", "S", "a=\"x; b\"", "=1"] {
        assert_eq!(first(field, "S"), None, "{field:?}");
    }
}

#[test]
fn repeated_cookies_are_all_given_in_order() {
    assert!(values(b"S=1; S=; S=2", b"S").eq([&b"1"[..], b"", b"2"]));
}
