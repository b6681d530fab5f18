//! Backends of HTTP/2, frame by frame, in the clear and under TLS.

mod patience;
mod rules;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{EVIL, GOOD, Got, Stage, Then};
use crate::backends::{Scripted, reset};
use crate::multiplexed::{DATA, END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, block, frame};
use crate::secured::{NOW, Shelf};

const ACK: u8 = 1;

/// Patience with a backend where its silence is what is tested.
const SILENCE: &str = "1s";
/// The same elsewhere: more than a busy machine takes.
const CALM: &str = "15s";

/// The bytes that answer a stream of this number.
type Tell = fn(u32) -> Vec<u8>;

/// What is told instead of an answer, for as long as it is.
#[derive(Clone, Copy)]
struct Lie {
    tell: Tell,
    then: Then,
}

/// A backend of HTTP/2 that answers every stream with the truth unless there is a lie to tell.
#[derive(Clone, Default)]
struct Liar(Arc<Mutex<Option<Lie>>>);

impl Liar {
    fn set(&self, lie: Option<Lie>) {
        *self.0.lock().expect("no panic while held") = lie;
    }

    /// Serves a connection to its end; says how it ends.
    fn serve(&self, stream: &mut (impl Read + Write)) -> Then {
        self.converse(stream).unwrap_or(Then::Close)
    }

    fn converse(&self, stream: &mut (impl Read + Write)) -> std::io::Result<Then> {
        stream.read_exact(&mut [0; 24])?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        loop {
            stream.flush()?;
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let [a, b, c, kind, flags, number @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            stream.read_exact(&mut payload)?;
            match kind {
                SETTINGS | PING if flags & ACK == 0 => {
                    let back = if kind == PING { &payload[..] } else { &[] };
                    stream.write_all(&frame(kind, ACK, 0, back))?;
                }
                HEADERS => {
                    let number = u32::from_be_bytes(number);
                    let lie = *self.0.lock().expect("no panic while held");
                    let Some(lie) = lie else {
                        stream.write_all(&truth(number))?;
                        continue;
                    };
                    // What is refused meanwhile is noticed when reading.
                    let _ = tell(stream, &(lie.tell)(number), lie.then);
                    match lie.then {
                        Then::Wait | Then::Drip => {}
                        Then::Freeze => while stream.read(&mut [0; 1_024])? > 0 {},
                        Then::Close | Then::Reset => return Ok(lie.then),
                    }
                }
                _ => {}
            }
        }
    }

    fn plain(&self) -> Scripted {
        let liar = self.clone();
        Scripted::new(move |mut stream| {
            stream.set_nodelay(true).expect("an open socket");
            finish(liar.serve(&mut stream), stream);
        })
    }

    fn sealed(&self, certificates: &Shelf) -> Scripted {
        let liar = self.clone();
        certificates.speaking("site", &["h2"], move |mut stream| {
            let then = liar.serve(&mut stream);
            if then == Then::Close {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
            finish(then, stream.sock);
        })
    }
}

/// Says something at once, or byte by byte.
fn tell(stream: &mut impl Write, bytes: &[u8], then: Then) -> std::io::Result<()> {
    let step = if then == Then::Drip { 1 } else { bytes.len().max(1) };
    for piece in bytes.chunks(step) {
        stream.write_all(piece)?;
        stream.flush()?;
        if then == Then::Drip {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// Closes so that what was said arrives, or resets.
fn finish(then: Then, mut stream: TcpStream) {
    if then == Then::Reset {
        return reset(stream);
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
}

fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(fields))
}

fn ok(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, 0, &[&[(":status", "200")], more].concat())
}

fn data(stream: u32, flags: u8, text: &str) -> Vec<u8> {
    frame(DATA, flags, stream, text.as_bytes())
}

fn truth(stream: u32) -> Vec<u8> {
    [ok(stream, &[]), data(stream, END_STREAM, GOOD)].concat()
}

fn refused(cause: &str) -> Got {
    let status = if cause == "response-timeout" { 504 } else { 502 };
    Got::Refusal(status, cause.into())
}

/// What the client of a lie may get.
enum May {
    /// A refusal for one of these causes.
    Refuse(&'static [&'static str]),
    /// A response that is cut, or a refusal where that was in time.
    Cut,
    /// This body, whole.
    Whole(&'static str),
    /// This body, or what is seen to be less.
    WholeOrCut(&'static str),
}

const BAD: May = May::Refuse(&["bad-response"]);
/// A fault of the connection may be noticed before what it has brought.
const BROKEN: May = May::Refuse(&["bad-response", "backend-closed"]);
const CLOSED: May = May::Refuse(&["backend-closed"]);

impl May {
    fn allows(&self, got: &Got) -> bool {
        match self {
            Self::Refuse(causes) => causes.iter().any(|cause| *got == refused(cause)),
            Self::Cut => *got == Got::Cut || matches!(got, Got::Refusal(502, _)),
            Self::Whole(body) => *got == Got::Whole((*body).into()),
            Self::WholeOrCut(body) => Self::Whole(body).allows(got) || Self::Cut.allows(got),
        }
    }
}

/// Tells each lie to a client of either version, between truths, in the clear and under TLS.
fn tell_all(patience: &str, lies: &[(&str, Tell, Then, May)]) {
    let shelf = Shelf::new();
    shelf.put("site", &["site.test"], NOW);
    for is_sealed in [false, true] {
        let liar = Liar::default();
        let backend = if is_sealed { liar.sealed(&shelf) } else { liar.plain() };
        let tls = if is_sealed { "\ntls = { mode = \"insecure\" }" } else { "" };
        let stage = Stage::new(backend.address, &format!("backend_protocol = \"http2\"{tls}"), patience);
        let mut other = stage.connect();
        stage.assert_untouched(&mut other, "nothing");
        let mut wrong = Vec::new();
        for (what, lie, then, may) in lies {
            for ask in [Stage::by_text, Stage::by_streams] {
                liar.set(Some(Lie { tell: *lie, then: *then }));
                let got = ask(&stage);
                liar.set(None);
                if !may.allows(&got) {
                    wrong.push(format!("{what}, {then:?}: {got:?}"));
                }
                stage.assert_untouched(&mut other, what);
            }
        }
        assert!(wrong.is_empty(), "sealed {is_sealed}: {wrong:#?}");
        stage.assert_calm(2);
    }
}
