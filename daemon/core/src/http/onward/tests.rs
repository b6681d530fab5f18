//! Heads as they go on: what is added, what is left out, and what no peer can have removed.

use std::net::{IpAddr, SocketAddr};

use poise_ipc::Name;
use poise_ipc::model::{ForwardedFor, HeaderEdit, Listener, Persistence, PersistenceKind, Protocol};

use super::{Connection, Forwarded, PeerText, Returned};
use crate::http::fields::{Class, FieldStore};
use crate::http::forwarded::Forwarding;
use crate::http::request::RequestHead;
use crate::http::response::{Asked, ResponseHead};
use crate::journal::Version;
use crate::persistence::{Binding, CookieRule, Mark};
use crate::plan::BackendId;
use crate::token::{Token, TokenKey};

fn forward(head: &str, mode: ForwardedFor) -> String {
    let mut store = FieldStore::default();
    let mut out = Vec::new();
    let client: IpAddr = "::ffff:192.0.2.7".parse().expect("an address");
    let head = RequestHead::parse(head.as_bytes(), &mut store).expect("a good head");
    head.write(
        Forwarded {
            rule: &told_by(mode),
            peer: &PeerText::new(client),
            client: None,
            vouched: false,
            version: head.version(),
            restores: Some("SID"),
            id: None,
            edits: &[],
        },
        &mut out,
    );
    String::from_utf8(out).expect("text in, text out")
}

fn give_back(head: &str, asked: Asked, connection: Connection, binding: Binding<'_>) -> String {
    let mut store = FieldStore::default();
    let mut out = Vec::new();
    let head = ResponseHead::parse(head.as_bytes(), &mut store, asked).expect("a good head");
    head.write(Returned { connection, binding, edits: &[] }, &mut out);
    String::from_utf8(out).expect("text in, text out")
}

const VIA: &str = "Via: 1.1 poise-aaaaaaaaaaaaaaaa\r\n";
const CLIENT: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 poise-aaaaaaaaaaaaaaaa\r\n";

/// A listener that tells backends about clients like this.
pub(crate) fn told_by(mode: ForwardedFor) -> Forwarding {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = Listener::new(bind, Protocol::Http, Name::new("app").expect("a name"));
    listener.forwarded_for = mode;
    Forwarding::new(&listener, &Token::parse(&[b'a'; 32]).expect("32 hex digits"))
}

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
        assert_eq!(sent.matches("\r\nHost:").count(), 1, "{sent}");
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
        format!(
            "{begin}X-Forwarded-For: 1.1.1.1, 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n{VIA}\r\n"
        )
    );
    assert_eq!(sent(ForwardedFor::Replace), format!("{begin}{CLIENT}\r\n"));
    assert_eq!(sent(ForwardedFor::Off), format!("{}{VIA}\r\n", head.trim_end_matches("\r\n").to_owned() + "\r\n"));
}

#[test]
fn an_old_client_makes_an_old_request() {
    let sent =
        forward("GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n", ForwardedFor::Replace);
    let told = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nVia: 1.0 poise-aaaaaaaaaaaaaaaa\r\n";
    assert_eq!(sent, format!("GET / HTTP/1.0\r\n{told}Connection: keep-alive\r\n\r\n"));
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
    let back = give_back(head, asked, Connection::Close, Binding::Off);
    assert_eq!(back, format!("HTTP/1.1 101 Switching Protocols\r\n{end}"));
}

#[test]
fn a_response_says_our_word_on_the_connection() {
    let head = "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: CHUNKED\r\n\r\n";
    let back = |connection| give_back(head, Asked::default(), connection, Binding::Off);
    let begin = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(back(Connection::Persist), format!("{begin}\r\n"));
    assert_eq!(back(Connection::KeepAlive), format!("{begin}Connection: keep-alive\r\n\r\n"));
    assert_eq!(back(Connection::Close), format!("{begin}Connection: close\r\n\r\n"));
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    assert_eq!(give_back(interim, Asked::default(), Connection::Close, Binding::Off), interim);
    let empty =
        give_back("HTTP/1.0 204 No\r\nContent-Length: 0\r\n\r\n", Asked::default(), Connection::Persist, Binding::Off);
    assert_eq!(empty, "HTTP/1.1 204 No\r\n\r\n");
}

/// A rule for one backend.
fn rule(kind: PersistenceKind) -> CookieRule {
    let settings = Persistence { kind, cookie: "SID".to_owned(), timeout_ms: 60_000, ..Persistence::default() };
    CookieRule::new(&settings, false, &TokenKey::new([1; 16]), [BackendId(1)].into_iter(), None)
}

