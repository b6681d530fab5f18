//! Requests: a table of heads that two readers could read differently, and what good heads say.

use poise_ipc::cause::Cause;

use super::{FieldStore, Framing, Refusal, RequestHead};

/// Parses and keeps what the tests ask for: framing, keep-alive, the switch and the expectation.
fn parse(head: &str) -> Result<(Framing, bool, bool, bool), Refusal> {
    let mut store = FieldStore::default();
    let head = RequestHead::parse(head.as_bytes(), &mut store)?;
    Ok((head.framing, head.keep_alive, head.switches, head.expects_continue))
}

fn refused(head: &str) -> Option<Refusal> {
    parse(head).err()
}

fn with(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

#[test]
fn ambiguous_framing_is_refused_with_400() {
    let table = [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthAndCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Refusal::LengthAndCoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::LengthRepeated),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", Refusal::LengthRepeated),
        ("Content-Length: 5, 5\r\n", Refusal::Length),
        ("Content-Length: +5\r\n", Refusal::Length),
        ("Content-Length: -5\r\n", Refusal::Length),
        ("Content-Length: 05\r\n", Refusal::Length),
        ("Content-Length: 0x5\r\n", Refusal::Length),
        ("Content-Length: 5 5\r\n", Refusal::Length),
        ("Content-Length: 5.0\r\n", Refusal::Length),
        ("Content-Length:\r\n", Refusal::Length),
        ("Content-Length: 9223372036854775808\r\n", Refusal::Length),
        ("Content-Length: 99999999999999999999\r\n", Refusal::Length),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refusal::Coding),
        ("Transfer-Encoding: chunked, chunked\r\n", Refusal::Coding),
        ("Transfer-Encoding: gzip, chunked\r\n", Refusal::Coding),
        ("Transfer-Encoding: chunked, identity\r\n", Refusal::Coding),
        ("Transfer-Encoding: identity\r\n", Refusal::Coding),
        ("Transfer-Encoding: Chunked\r\n", Refusal::Coding),
        ("Transfer-Encoding: \"chunked\"\r\n", Refusal::Coding),
        ("Transfer-Encoding: chunked;q=1\r\n", Refusal::Coding),
        ("Transfer-Encoding: xchunked\r\n", Refusal::Coding),
        ("Transfer-Encoding:\r\n", Refusal::Coding),
        ("Content_Length: 5\r\n", Refusal::FieldName),
        ("Transfer_Encoding: chunked\r\n", Refusal::FieldName),
        ("Transfer-Encoding : chunked\r\n", Refusal::FieldName),
        ("Content-Length : 5\r\n", Refusal::FieldName),
        (": b\r\n", Refusal::FieldName),
        ("a b: c\r\n", Refusal::FieldName),
        ("no colon\r\n", Refusal::FieldName),
    ];
    for (fields, refusal) in table {
        assert_eq!(refused(&with(fields)), Some(refusal), "{fields:?}");
        assert_eq!(refusal.of_request(), Cause::BadRequest);
    }
    let old = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), Some(Refusal::Coding));
}

#[test]
fn a_bad_start_line_is_refused() {
    let table = [
        ("GET /", Refusal::StartLine),
        ("GET  / HTTP/1.1", Refusal::StartLine),
        ("GET /  HTTP/1.1", Refusal::Version),
        ("GET / HTTP/1.1 ", Refusal::LineEnd),
        ("GET / HTTP/2.0", Refusal::Version),
        ("GET / HTTP/1.2", Refusal::Version),
        ("GET / http/1.1", Refusal::Version),
        ("GET / HTTP/0.9", Refusal::Version),
        ("PRI * HTTP/2.0", Refusal::Version),
        ("G@T / HTTP/1.1", Refusal::StartLine),
        ("GET * HTTP/1.1", Refusal::Target),
        ("GET a HTTP/1.1", Refusal::Target),
        ("GET /#a HTTP/1.1", Refusal::Target),
        ("GET /?\"a HTTP/1.1", Refusal::Target),
        ("GET /<a> HTTP/1.1", Refusal::Target),
        ("GET /é HTTP/1.1", Refusal::Target),
        ("GET ftp://a/ HTTP/1.1", Refusal::Target),
        ("GET https:/a/ HTTP/1.1", Refusal::Target),
        ("GET https:// HTTP/1.1", Refusal::HostInvalid),
        ("GET https://u@a/ HTTP/1.1", Refusal::HostInvalid),
        ("GET https://b/ HTTP/1.1", Refusal::HostMismatch),
        ("GET https://a:80/ HTTP/1.1", Refusal::HostMismatch),
        ("GET http:// HTTP/1.1", Refusal::HostInvalid),
        ("GET http://u@a/ HTTP/1.1", Refusal::HostInvalid),
        ("GET http://b/ HTTP/1.1", Refusal::HostMismatch),
        ("GET http://a:81/ HTTP/1.1", Refusal::HostMismatch),
        ("GET http://a:443/ HTTP/1.1", Refusal::HostMismatch),
        ("CONNECT a:80 HTTP/1.1", Refusal::Connect),
    ];
    for (line, refusal) in table {
        assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")), Some(refusal), "{line:?}");
    }
    let method = format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(33));
    assert_eq!(refused(&method), Some(Refusal::StartLine));
}

