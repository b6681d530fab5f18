//! Heads as they go on: what is added, what is left out, and what no peer can have removed.

use std::net::IpAddr;

use poise_ipc::model::ForwardedFor;

use super::{Connection, Forwarded, PeerText, Returned, SetCookie};
use crate::http::fields::FieldStore;
use crate::http::request::RequestHead;
use crate::http::response::{Asked, ResponseHead};
use crate::token::Token;

fn forward(head: &str, mode: ForwardedFor) -> String {
    let mut store = FieldStore::default();
    let mut out = Vec::new();
    let client: IpAddr = "::ffff:192.0.2.7".parse().expect("an address");
    let head = RequestHead::parse(head.as_bytes(), &mut store).expect("a good head");
    head.write(Forwarded { client: &PeerText::new(client), mode }, &mut out);
    String::from_utf8(out).expect("text in, text out")
}

fn give_back(head: &str, asked: Asked, connection: Connection, cookie: Option<SetCookie<'_>>) -> String {
    let mut store = FieldStore::default();
    let mut out = Vec::new();
    let head = ResponseHead::parse(head.as_bytes(), &mut store, asked).expect("a good head");
    head.write(Returned { connection, cookie }, &mut out);
    String::from_utf8(out).expect("text in, text out")
}

const CLIENT: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n";

#[test]
fn a_request_goes_on_in_origin_form_with_one_host() {
    for (target, method, onward) in [
        ("/a?b", "GET", "GET /a?b"),
        ("http://H/a", "GET", "GET /a"),
        ("HTTP://h:80", "GET", "GET /"),
        ("http://h?q", "GET", "GET /?q"),
        ("http://h", "OPTIONS", "OPTIONS *"),
        ("*", "OPTIONS", "OPTIONS *"),
    ] {
        let sent = forward(&format!("{method} {target} HTTP/1.1\r\nA: b\r\nHost: h\r\n\r\n"), ForwardedFor::Append);
        assert!(sent.starts_with(&format!("{onward} HTTP/1.1\r\nHost: ")), "{sent}");
        assert_eq!(sent.matches("Host:").count(), 1, "{sent}");
    }
}

#[test]
fn fields_of_one_hop_stay_behind() {
    let sent = forward(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close, x-a, Host, Content-Length, X-Forwarded-For\r\nX-A: 1\r\nX-B: 2\r\n\
         Keep-Alive: 5\r\nProxy-Connection: a\r\nProxy-Authorization: a\r\nTE: trailers\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: a\r\nContent-Length: 3\r\n\r\n",
        ForwardedFor::Append,
    );
    let expected = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nX-B: 2\r\nContent-Length: 3\r\n{CLIENT}Connection: TE\r\nTE: trailers\r\n\r\n"
    );
    assert_eq!(sent, expected);
}

#[test]
fn the_client_cannot_lie_about_itself() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nx_forwarded_for: 2.2.2.2\r\n\
                X-Forwarded-Proto: https\r\nX_Forwarded_Proto: https\r\n\r\n";
    let sent = |mode| forward(head, mode);
    let begin = "GET / HTTP/1.1\r\nHost: h\r\n";
    assert_eq!(
        sent(ForwardedFor::Append),
        format!("{begin}X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7\r\nX-Forwarded-Proto: http\r\n\r\n")
    );
    assert_eq!(sent(ForwardedFor::Replace), format!("{begin}{CLIENT}\r\n"));
    assert_eq!(sent(ForwardedFor::Off), head);
}

#[test]
fn an_old_client_makes_an_old_request() {
    let sent =
        forward("GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n", ForwardedFor::Replace);
    assert_eq!(sent, format!("GET / HTTP/1.0\r\n{CLIENT}Connection: close\r\n\r\n"));
}

#[test]
fn a_switch_is_asked_for_and_granted_in_one_spelling() {
    let sent = forward(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n",
        ForwardedFor::Replace,
    );
    let end = "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(sent, format!("GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: k\r\n{CLIENT}{end}"));
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WEBSOCKET\r\nConnection: Upgrade\r\n\r\n";
    let asked = Asked { switch: true, ..Asked::default() };
    let back = give_back(head, asked, Connection::Close, None);
    assert_eq!(back, format!("HTTP/1.1 101 Switching Protocols\r\n{end}"));
}

#[test]
fn a_response_says_our_word_on_the_connection() {
    let head = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: CHUNKED\r\n\r\n";
    let back = |connection| give_back(head, Asked::default(), connection, None);
    let begin = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(back(Connection::Persist), format!("{begin}\r\n"));
    assert_eq!(back(Connection::KeepAlive), format!("{begin}Connection: keep-alive\r\n\r\n"));
    assert_eq!(back(Connection::Close), format!("{begin}Connection: close\r\n\r\n"));
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    assert_eq!(give_back(interim, Asked::default(), Connection::Close, None), interim);
    let empty = give_back("HTTP/1.0 204 No\r\nContent-Length: 0\r\n\r\n", Asked::default(), Connection::Persist, None);
    assert_eq!(empty, "HTTP/1.1 204 No\r\n\r\n");
}

#[test]
fn the_cookie_is_set_whatever_the_status_and_guarded_against_shared_caches() {
    let token = Token::parse(&[b'a'; 32]).expect("32 hex digits");
    let cookie = Some(SetCookie { name: "S", value: token, max_age_s: 60 });
    let set = format!("Set-Cookie: S={token}; Path=/; HttpOnly; Max-Age=60\r\n");
    for status in ["200 OK", "302 Found", "404 Not Found", "503 No"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let back = give_back(&head, Asked::default(), Connection::Persist, cookie);
        assert!(back.ends_with(&format!("{set}Cache-Control: private\r\n\r\n")), "{back}");
    }
    for guard in ["private", "max-age=5, Private", "no-store"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: {guard}\r\n\r\n");
        let back = give_back(&head, Asked::default(), Connection::Persist, cookie);
        assert_eq!(back.matches("Cache-Control").count(), 1, "{back}");
        assert!(back.contains(&set));
    }
    let interim = give_back("HTTP/1.1 100 Continue\r\n\r\n", Asked::default(), Connection::Persist, cookie);
    assert!(!interim.contains("Set-Cookie"), "{interim}");
}

#[test]
fn lengths_are_written_as_they_were_read() {
    for length in [0, 1, 9, 10, 1_234_567_890, u64::MAX >> 1] {
        let head = format!("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(give_back(&head, Asked::default(), Connection::Persist, None), head);
    }
}
