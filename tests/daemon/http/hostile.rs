//! Backends that lie on purpose: whatever one of them sends, its own client gets a refusal with a
//! cause or a response that can be seen to be cut, and nobody else's response changes.
//!
//! Each lie is told in answer to one request over a connection that has served before and would
//! serve again; markers asked for before and after it show who is touched.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use poise_ipc::model::Protocol;

use super::status;
use crate::backends::{Scripted, reset};
use crate::rig::{Rig, front, name};
use crate::script::{field, ok, read_head, read_message, send};

mod phases;

/// What a lie holds that nobody but its own client may see.
const EVIL: &str = "evil";

/// Time that a backend has where its silence is what is tested, in milliseconds.
const SILENCE_MS: u32 = 3_000;
/// Time that it has elsewhere: more than a busy machine takes.
const CALM_MS: u32 = 60_000;

/// How a backend goes on after a lie.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It waits for the next request.
    Wait,
    /// It closes.
    Close,
    /// It resets.
    Reset,
}

/// What the client of a lie got.
#[derive(Debug, PartialEq)]
pub enum Got {
    /// A reply of poise, by status and cause.
    Refusal(u16, String),
    /// A response that ended where its framing says.
    Whole(String),
    /// A head, and then less than it promised.
    Cut,
    /// Nothing but the end.
    Nothing,
}

/// What the client of a lie may get.
enum May {
    /// This refusal.
    Refuse(u16, &'static str),
    /// A response that is cut.
    Cut,
    /// This body, whole.
    Whole(&'static str),
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// Reads one response, whatever its framing, and what comes before it.
pub fn got(client: &mut TcpStream) -> Got {
    let head = loop {
        match read_head(client) {
            Ok(head) if status(&head).starts_with('1') => {}
            Ok(head) => break head,
            Err(_) => return Got::Nothing,
        }
    };
    let code = status(&head).parse().expect("a status");
    let body = if field(&head, "transfer-encoding").is_some() {
        chunks(client)
    } else if let Some(length) = field(&head, "content-length") {
        exactly(client, length.parse().expect("one length"))
    } else {
        until_close(client)
    };
    match (body, field(&head, "x-poise-cause")) {
        (Some(_), Some(cause)) => Got::Refusal(code, cause.to_owned()),
        (Some(body), None) => Got::Whole(body),
        (None, _) => Got::Cut,
    }
}

fn exactly(client: &mut TcpStream, length: u64) -> Option<String> {
    let mut body = Vec::new();
    client.take(length).read_to_end(&mut body).ok()?;
    (body.len() as u64 == length).then(|| String::from_utf8_lossy(&body).into_owned())
}

fn until_close(client: &mut TcpStream) -> Option<String> {
    let mut body = Vec::new();
    client.read_to_end(&mut body).ok()?;
    Some(String::from_utf8_lossy(&body).into_owned())
}

fn chunks(client: &mut TcpStream) -> Option<String> {
    let mut body = String::new();
    loop {
        let line = line(client)?;
        let length = u64::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("{line:?} is no size of a chunk"));
        if length == 0 {
            while !self::line(client)?.is_empty() {}
            return Some(body);
        }
        body += &exactly(client, length)?;
        assert_eq!(line_end(client)?, "\r\n", "a chunk ends with its line");
    }
}

fn line_end(client: &mut TcpStream) -> Option<String> {
    exactly(client, 2)
}

fn line(client: &mut TcpStream) -> Option<String> {
    let mut line = String::new();
    while !line.ends_with("\r\n") {
        line += &exactly(client, 1)?;
    }
    Some(line.trim_end().to_owned())
}

/// A backend that tells the truth about every target but `/lie`.
fn liar(lie: Vec<u8>, then: Then) -> Scripted {
    Scripted::new(move |mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            let target = head.split(' ').nth(1).expect("a request line");
            if target != "/lie" {
                send(&mut stream, &ok(target));
                continue;
            }
            // What is refused meanwhile is noticed when reading.
            let _ = stream.write_all(&lie);
            match then {
                Then::Wait => {}
                Then::Close => return,
                Then::Reset => return reset(stream),
            }
        }
    })
}

