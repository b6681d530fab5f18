//! Heads as they come.

use super::parse;

#[test]
fn the_status_and_every_cookie_are_read() {
    let head = b"HTTP/1.1 302 Found\r\nset-cookie: S=1; Path=/\r\nA: b\r\nSet-Cookie:T=2\r\nLocation: /";
    let answer = parse(head, 7).expect("a response");
    assert_eq!((answer.status, answer.took_ms), (302, 7));
    assert_eq!(answer.cookies, ["S=1; Path=/", "T=2"]);
    for wrong in [&b"SSH-2.0"[..], b"HTTP/1.1 2", b"HTTP/2 200 OK", b""] {
        assert_eq!(parse(wrong, 0), None);
    }
}
