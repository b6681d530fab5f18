//! Normal forms: what is the same to a server is the same to a rule.

use proptest::prelude::*;

use super::*;

fn path(sent: &str) -> String {
    String::from_utf8_lossy(&normal_path(sent.as_bytes())).into_owned()
}

fn host(sent: &str) -> Option<String> {
    Host::of(sent.as_bytes()).map(|host| String::from_utf8(host.as_bytes().to_vec()).expect("text"))
}

#[test]
fn spellings_of_a_path_are_one_path() {
    let admin =
        ["/admin", "/%61dmin", "//admin", "/./admin", "/a/../admin", "/a/%2e%2E/admin", "/../admin", "/admin?x=/a"];
    for spelling in admin {
        assert_eq!(path(spelling), "/admin", "{spelling}");
    }
    for (sent, normal) in
        [("/", "/"), ("/a/", "/a/"), ("/a/.", "/a/"), ("/a/b/..", "/a/"), ("/..", "/"), ("/a//", "/a/")]
    {
        assert_eq!(path(sent), normal, "{sent}");
    }
}

#[test]
fn an_encoded_slash_makes_no_segment_and_half_an_encoding_stays() {
    assert_eq!(path("/a%2Fb"), "/a%2Fb");
    assert_eq!(path("/a%2fb"), "/a%2Fb");
    assert_eq!(path("/a%2fb/../c"), "/c");
    assert_eq!(path("/a%"), "/a%");
    assert_eq!(path("/a%zz%4"), "/a%zz%4");
    assert_eq!(path("/%252e%252e/a"), "/%2e%2e/a");
    assert_eq!(path("*"), "*");
}

#[test]
fn hosts_lose_port_case_brackets_and_last_dot() {
    for (sent, normal) in [
        ("Shop.Example.com:8080", "shop.example.com"),
        ("shop.example.com.", "shop.example.com"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1"),
    ] {
        assert_eq!(host(sent).as_deref(), Some(normal));
    }
    for sent in ["", ":80", ".", "[", &"a".repeat(256)] {
        assert_eq!(host(sent), None, "{sent}");
    }
}

proptest! {
    /// Nothing of the dots or doubled slashes is left, and only what was encoded twice changes again.
    #[test]
    fn a_normal_path_climbs_nowhere(sent in "/([a-z./]|%2e|%2F|%61|%){0,24}") {
        let normal = path(&sent);
        prop_assert!(normal.starts_with('/'));
        prop_assert!(normal.split('/').skip(1).all(|segment| segment != "." && segment != ".."));
        prop_assert!(!normal.contains("//"));
    }
}