fn rig(backend: &Scripted, timeout_ms: u32) -> Rig {
    let mut config = front(Protocol::Http, &[backend.address]);
    let listener = config.listeners.get_mut(&name("front")).expect("the listener");
    (listener.response_timeout_ms, listener.idle_timeout_ms) = (timeout_ms, CALM_MS);
    Rig::new(config)
}

/// Asks for a marker and gets just that.
fn assert_untouched(client: &mut TcpStream, marker: &str, after: &str) {
    send(client, &get(marker));
    match read_message(client) {
        Ok((head, body)) => assert_eq!((status(&head), body.as_str()), ("200", marker), "after {after}"),
        Err(ended) => panic!("{ended:?} after {after}"),
    }
}

/// Tells a lie between markers, and says what its client got.
fn tell(lie: &[u8], then: Then, method: &str, timeout_ms: u32) -> Got {
    let backend = liar(lie.to_vec(), then);
    let rig = rig(&backend, timeout_ms);
    let shown = format!("{then:?} {method} {:?}", String::from_utf8_lossy(&lie[..lie.len().min(200)]));
    let (mut victim, mut other) = (rig.connect(), rig.connect());
    assert_untouched(&mut victim, "/before", &shown);
    send(&mut victim, &format!("{method} /lie HTTP/1.1\r\nHost: h\r\n\r\n"));
    let got = if method == "HEAD" {
        read_head(&mut victim).map_or(Got::Nothing, |head| Got::Whole(status(&head).to_owned()))
    } else {
        got(&mut victim)
    };
    for marker in ["/after-1", "/after-2"] {
        assert_untouched(&mut other, marker, &shown);
        assert_untouched(&mut rig.connect(), marker, &shown);
    }
    // The client of the lie goes on if it was let, and then with its own response.
    send(&mut victim, &get("/mine"));
    match read_message(&mut victim) {
        Ok((_, body)) => assert_eq!(body, "/mine", "after {shown}"),
        Err(_) => assert_eq!(victim.read(&mut [0]).map_err(|fault| fault.kind()).unwrap_or(0), 0, "after {shown}"),
    }
    got
}

fn check(lie: &[u8], then: Then, may: &May) {
    check_within(CALM_MS, lie, then, may);
}

/// Lies that end in silence: their time runs for all of them at once.
fn check_silences(lies: &[&[u8]], may: &May) {
    std::thread::scope(|scope| {
        for lie in lies {
            scope.spawn(|| check_within(SILENCE_MS, lie, Then::Wait, may));
        }
    });
}

fn check_within(timeout_ms: u32, lie: &[u8], then: Then, may: &May) {
    let got = tell(lie, then, "GET", timeout_ms);
    let shown = String::from_utf8_lossy(&lie[..lie.len().min(200)]).into_owned();
    let wanted = match may {
        May::Refuse(code, cause) => Got::Refusal(*code, (*cause).to_owned()),
        May::Cut => Got::Cut,
        May::Whole(body) => Got::Whole((*body).to_owned()),
    };
    assert_eq!(got, wanted, "{then:?} {shown:?}");
}

fn head(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")
}

const BAD: May = May::Refuse(502, "bad-response");
const CLOSED: May = May::Refuse(502, "backend-closed");
const SILENT: May = May::Refuse(504, "response-timeout");

#[test]
fn what_is_no_head_is_refused_and_touches_nobody() {
    let lies: &[&[u8]] = &[
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"220 mail ready\r\n",
        b"\x16\x03\x03\x00\x31\x02\x00\x00\x2d",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"<html>evil</html>",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 -10 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n A: folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: nameless\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n",
    ];
    for lie in lies {
        check(lie, Then::Wait, &BAD);
        check(lie, Then::Close, &BAD);
    }
}

#[test]
fn a_length_that_is_none_is_refused_and_touches_nobody() {
    for length in [
        "-1",
        "+4",
        "4, 4",
        "4,5",
        "4;",
        "0x4",
        "4 4",
        "",
        "four",
        "4.0",
        "18446744073709551616",
        "99999999999999999999999999",
        "\u{b2}",
    ] {
        let lie = head(&format!("Content-Length: {length}")) + EVIL;
        check(lie.as_bytes(), Then::Wait, &BAD);
    }
    for fields in [
        "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
    ] {
        let lie = head(fields) + EVIL;
        check(lie.as_bytes(), Then::Wait, &BAD);
    }
    for lie in [
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        check(lie.as_bytes(), Then::Wait, &BAD);
    }
}

