//! What a stream asks, and what HTTP/1.1 would ask in its place.

use http::Request;
use http::header::HeaderValue;
use poise_core::http::bounds::Bounds;
use poise_core::http::fields::FieldStore;
use poise_core::http::refusal::Refusal;
use poise_core::http::request::RequestHead;
use poise_core::http::scan::Scanner;
use proptest::prelude::*;

use super::*;

type Fields<'a> = &'a [(&'a str, &'a [u8])];

fn parts(method: &str, target: &str, fields: Fields<'_>) -> Parts {
    let mut request = Request::builder().method(method).uri(target).body(()).expect("a request");
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    request.into_parts().0
}

fn written(method: &str, target: &str, fields: Fields<'_>, is_whole: bool) -> Result<String, Malformed> {
    let mut out = Vec::new();
    write(&parts(method, target, fields), is_whole, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn refusal(method: &str, target: &str, fields: Fields<'_>) -> Option<Refusal> {
    let text = written(method, target, fields, false).expect("well formed as HTTP/2");
    let len = match Scanner::default().scan(text.as_bytes(), &Bounds::default()) {
        Ok(len) => len.expect("a whole head"),
        Err(refusal) => return Some(refusal),
    };
    RequestHead::parse(&text.as_bytes()[..len], &mut FieldStore::default()).err()
}

#[test]
fn the_authority_becomes_the_host_and_cookies_become_one() {
    let fields: Fields<'_> = &[("cookie", b"a=1"), ("accept", b"*/*"), ("cookie", b"b=2; c=3"), ("te", b"trailers")];
    assert_eq!(
        written("GET", "https://shop.example:8443/a?b", fields, true).as_deref(),
        Ok(
            "GET /a?b HTTP/1.1\r\nhost: shop.example:8443\r\naccept: */*\r\nte: trailers\r\nCookie: a=1; b=2; c=3\r\n\r\n"
        )
    );
}

#[test]
fn a_body_is_announced_as_it_comes() {
    let framing = |method, fields, is_whole| {
        let text = written(method, "http://a/", fields, is_whole).expect("well formed");
        text.split_once("host: a\r\n").expect("a host").1.to_owned()
    };
    assert_eq!(framing("GET", &[], true), "\r\n");
    assert_eq!(framing("POST", &[], true), "Content-Length: 0\r\n\r\n");
    assert_eq!(framing("POST", &[], false), "Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(framing("POST", &[("content-length", b"7")], false), "content-length: 7\r\n\r\n");
}

#[test]
fn host_and_authority_must_agree() {
    assert_eq!(refusal("GET", "http://a.test/x", &[("host", b"A.test:80")]), None);
    assert_eq!(refusal("OPTIONS", "http://a.test/", &[("host", b"a.test")]), None);
    assert_eq!(refusal("GET", "http://a.test/x", &[("host", b"b.test")]), Some(Refusal::HostMismatch));
    assert_eq!(refusal("GET", "/x", &[("host", b"a.test")]), None);
    assert_eq!(refusal("GET", "/x", &[("host", b"a.test"), ("host", b"a.test")]), Some(Refusal::HostRepeated));
    assert_eq!(refusal("GET", "/x", &[]), Some(Refusal::HostMissing));
    assert_eq!(refusal("GET", "http://user@a.test/", &[]), Some(Refusal::HostInvalid));
    assert_eq!(refusal("CONNECT", "a.test:443", &[]), Some(Refusal::Connect));
}

#[test]
fn what_http_1_would_read_as_framing_is_refused() {
    for (fields, expected) in [
        (&[("content-length", &b"1"[..]), ("content-length", b"1")][..], Refusal::LengthRepeated),
        (&[("content-length", b"+1")], Refusal::Length),
        (&[("content_length", b"1")], Refusal::FieldName),
        (&[("transfer_encoding", b"chunked")], Refusal::FieldName),
        (&[("expect", b"200-ok")], Refusal::Expectation),
    ] {
        assert_eq!(refusal("POST", "http://a/", fields), Some(expected), "{fields:?}");
    }
}

#[test]
fn fields_of_a_connection_and_blank_ends_make_a_stream_malformed() {
    for (name, value) in [
        ("connection", &b"close"[..]),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"h2c"),
        ("keep-alive", b"timeout=5"),
        ("proxy-connection", b"close"),
        ("x-a", b" b"),
        ("x-a", b"b\t"),
    ] {
        assert_eq!(written("GET", "http://a/", &[(name, value)], true), Err(Malformed), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_is_one_head_with_the_fields_that_were_asked(
        path in "/[!-~]{0,20}",
        fields in prop::collection::vec(("[a-z][a-z0-9_-]{0,12}", prop::collection::vec(any::<u8>(), 0..12)), 0..8),
    ) {
        let Ok(mut request) = Request::builder().uri(format!("http://a{path}")).body(()) else { return Ok(()) };
        for (name, value) in &fields {
            let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) else { continue };
            request.headers_mut().append(name, value);
        }
        let (parts, ()) = request.into_parts();
        let mut text = Vec::new();
        if write(&parts, true, &mut text).is_err() {
            return Ok(());
        }
        let Ok(len) = Scanner::default().scan(&text, &Bounds::default()) else { return Ok(()) };
        prop_assert_eq!(len, Some(text.len()), "nothing follows the head");
        let mut store = FieldStore::default();
        if let Ok(head) = RequestHead::parse(&text, &mut store) {
            let cookies = parts.headers.get_all(header::COOKIE).iter().count();
            let framing = usize::from(!parts.headers.contains_key(header::HOST));
            prop_assert_eq!(head.fields().count(), parts.headers.len() - cookies.saturating_sub(1) + framing);
        }
    }
}

#[test]
fn a_scheme_that_is_not_served_is_refused_as_http_1_refuses_it() {
    assert_eq!(refusal("GET", "ftp://h/a", &[]), refusal("GET", "ftp://h/a", &[("host", b"h")]));
    assert!(refusal("GET", "ftp://h/a", &[]).is_some());
    assert_eq!(written("OPTIONS", "ftp://h/*", &[], true).map(|text| text.starts_with("OPTIONS ftp://h")), Ok(true));
    assert_eq!([refusal("GET", "http://h/a", &[]), refusal("GET", "HTTPS://h/a", &[])], [None, None]);
}
