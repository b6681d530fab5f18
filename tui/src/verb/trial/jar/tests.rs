//! What comes back to the URL of a trial, and what does not.

use super::{Jar, Put};

fn put(jar: &mut Jar, url: &str, field: &str) -> Put {
    jar.put(field, &url.parse().expect("a good URL"), 0)
}

#[test]
fn a_cookie_comes_back_until_its_age() {
    let mut jar = Jar::default();
    assert!(matches!(put(&mut jar, "http://h/a/b", "S=1; Path=/; HttpOnly; Max-Age=2"), Put::Kept(_)));
    assert!(matches!(put(&mut jar, "http://h/a/b", "T=2"), Put::Kept(_)));
    assert_eq!(jar.field().as_deref(), Some("T=2; S=1"), "the longer path goes first");
    assert!(jar.age(1_999).is_empty());
    assert_eq!(jar.age(2_000)[0].name, "S");
    assert_eq!(jar.field().as_deref(), Some("T=2"));
}

#[test]
fn a_later_cookie_takes_the_place_of_the_one_of_its_name_and_path() {
    let mut jar = Jar::default();
    put(&mut jar, "http://h/", "S=1");
    put(&mut jar, "http://h/", "S=2; Path=/");
    assert_eq!(jar.field().as_deref(), Some("S=2"));
    put(&mut jar, "http://h/", "S=; Max-Age=0");
    assert_eq!(jar.field(), None);
}

#[test]
fn what_would_not_come_back_says_why() {
    for (url, field, why) in [
        ("http://h/", "S=1; Secure", "it is Secure and travels over https only"),
        ("http://h/", "S=1; Path=/shop", "it is for paths below /shop only"),
        ("http://h/shops", "S=1; Path=/shop", "it is for paths below /shop only"),
        ("http://a.example.com/", "S=1; Domain=b.example.com", "it is for the domain b.example.com only"),
        ("http://badexample.com/", "S=1; Domain=example.com", "it is for the domain example.com only"),
    ] {
        let mut jar = Jar::default();
        match put(&mut jar, url, field) {
            Put::Lost(_, said) => assert_eq!(said, why),
            other => panic!("{field} at {url}: {other:?}"),
        }
        assert_eq!(jar.field(), None);
    }
    for (url, field) in [
        ("https://h/", "S=1; Secure"),
        ("http://h/shop", "S=1; Path=/shop"),
        ("http://h/shop/a?q", "S=1; Path=/shop"),
        ("http://a.Example.com/", "S=1; Domain=.example.com"),
    ] {
        assert!(matches!(put(&mut Jar::default(), url, field), Put::Kept(_)), "{field} at {url}");
    }
    assert_eq!(put(&mut Jar::default(), "http://h/", "nothing"), Put::Nothing);
}
