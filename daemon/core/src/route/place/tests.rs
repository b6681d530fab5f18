//! Places that redirects lead to.

use poise_ipc::model::{HeaderMatch, RedirectStatus};

use super::*;

struct Asked(Option<&'static str>, &'static str);

impl Asking for Asked {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn host(&self) -> Option<&[u8]> {
        self.0.map(str::as_bytes)
    }

    fn target(&self) -> &[u8] {
        self.1.as_bytes()
    }

    fn has(&self, _: &HeaderMatch) -> bool {
        false
    }
}

fn to(to: RedirectTo) -> Redirect {
    Redirect { to, ..Redirect::default() }
}

fn location(redirect: &Redirect, host: &'static str, target: &'static str) -> String {
    let place = Place::of(redirect, true, &Asked(Some(host), target)).expect("a host");
    String::from_utf8(place.location).expect("text in, text out")
}

#[test]
fn the_same_place_by_https_loses_the_port_and_keeps_the_query() {
    assert_eq!(location(&to(RedirectTo::Https), "a.b:80", "/x?y=1"), "https://a.b/x?y=1");
    assert_eq!(location(&to(RedirectTo::Https), "[::1]:80", "//evil.example/x"), "https://[::1]//evil.example/x");
    assert_eq!(location(&to(RedirectTo::Http), "a.b", "*"), "http://a.b/");
}

#[test]
fn what_is_given_takes_the_place_of_what_was_asked() {
    let moved = Redirect {
        host: Some("new.example".into()),
        port: Some(8443),
        path: Some("/home".into()),
        status: RedirectStatus(308),
        ..to(RedirectTo::Same)
    };
    assert_eq!(location(&moved, "a.b:80", "/x?y"), "https://new.example:8443/home?y");
    let fixed = Redirect { path: Some("/home?z".into()), ..to(RedirectTo::Same) };
    assert_eq!(location(&fixed, "a.b:8080", "/x?y"), "https://a.b:8080/home?z");
    assert_eq!(Place::of(&moved, false, &Asked(None, "/")).map(|place| place.status), Some(308));
}

#[test]
fn a_request_without_a_host_cannot_be_sent_anywhere_but_to_a_given_one() {
    assert_eq!(Place::of(&to(RedirectTo::Https), false, &Asked(None, "/")), None);
}