#[test]
fn an_absolute_target_is_for_connections_of_its_scheme() {
    for (target, plain, secured, authority, path) in [
        ("/x", true, true, "a", "/x"),
        ("http://A/x", true, false, "A", "/x"),
        ("HTTP://a:80/x?y", true, false, "a:80", "/x?y"),
        ("https://a/x", false, true, "a", "/x"),
        ("HTTPS://a:443", false, true, "a:443", ""),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut store = FieldStore::default();
        let head = RequestHead::parse(text.as_bytes(), &mut store).expect("a good head");
        assert_eq!((head.fits(false), head.fits(true)), (plain, secured), "{target}");
        assert_eq!((head.authority(), head.path()), (Some(authority.as_bytes()), path.as_bytes()), "{target}");
    }
}

#[test]
fn a_bad_host_is_refused() {
    let host = |value: &str| refused(&format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n"));
    for good in ["a", "a:80", "A.b-c_d.example", "127.0.0.1:8080", "[::1]", "[::1]:80", "[::ffff:1.2.3.4]:1"] {
        assert_eq!(host(good), None, "{good:?}");
    }
    let bad = [
        "", "a b", "a,b", "a/b", "a?b", "a#b", "u@a", "a:", "a:b", "a:99999", "a:1:2", "[::1", "::1", "[::1]x", "[a]",
        "[]", "a%2", "a%20b", "%61", "a%zz", "\"a\"", "a\\b", "<a>", "é",
    ];
    for bad in bad {
        assert_eq!(host(bad), Some(Refusal::HostInvalid), "{bad:?}");
    }
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Some(Refusal::HostMissing));
    assert_eq!(refused("GET http://a/ HTTP/1.1\r\n\r\n"), Some(Refusal::HostMissing));
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), Some(Refusal::HostRepeated));
    assert_eq!(refused("GET / HTTP/1.0\r\n\r\n"), None);
}

#[test]
fn other_refusals_have_causes_of_their_own() {
    assert_eq!(refused(&with("Expect: 200-ok\r\n")).map(Refusal::of_request), Some(Cause::ExpectationFailed));
    assert_eq!(refused(&with(&format!("Connection: {}\r\n", "a,".repeat(17)))), Some(Refusal::Options));
    assert_eq!(refused(&with(&format!("Connection: close{}\r\n", " ,".repeat(300)))), Some(Refusal::Options));
    assert_eq!(Refusal::Connect.of_request(), Cause::NotImplemented);
    assert_eq!(Refusal::TargetTooLong.of_request(), Cause::TargetTooLong);
    assert_eq!(Refusal::TooManyFields.of_request(), Cause::HeadTooLarge);
}

#[test]
fn good_heads_say_what_they_ask_for() {
    let get = |version: &str, fields: &str| parse(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
    assert_eq!(get("1.1", ""), Ok((Framing::None, true, false, false)));
    assert_eq!(get("1.0", ""), Ok((Framing::None, false, false, false)));
    assert_eq!(get("1.0", "Connection: Keep-Alive\r\n"), Ok((Framing::None, true, false, false)));
    assert_eq!(get("1.1", "Connection: x, CLOSE\r\n"), Ok((Framing::None, false, false, false)));
    assert_eq!(get("1.1", "Content-Length: 0\r\n"), Ok((Framing::Length(0), true, false, false)));
    let switch = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
    assert_eq!(get("1.1", switch), Ok((Framing::None, true, true, false)));
    assert_eq!(get("1.0", switch), Ok((Framing::None, true, false, false)));
    assert_eq!(get("1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), Ok((Framing::None, true, false, false)));
    assert_eq!(get("1.1", "Upgrade: websocket\r\n"), Ok((Framing::None, true, false, false)));
    assert_eq!(parse(&with("Transfer-Encoding: chunked\r\n")), Ok((Framing::Chunked, true, false, false)));
    assert_eq!(
        parse(&with("Content-Length: 7\r\nExpect: 100-Continue\r\n")),
        Ok((Framing::Length(7), true, false, true))
    );
}

#[test]
fn a_cookie_is_found_in_any_of_several_fields() {
    let text = with("Cookie: a=b\r\nCookie: S=1; c=d\r\nCookie: S=2\r\n");
    let mut store = FieldStore::default();
    let head = RequestHead::parse(text.as_bytes(), &mut store).expect("a good head");
    assert!(head.cookies(b"S").eq([b"1", b"2"]));
}
