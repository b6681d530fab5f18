//! Responses: backends get no more leniency than clients, and framing depends on what was asked.

use poise_ipc::cause::Cause;

use super::{Asked, FieldStore, Framing, Refusal, ResponseHead};

fn parse(head: &str, asked: Asked) -> Result<(Framing, bool), Refusal> {
    let mut store = FieldStore::default();
    ResponseHead::parse(head.as_bytes(), &mut store, asked).map(|head| (head.framing, head.keep_alive))
}

fn answer(status: u16, fields: &str) -> Result<(Framing, bool), Refusal> {
    parse(&format!("HTTP/1.1 {status} Text\r\n{fields}\r\n"), Asked::default())
}

#[test]
fn bad_responses_are_refused_with_502() {
    let whole = [
        ("ICY 200 OK\r\n\r\n", Refusal::Version),
        ("HTTP/2 200 OK\r\n\r\n", Refusal::Version),
        ("HTTP/1.1  200 OK\r\n\r\n", Refusal::StartLine),
        ("HTTP/1.1 20 OK\r\n\r\n", Refusal::StartLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", Refusal::StartLine),
        ("HTTP/1.1 099 OK\r\n\r\n", Refusal::StatusCode),
        ("HTTP/1.1 600 OK\r\n\r\n", Refusal::StatusCode),
        ("<html>hello</html>\r\n\r\n", Refusal::Version),
    ];
    for (head, refusal) in whole {
        assert_eq!(parse(head, Asked::default()), Err(refusal), "{head:?}");
        assert_eq!(refusal.of_response(), Cause::BadResponse);
    }
    let fields = [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthAndCoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::LengthRepeated),
        ("Content-Length: 5, 5\r\n", Refusal::Length),
        ("Content-Length: -1\r\n", Refusal::Length),
        ("Transfer-Encoding: gzip, chunked\r\n", Refusal::Coding),
        ("Transfer-Encoding: identity\r\n", Refusal::Coding),
        ("a : b\r\n", Refusal::FieldName),
    ];
    for (fields, refusal) in fields {
        assert_eq!(answer(200, fields), Err(refusal), "{fields:?}");
    }
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse(old, Asked::default()), Err(Refusal::Coding));
}

#[test]
fn the_framing_follows_status_method_and_fields() {
    assert_eq!(answer(200, "Content-Length: 5\r\n"), Ok((Framing::Length(5), true)));
    assert_eq!(answer(200, "Transfer-Encoding: Chunked\r\n"), Ok((Framing::Chunked, true)));
    assert_eq!(answer(200, ""), Ok((Framing::UntilClose, false)));
    assert_eq!(answer(200, "Content-Length: 5\r\nConnection: close\r\n"), Ok((Framing::Length(5), false)));
    assert_eq!(answer(304, "Content-Length: 5\r\n"), Ok((Framing::None, true)));
    assert_eq!(answer(204, "Content-Length: 0\r\n"), Ok((Framing::None, true)));
    assert_eq!(answer(204, "Content-Length: 1\r\n"), Err(Refusal::BodyForbidden));
    assert_eq!(answer(204, "Transfer-Encoding: chunked\r\n"), Err(Refusal::BodyForbidden));
    assert_eq!(answer(100, ""), Ok((Framing::None, true)));
    assert_eq!(answer(103, "Content-Length: 1\r\n"), Err(Refusal::BodyForbidden));
    let head = Asked { head: true, ..Asked::default() };
    assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", head), Ok((Framing::None, true)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let as_http10 = Asked { http10: true, as_http10: true, ..Asked::default() };
    assert_eq!(parse(chunked, as_http10), Err(Refusal::Coding));
    let http10 = Asked { http10: true, ..Asked::default() };
    assert_eq!(parse(chunked, http10), Ok((Framing::Chunked, true)), "its connection lives on, the client's does not");
}

#[test]
fn a_switch_is_believed_only_when_it_was_asked_for() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let asked = Asked { switch: true, ..Asked::default() };
    assert_eq!(parse(switched, asked), Ok((Framing::UntilClose, false)));
    assert_eq!(parse(switched, Asked::default()), Err(Refusal::Switch));
    let other = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(parse(other, asked), Err(Refusal::Switch));
}