#[test]
fn the_cookie_is_set_whatever_the_status_and_guarded_against_shared_caches() {
    let rule = rule(PersistenceKind::CookieInsert);
    let token = rule.token(BackendId(1)).expect("of the rule");
    let binding = rule.bind(Mark::default(), BackendId(1), || 1);
    let set = format!("Set-Cookie: SID={token}; Max-Age=60; Path=/; HttpOnly\r\n");
    for status in ["200 OK", "302 Found", "404 Not Found", "500 Internal Server Error"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let back = give_back(&head, Asked::default(), Connection::Persist, binding);
        assert!(back.contains(&format!("{set}Cache-Control: private\r\n")), "{back}");
    }
    for guard in ["private", "max-age=5, Private", "no-store"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: {guard}\r\n\r\n");
        let back = give_back(&head, Asked::default(), Connection::Persist, binding);
        assert_eq!(back.matches("Cache-Control").count(), 1, "{back}");
        assert!(back.contains(&set));
    }
    let interim = give_back("HTTP/1.1 100 Continue\r\n\r\n", Asked::default(), Connection::Persist, binding);
    assert!(!interim.contains("Set-Cookie"), "{interim}");
}

#[test]
fn a_backend_cannot_set_the_cookie_that_poise_inserts() {
    let rule = rule(PersistenceKind::CookieInsert);
    let kept = Binding::Insert("SID", None);
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: SID=own\r\nSet-Cookie: T=1\r\nset-cookie: SID=; Path=/x\r\n\
                Content-Length: 0\r\n\r\n";
    for (binding, count) in [(kept, 0), (rule.bind(Mark::default(), BackendId(1), || 1), 1), (Binding::Off, 2)] {
        let back = give_back(head, Asked::default(), Connection::Persist, binding);
        assert_eq!((back.matches("SID=").count(), back.matches("T=1").count()), (count, 1), "{back}");
    }
}

#[test]
fn a_cookie_of_the_backend_is_rewritten_and_given_back_as_it_was() {
    let rule = rule(PersistenceKind::CookieRewrite);
    let token = rule.token(BackendId(1)).expect("of the rule");
    let binding = rule.bind(Mark::default(), BackendId(1), || 1);
    let head = "HTTP/1.1 404 Not Found\r\nSet-Cookie: SID=abc; Path=/a; Expires=x\r\nSet-Cookie: T=1\r\n\
                Set-Cookie: SID=\"d e\"\r\nContent-Length: 0\r\n\r\n";
    let back = give_back(head, Asked::default(), Connection::Persist, binding);
    let first = format!("Set-Cookie: SID={token}~abc; Path=/a; Expires=x\r\n");
    let second = format!("Set-Cookie: SID=\"{token}~d e\"\r\n");
    assert!(back.contains(&format!("{first}{second}Cache-Control: private\r\n")), "{back}");
    assert_eq!(back.matches("Set-Cookie").count(), 3, "{back}");

    let none = give_back(
        "HTTP/1.1 200 OK\r\nSet-Cookie: T=1\r\nContent-Length: 0\r\n\r\n",
        Asked::default(),
        Connection::Persist,
        binding,
    );
    assert_eq!(none, "HTTP/1.1 200 OK\r\nSet-Cookie: T=1\r\nContent-Length: 0\r\n\r\n", "never on its own");

    let request = format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; SID={token}~abc\r\nCookie: SID=own\r\n\r\n");
    let sent = forward(&request, ForwardedFor::Off);
    assert!(sent.contains("Cookie: a=1; SID=abc\r\n") && sent.contains("Cookie: SID=own\r\n"), "{sent}");
    assert!(!sent.contains(&token.to_string()), "{sent}");
}

