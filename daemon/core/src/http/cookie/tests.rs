//! Cookies: found wherever they stand, never by half a name.

use super::{PAIR_LEN_MAX, PREFIX_LEN, Set, marked, restore, values};
use crate::token::Token;

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

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn restored(field: &str) -> String {
    let mut out = Vec::new();
    restore(field.as_bytes(), b"S", &mut out);
    String::from_utf8(out).expect("text in, text out")
}

#[test]
fn the_backend_gets_its_value_back_byte_for_byte() {
    for (own, rest) in [("abc", ""), ("\"a b\"", "; Path=/x; HttpOnly"), ("", "; Max-Age=0"), ("a~b=c", ";")] {
        let set = format!("S={own}{rest}");
        let token = Token::parse(TOKEN.as_bytes()).expect("32 digits");
        let mut out = Vec::new();
        Set::of(set.as_bytes(), b"S").expect("its name").write(&token, &mut out);
        let given = String::from_utf8(out).expect("text in, text out");
        assert!(given.ends_with(rest) && given.contains(TOKEN), "{given}");
        let pair = &given[..given.len() - rest.len()];
        assert!(values(pair.as_bytes(), b"S").all(|value| marked(value) == Some(token.as_bytes())), "{pair}");
        assert_eq!(restored(&format!("a=1; {pair};b=2")), format!("a=1; S={own};b=2"));
    }
}

#[test]
fn only_marked_cookies_of_the_name_are_restored() {
    let twice = format!("S={TOKEN}~1; T={TOKEN}~2; S=\"{TOKEN}~3\"; S={TOKEN}; S={TOKEN}4; S=x~5");
    let left = format!("S=1; T={TOKEN}~2; S=\"3\"; S={TOKEN}; S={TOKEN}4; S=x~5");
    assert_eq!(restored(&twice), left);
}

#[test]
fn only_the_cookie_that_is_set_counts_in_a_response() {
    for (field, found) in [
        ("S=1", Some(("S=", "1"))),
        (" S = \"1\"; Path=/", Some((" S = \"", "1\"; Path=/"))),
        ("S=", Some(("S=", ""))),
        ("s=1", None),
        ("SS=1", None),
        ("a=b; S=1", None),
        ("S", None),
    ] {
        let set = Set::of(field.as_bytes(), b"S");
        assert_eq!(set, found.map(|(a, b)| Set { before: a.as_bytes(), rest: b.as_bytes() }), "{field}");
    }
}

#[test]
fn a_cookie_that_clients_would_drop_has_no_room() {
    for (len, fits) in [(PAIR_LEN_MAX - PREFIX_LEN - 2, true), (PAIR_LEN_MAX - PREFIX_LEN - 1, false)] {
        let set = format!("S={}; Path=/{}", "v".repeat(len), "p".repeat(PAIR_LEN_MAX));
        assert_eq!(Set::of(set.as_bytes(), b"S").expect("its name").has_room(), fits, "{len}");
    }
}
