//! Backends of HTTP/1 under TLS: what is cut shows, whether TLS ends in order or not.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use super::{EVIL, GOOD, Got, Stage, Then};
use crate::backends::reset;
use crate::script::ok;
use crate::secured::{NOW, Serving, Shelf};

/// How a lie ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// As TLS has it: the peer is told that nothing follows.
    Orderly,
    /// The stream alone.
    Bare(Then),
    /// With an alert, as after a fault.
    Alert,
    /// With bytes that are no record.
    Garbage,
}

/// What is told instead of an answer, for as long as it is.
type Lie = Arc<Mutex<Option<(Vec<u8>, End)>>>;

/// Reads a head; false at the end.
fn is_asked(stream: &mut Serving) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

fn serve(mut stream: Serving, lie: &Lie) {
    while is_asked(&mut stream) {
        let lie = lie.lock().expect("no panic while held").clone();
        let (bytes, end) = lie.unwrap_or_else(|| (ok(GOOD).into_bytes(), End::Bare(Then::Wait)));
        // What is refused meanwhile is noticed when reading.
        let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
        match end {
            End::Bare(Then::Wait | Then::Drip | Then::Freeze) => {}
            End::Bare(Then::Close) => return,
            End::Bare(Then::Reset) => return reset(stream.sock),
            End::Orderly => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
                return;
            }
            End::Alert => {
                // Not encrypted, as no peer can tell any more: a fault of TLS in itself.
                let _ = stream.sock.write_all(&[21, 3, 3, 0, 2, 2, 80]);
                return;
            }
            End::Garbage => {
                let _ = stream.sock.write_all(&[0xff; 64]);
                return;
            }
        }
    }
}

/// Tells lies between truths; says what the client of each got.
struct Teller {
    stage: Stage,
    lie: Lie,
    other: std::net::TcpStream,
    _backend: crate::backends::Scripted,
}

impl Teller {
    fn new(patience: &str) -> Self {
        let (shelf, lie) = (Shelf::new(), Lie::default());
        shelf.put("site", &["site.test"], NOW);
        let told = Arc::clone(&lie);
        let backend = shelf.speaking("site", &[], move |stream| serve(stream, &told));
        let stage = Stage::new(backend.address, "tls = { mode = \"insecure\" }", patience);
        let mut other = stage.connect();
        stage.assert_untouched(&mut other, "nothing");
        Self { stage, lie, other, _backend: backend }
    }

    fn assert_told(&mut self, bytes: &str, end: End, allows: impl Fn(&Got) -> bool) {
        for ask in [Stage::by_text, Stage::by_streams] {
            *self.lie.lock().expect("no panic while held") = Some((bytes.into(), end));
            let got = ask(&self.stage);
            *self.lie.lock().expect("no panic while held") = None;
            assert!(allows(&got), "{end:?} after {bytes:?}: {got:?}");
            self.stage.assert_untouched(&mut self.other, bytes);
        }
    }
}

/// Ends that are not as TLS has it.
const CUTS: [End; 4] = [End::Bare(Then::Close), End::Bare(Then::Reset), End::Alert, End::Garbage];

/// What breaks TLS itself may be noticed before what came in front of it.
fn is_faulty(end: End) -> bool {
    matches!(end, End::Alert | End::Garbage)
}

fn is_refused(got: &Got) -> bool {
    matches!(got, Got::Refusal(502, _))
}

fn head(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n")
}

#[test]
fn a_body_that_ends_with_the_stream_is_whole_only_when_tls_says_so() {
    let mut teller = Teller::new("15s");
    let body = head("") + EVIL;
    teller.assert_told(&body, End::Orderly, |got| *got == Got::Whole(EVIL.into()));
    for end in CUTS {
        teller.assert_told(&body, end, |got| *got == Got::Cut || is_faulty(end) && is_refused(got));
        // Nothing of the body is no body either.
        teller.assert_told(&head(""), end, |got| *got == Got::Cut || is_refused(got));
    }
    teller.stage.assert_calm(2);
}

#[test]
fn a_body_that_is_shorter_than_it_says_is_seen_to_be_cut() {
    let mut teller = Teller::new("15s");
    for body in [
        head("Content-Length: 9\r\n") + EVIL,
        head("Transfer-Encoding: chunked\r\n") + "9\r\nevil",
        head("Transfer-Encoding: chunked\r\n") + "4\r\nevil\r\n",
    ] {
        for end in CUTS.into_iter().chain([End::Orderly]) {
            teller.assert_told(&body, end, |got| *got == Got::Cut || is_refused(got));
        }
    }
    // With its length the body is whole, however the stream ends.
    for end in CUTS.into_iter().chain([End::Orderly]) {
        let overtaken = end == End::Bare(Then::Reset) || is_faulty(end);
        let allows = |got: &Got| *got == Got::Whole(GOOD.into()) || overtaken && (is_refused(got) || *got == Got::Cut);
        teller.assert_told(&ok(GOOD), end, allows);
    }
    teller.stage.assert_calm(2);
}

#[test]
fn a_head_that_is_none_or_half_is_refused_by_its_cause() {
    let mut teller = Teller::new("15s");
    for (bytes, cause) in [
        ("SSH-2.0-OpenSSH_9.9\r\n", "bad-response"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nevil", "bad-response"),
        ("HTTP/1.1 200 OK\nA: b\n\n", "bad-response"),
    ] {
        teller.assert_told(bytes, End::Bare(Then::Wait), |got| *got == Got::Refusal(502, cause.into()));
    }
    for bytes in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
        for end in CUTS.into_iter().chain([End::Orderly]) {
            teller.assert_told(bytes, end, |got| *got == Got::Refusal(502, "backend-closed".into()));
        }
    }
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\n".repeat(100);
    teller.assert_told(&interim, End::Bare(Then::Wait), |got| *got == Got::Refusal(502, "bad-response".into()));
    let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(70_000));
    let large = Got::Refusal(502, "response-head-too-large".into());
    teller.assert_told(&long, End::Bare(Then::Wait), |got| *got == large);
    teller.stage.assert_calm(2);
}

#[test]
fn bytes_beyond_a_response_reach_nobody() {
    let mut teller = Teller::new("15s");
    for beyond in [ok(EVIL), "\r\n".into(), ok(EVIL).repeat(2_000)] {
        let lie = ok(GOOD) + &beyond;
        teller.assert_told(&lie, End::Bare(Then::Wait), |got| *got == Got::Whole(GOOD.into()));
        teller.assert_told(&lie, End::Orderly, |got| *got == Got::Whole(GOOD.into()));
    }
    teller.stage.assert_calm(2);
}

#[test]
fn silence_is_named_at_every_phase() {
    let mut teller = Teller::new("1s");
    for bytes in ["", "HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let silent = Got::Refusal(504, "response-timeout".into());
        teller.assert_told(bytes, End::Bare(Then::Wait), |got| *got == silent);
    }
    teller.assert_told(&(head("Content-Length: 9\r\n") + EVIL), End::Bare(Then::Wait), |got| *got == Got::Cut);
    teller.stage.assert_calm(2);
}