#[test]
fn lengths_are_written_as_they_were_read() {
    for length in [0, 1, 9, 10, 1_234_567_890, u64::MAX >> 1] {
        let head = format!("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(give_back(&head, Asked::default(), Connection::Persist, Binding::Off), head);
    }
}

#[test]
fn a_route_sets_adds_and_removes_fields_both_ways() {
    let edits = ["set X-A: new", "add X-B: more", "remove X-C"];
    let edits: Vec<HeaderEdit> = edits.iter().map(|text| text.parse().expect("a change")).collect();
    let (mut store, mut out) = (FieldStore::default(), Vec::new());
    let sent = "GET / HTTP/1.1\r\nHost: h\r\nx-a: 1\r\nX_A: 2\r\nX-B: 3\r\nX-C: 4\r\nX-D: 5\r\n\r\n";
    let head = RequestHead::parse(sent.as_bytes(), &mut store).expect("a good head");
    let client = PeerText::new(IpAddr::from([192, 0, 2, 7]));
    let mode = ForwardedFor::Off;
    head.write(
        Forwarded {
            rule: &told_by(mode),
            peer: &client,
            client: None,
            vouched: false,
            version: Version::Http11,
            restores: None,
            id: None,
            edits: &edits,
        },
        &mut out,
    );
    let expected = format!("GET / HTTP/1.1\r\nHost: h\r\nX-B: 3\r\nX-D: 5\r\n{VIA}X-A: new\r\nX-B: more\r\n\r\n");
    assert_eq!(String::from_utf8_lossy(&out), expected);

    let (mut store, mut out) = (FieldStore::default(), Vec::new());
    let sent = "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-c: 2\r\nContent-Length: 0\r\n\r\n";
    let head = ResponseHead::parse(sent.as_bytes(), &mut store, Asked::default()).expect("a good head");
    head.write(Returned { connection: Connection::Persist, binding: Binding::Off, edits: &edits }, &mut out);
    let expected = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: new\r\nX-B: more\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

#[test]
fn a_backend_is_told_the_version_that_the_client_speaks() {
    for (version, word) in [(Version::Http10, "1.0"), (Version::Http11, "1.1"), (Version::Http2, "2.0")] {
        let (mut store, mut out) = (FieldStore::default(), Vec::new());
        let head = RequestHead::parse(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", &mut store).expect("a good head");
        let (rule, peer) = (told_by(ForwardedFor::Off), PeerText::new(IpAddr::from([192, 0, 2, 7])));
        let (client, vouched, restores, id, edits) = (None, false, None, None, &[][..]);
        head.write(Forwarded { rule: &rule, peer: &peer, client, vouched, version, restores, id, edits }, &mut out);
        let via = format!("Via: {word} poise-aaaaaaaaaaaaaaaa\r\n");
        assert!(String::from_utf8_lossy(&out).contains(&via), "{version:?}");
    }
}

/// Names in lower case and values, in order of both.
fn sorted<'b>(fields: impl Iterator<Item = (&'b [u8], &'b [u8])>) -> Vec<(Vec<u8>, &'b [u8])> {
    let mut fields: Vec<_> = fields.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    fields.sort();
    fields
}

#[test]
fn a_stream_is_told_the_fields_that_the_text_has() {
    let edits = ["set X-A: new", "add X-B: more", "remove X-C"];
    let edits: Vec<HeaderEdit> = edits.iter().map(|text| text.parse().expect("a change")).collect();
    let framings = ["Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n", ""];
    let rest = "Connection: x-d\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\nX-D: 4\r\nKeep-Alive: 5\r\nSet-Cookie: a=b\r\n\r\n";
    for (status, framing) in [200, 204, 304].into_iter().flat_map(|status| framings.map(|framing| (status, framing))) {
        for asked in [Asked::default(), Asked { head: true, ..Asked::default() }] {
            let text = format!("HTTP/1.1 {status} K\r\n{framing}{rest}");
            let (mut store, mut again) = (FieldStore::default(), FieldStore::default());
            let Ok(head) = ResponseHead::parse(text.as_bytes(), &mut store, asked) else { continue };
            let returned = Returned { connection: Connection::Persist, binding: Binding::Off, edits: &edits };
            let (mut written, mut added) = (Vec::new(), Vec::new());
            head.write(returned, &mut written);
            head.write_additions(returned, &mut added);
            let read = ResponseHead::parse(&written, &mut again, asked).expect("our own text");
            let of_text = read.fields().filter(|(class, ..)| *class != Class::TransferEncoding);
            let lines = added.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            let lines = lines.map(|line| {
                let colon = line.iter().position(|&byte| byte == b':').expect("a line of a field");
                (&line[..colon], line[colon + 1..].trim_ascii())
            });
            let told = sorted(head.kept(returned).chain(lines));
            assert_eq!(told, sorted(of_text.map(|(_, name, value)| (name, value))), "{text}");
        }
    }
}

/// However a head is written, what says where its message ends and whom it asks comes out one way.
#[test]
fn lines_of_framing_and_host_go_on_only_in_their_plain_form() {
    for (line, fields) in [
        ("http://h/", "Host: h\r\nContent-Length: 5\r\n"),
        ("/", "Host: h\r\nContent-Length: 5\r\n"),
        ("/", "host: h\r\nContent-Length:5\r\n"),
        ("/", "Host:h\r\nContent-Length: 5 \r\n"),
        ("/", "Host: h \r\nContent-Length:  5\r\n"),
        ("/", "Host:  h\r\nContent-Length:\t5\r\n"),
        ("/", "Content-Length: 5\r\nHost: h\r\n"),
    ] {
        let sent = forward(&format!("POST {line} HTTP/1.1\r\n{fields}\r\n"), ForwardedFor::Append);
        let plain = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n";
        assert_eq!(sent, format!("{plain}{CLIENT}\r\n"));
    }
    for line in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5",
        "HTTP/1.0 200 OK\r\nContent-Length:5",
        "HTTP/1.1 200 OK\r\nContent-Length: 5 ",
    ] {
        let given = give_back(&format!("{line}\r\n\r\n"), Asked::default(), Connection::Persist, Binding::Off);
        assert_eq!(given, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    }
}
