//! Answers whole, in parts, and wrong; cookies.

use super::{COOKIE_STANDIN, Dialogue, Verdict, cookie};

fn echo(client: usize, sequence: u64) -> Vec<u8> {
    let mut request = Vec::new();
    Dialogue::Echo.request(client, sequence, None, &mut request);
    request
}

fn response(status: &str, header: &str, body: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{header}\r\nx-more: 1\r\n\r\n{}", "x".repeat(body)).into_bytes()
}

#[test]
fn an_echo_is_right_only_when_it_is_the_whole_request() {
    let request = echo(3, 9);
    assert_eq!(Dialogue::Echo.judge(&request, &request[..100]), Verdict::More);
    assert_eq!(Dialogue::Echo.judge(&request, &request), Verdict::Right);
    assert_eq!(Dialogue::Echo.judge(&request, &[&request[..], b"!"].concat()), Verdict::Wrong);
}

#[test]
fn the_answer_to_another_client_or_request_is_wrong() {
    assert_eq!(Dialogue::Echo.judge(&echo(3, 9), &echo(4, 9)), Verdict::Wrong);
    assert_eq!(Dialogue::Echo.judge(&echo(3, 9), &echo(3, 8)), Verdict::Wrong);
}

#[test]
fn a_response_is_right_with_status_length_and_body() {
    let judge = |answer: Vec<u8>| Dialogue::Http { body_bytes: 128, last: false }.judge(b"", &answer);
    assert_eq!(judge(response("200 OK", "content-length: 128", 128)), Verdict::Right);
    assert_eq!(judge(response("200 OK", "Content-Length: 128", 100)), Verdict::More);
    assert_eq!(judge(b"HTTP/1.1 200 OK\r\n".to_vec()), Verdict::More);
    assert_eq!(judge(response("503 No", "content-length: 128", 128)), Verdict::Wrong);
    assert_eq!(judge(response("200 OK", "content-length: 9", 9)), Verdict::Wrong);
    assert_eq!(judge(response("200 OK", "content-length: 128", 129)), Verdict::Wrong);
}

#[test]
fn a_client_brings_the_cookie_that_it_was_given_or_one_as_long() {
    assert_eq!(cookie(&response("200 OK", "Set-Cookie: SRV=b1; path=/", 0)), "SRV=b1");
    assert_eq!(cookie(&response("200 OK", "Set-Cookie: other=1", 0)), COOKIE_STANDIN);
    let mut request = Vec::new();
    Dialogue::Http { body_bytes: 0, last: true }.request(0, 1, Some("SRV=b1"), &mut request);
    let text = String::from_utf8(request).expect("a text");
    assert!(text.ends_with("\r\nCookie: a=b; SRV=b1; c=d\r\nConnection: close\r\n\r\n"), "{text}");
}