#[test]
fn a_body_shorter_than_its_length_is_seen_to_be_cut() {
    let rests = ["", "4", "4\r\n", "4\r\nev", "4\r\nevil", "4\r\nevil\r\n", "4\r\nevil\r\n0", "0\r\n", "0\r\nA: b\r\n"];
    let mut lies = rests.map(|rest| head("Transfer-Encoding: chunked") + rest).to_vec();
    lies.extend([head("Content-Length: 9") + EVIL, head("Content-Length: 1000000000000000000")]);
    let lies: Vec<_> = lies.iter().map(String::as_bytes).collect();
    for then in [Then::Close, Then::Reset] {
        for lie in &lies {
            check(lie, then, &May::Cut);
        }
    }
    check_silences(&lies, &May::Cut);
    check((head("A: b") + EVIL).as_bytes(), Then::Reset, &May::Cut);
    check((head("A: b") + EVIL).as_bytes(), Then::Close, &May::Whole(EVIL));
}

#[test]
fn a_chunk_that_breaks_its_coding_touches_nobody() {
    let chunked = head("Transfer-Encoding: chunked");
    for rest in [
        "zz\r\n",
        "-4\r\nevil\r\n",
        "+4\r\nevil\r\n",
        "0x4\r\nevil\r\n",
        " 4\r\nevil\r\n",
        "4 \r\nevil\r\n",
        "4;a=b\r\nevil\r\n",
        "4\nevil\r\n",
        "4\r\nevil\n",
        "4\r\nevilX\r\n",
        "\r\n",
        "4\rX",
        "fffffffffffffffff\r\n",
        "00000000000000000000000000004\r\nevil\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\n A: b\r\n\r\n",
        "0\r\nA: b\0\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "0\r\n\rX",
        "0\r\nContent-Length: 4\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        for before in ["", "4\r\ngood\r\n"] {
            let lie = format!("{chunked}{before}{rest}");
            let got = tell(lie.as_bytes(), Then::Wait, "GET", CALM_MS);
            let refused = Got::Refusal(502, "bad-response".into());
            assert!(got == Got::Cut || got == refused, "{lie:?} gave {got:?}");
        }
    }
}

#[test]
fn bytes_beyond_a_response_reach_nobody() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (lie, body) in [
        (ok("good") + evil, "good"),
        (ok("good") + "\r\n", "good"),
        (ok("good") + "\0", "good"),
        (ok("good") + &ok("evil").repeat(2_000), "good"),
        (head("Transfer-Encoding: chunked") + "4\r\ngood\r\n0\r\n\r\n" + evil, "good"),
        (head("Transfer-Encoding: chunked") + "4\r\ngood\r\n0\r\n\r\n0\r\n\r\n", "good"),
        (head("Content-Length: 0") + evil, ""),
    ] {
        for then in [Then::Wait, Then::Close, Then::Reset] {
            let got = tell(lie.as_bytes(), then, "GET", CALM_MS);
            // A reset may overtake what was sent before it.
            let overtaken = matches!(then, Then::Reset) && matches!(got, Got::Cut | Got::Refusal(502, _));
            assert!(got == Got::Whole(body.into()) || overtaken, "{then:?} {lie:?} gave {got:?}");
        }
    }
    for lie in ["HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 304 No\r\nContent-Length: 44\r\n\r\n"] {
        let lie = lie.to_owned() + evil;
        let got = tell(lie.as_bytes(), Then::Wait, "HEAD", CALM_MS);
        assert!(matches!(got, Got::Whole(_)), "{lie:?} gave {got:?}");
    }
    assert_eq!(tell((ok("good") + evil).as_bytes(), Then::Wait, "HEAD", CALM_MS), Got::Whole("200".into()));
    assert_eq!(tell(ok("body of a HEAD").as_bytes(), Then::Wait, "HEAD", CALM_MS), Got::Whole("200".into()));
}
