//! What is taken for plain HTTP.

use super::*;

#[test]
fn requests_in_the_clear_are_told_from_everything_else() {
    for request in ["GET / HTTP/1.1\r\n", "POST /a", "M /", "GET http://a/", "PUT HTTPS://a/", "OPTIONS * HTTP/1.1"] {
        assert!(is_request(request.as_bytes()), "{request}");
    }
    let hello = "\u{16}\u{3}\u{1}\u{2}";
    for other in
        [hello, "", "GET", "GET ", " /", "get /", "PRI * HTTP/2.0\r\n", "EHLO /", "SSH-2.0-x", "GET * HTTP/1.1"]
    {
        assert_eq!(is_request(other.as_bytes()), other == "EHLO /", "{other:?}");
    }
}
