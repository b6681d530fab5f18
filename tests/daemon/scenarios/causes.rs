//! Every cause that a request can end for, provoked for real: the reply, the line of the log, the
//! counter and, where a message was refused, `poise errors` say the same word.
//!
//! 500 has no row: its causes are faults of poised itself, which no peer can provoke.

mod both;
mod doors;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use poise_ipc::cause::Cause;
use poise_ipc::errors::{ErrorQuery, ErrorRow, Side};
use poise_ipc::message::{Reply, Verb};
use serde_json::Value;

use crate::backends::{Deaf, Refusing, Scripted, patient, until};
use crate::multiplexed::Answer;
use crate::process::{Daemon, Place, set};
use crate::script::{field, read_message, send};

/// What is asked of a listener, and what comes of it.
struct Case {
    cause: Cause,
    listener: &'static str,
    request: &'static str,
    /// What the offending byte and the ones after it are, where the message is refused.
    at: Option<(Side, &'static [u8])>,
}

const fn case(cause: Cause, listener: &'static str, request: &'static str) -> Case {
    Case { cause, listener, request, at: None }
}

const fn refused(
    cause: Cause,
    listener: &'static str,
    request: &'static str,
    (side, at): (Side, &'static [u8]),
) -> Case {
    Case { cause, listener, request, at: Some((side, at)) }
}

/// What a client is told that is not served.
struct Logged {
    status: u16,
    cause: String,
    id: String,
    retry_after: Option<String>,
    body: String,
}

impl Logged {
    fn of_text(head: &str, body: impl Into<String>) -> Self {
        let named = |name| field(head, name).map(str::to_owned);
        Self {
            status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line"),
            cause: named("x-poise-cause").unwrap_or_else(|| panic!("no cause in {head}")),
            id: named("x-request-id").unwrap_or_else(|| panic!("no id in {head}")),
            retry_after: named("retry-after"),
            body: body.into(),
        }
    }

    fn of_answer(answer: &Answer) -> Self {
        let named = |name| answer.fields.get(name).map(|value| value.to_str().expect("text").to_owned());
        Self {
            status: answer.status,
            cause: named("x-poise-cause").unwrap_or_else(|| panic!("no cause in {answer:?}")),
            id: named("x-request-id").unwrap_or_else(|| panic!("no id in {answer:?}")),
            retry_after: named("retry-after"),
            body: String::from_utf8(answer.body.clone()).expect("text"),
        }
    }
}

/// Reply and line of the log say the cause, and the status that belongs to it.
fn assert_told(told: &Logged, cause: Cause, (log, listener): (&Path, &str)) {
    let status = cause.status().expect("a cause with a reply");
    assert_eq!((told.status, told.cause.as_str()), (status, cause.word()), "{}", told.body);
    let body = &told.body;
    assert!(
        body.starts_with(&format!("{status} ")) && body.contains(cause.word()) && body.contains(&told.id),
        "{body}"
    );
    assert!(status != 504 || body.contains(&format!("in phase {}", cause.phase().expect("a phase"))), "{body}");
    let line = line_of(log, &told.id);
    assert_eq!(
        (&line["cause"], &line["status"], &line["listener"]),
        (&cause.word().into(), &status.into(), &listener.into())
    );
}

fn address(daemon: &Daemon, listener: &str) -> SocketAddr {
    let found = daemon.status().listeners.into_iter().find(|found| found.name.as_str() == listener);
    found.expect("the listener").bind.ip().expect("an address")
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

const CASES: &[Case] = &[
    refused(Cause::BadRequest, "web", "GET /x HTTP/1.1\r\nHost: a\r\nB: c\n\r\n", (Side::Request, b"\n\r\n")),
    refused(Cause::BadRequest, "web", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", (Side::Request, b"a/b")),
    refused(
        Cause::BadRequest,
        "web",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\n",
        (Side::Request, b";x\r\n"),
    ),
    refused(Cause::RequestTimeout, "web", "GET /x HTTP/1.1\r\nHost", (Side::Request, b"")),
    refused(
        Cause::ExpectationFailed,
        "web",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
        (Side::Request, b"more"),
    ),
    refused(Cause::NotImplemented, "web", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", (Side::Request, b"CONNECT")),
    case(Cause::NoRoute, "routed", GET),
    case(Cause::NoBackend, "empty", GET),
    case(Cause::ConnectFailed, "refusing", GET),
    case(Cause::ConnectTimeout, "deaf", GET),
    case(Cause::BackendClosed, "closing", GET),
    case(Cause::ResponseTimeout, "silent", GET),
    refused(Cause::BadResponse, "garbage", GET, (Side::Response, b"BANNER")),
    refused(Cause::ResponseHeadTooLarge, "long", GET, (Side::Response, b"")),
];

/// A backend for each way to fail.
struct Backends {
    refusing: Refusing,
    deaf: Deaf,
    scripted: Vec<(&'static str, Scripted)>,
}

impl Backends {
    fn new() -> Self {
        let long = "HTTP/1.1 200 OK\r\nX: ".to_owned() + &"x".repeat(40 << 10);
        let scripted = vec![
            ("closing", Scripted::new(|mut stream| drop(read_message(&mut stream)))),
            ("silent", Scripted::new(|mut stream| while read_message(&mut stream).is_ok() {})),
            ("garbage", Scripted::new(|mut stream| send(&mut stream, "BANNER of something else\r\n\r\n"))),
            (
                "long",
                Scripted::new(move |mut stream| {
                    let _ = read_message(&mut stream);
                    send(&mut stream, &long);
                    let _ = read_message(&mut stream);
                }),
            ),
        ];
        Self { refusing: Refusing::new(), deaf: Deaf::new(), scripted }
    }

    fn config(&self, log: &Path) -> String {
        let mut text = String::new();
        let own = [("refusing", self.refusing.address), ("deaf", self.deaf.address)];
        let groups = own.into_iter().chain(self.scripted.iter().map(|(name, backend)| (*name, backend.address)));
        for (name, address) in groups {
            text += &(listener(name, log, &format!("group = \"{name}\"\n")) + &group(name, address));
        }
        text += &listener("empty", log, "group = \"empty\"\n");
        text += &listener("web", log, "group = \"empty\"\n");
        text += &listener("routed", log, "[listeners.routed.routes.other]\nhosts = [\"b\"]\ngroup = \"empty\"\n");
        text + "[groups.empty]\n"
    }
}

fn listener(name: &str, log: &Path, more: &str) -> String {
    format!(
        "[listeners.{name}]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\nhttp2 = \"on\"\nconnect_timeout = \"200ms\"\n\
         response_timeout = \"1s\"\nhead_timeout = \"1s\"\naccess_log = {{ format = \"json\", path = \"{}\" }}\n{more}\n",
        log.display()
    )
}

fn group(name: &str, address: SocketAddr) -> String {
    format!("[groups.{name}]\nhealth_check = \"off\"\n[groups.{name}.backends.b]\naddress = \"{address}\"\n")
}

fn counted(daemon: &Daemon, listener: &str, cause: Cause) -> u64 {
    let status = daemon.status();
    let found = status.listeners.iter().find(|found| found.name.as_str() == listener).expect("the listener");
    found.counters.causes.iter().find(|(counted, _)| *counted == cause).map_or(0, |&(_, count)| count)
}

fn last_error(daemon: &Daemon, listener: &str) -> ErrorRow {
    let query = ErrorQuery { listener: Some(listener.parse().expect("a name")), limit: 1, after_seq: 0 };
    match daemon.ask(Verb::Errors(query)) {
        Ok(Reply::Errors(page)) => page.rows.into_iter().next().unwrap_or_else(|| panic!("{listener} kept none")),
        other => panic!("no errors: {other:?}"),
    }
}

/// The line of a request by its id.
fn line_of(log: &Path, id: &str) -> Value {
    let find = || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        lines.into_iter().find(|line| line["id"] == id)
    };
    until("the line is written", || find().is_some());
    find().expect("it is there")
}

fn check(daemon: &Daemon, log: &Path, case: &Case) {
    let Case { cause, listener, request, at } = case;
    let before = counted(daemon, listener, *cause);
    let mut client = patient(TcpStream::connect(address(daemon, listener)).expect("the listener accepts"));
    send(&mut client, request);
    let (head, body) = read_message(&mut client).unwrap_or_else(|_| panic!("{cause}: no reply"));
    assert_told(&Logged::of_text(&head, body), *cause, (log, listener));
    until(&format!("{cause} is counted"), || counted(daemon, listener, *cause) == before + 1);
    if let Some((side, bytes)) = at {
        let error = last_error(daemon, listener);
        assert_eq!((error.cause, error.side, error.peer), (*cause, *side, client.local_addr().expect("an address")));
        let excerpt = error.bytes();
        let from = usize::try_from(error.offset - error.start).expect("small");
        assert!(excerpt[from..].starts_with(bytes), "{cause}: {:?}", String::from_utf8_lossy(&excerpt[from..]));
    }
}

#[test]
fn replies_are_the_operators_own_and_are_checked_before_a_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, page) = (folder.path().join("access.log"), folder.path().join("sorry.html"));
    fs::write(&page, "<p>{status} {cause} {id}</p>").expect("written");
    let replies = format!("group = \"empty\"\nreplies = [\"no-backend {}\"]\n", page.display());
    let place = Place::new(&(listener("web", &log, &replies) + "[groups.empty]\n"));
    let daemon = place.start();
    let address = daemon.status().listeners[0].bind.ip().expect("an address");
    let mut client = patient(TcpStream::connect(address).expect("the listener accepts"));
    send(&mut client, GET);
    let (head, body) = read_message(&mut client).expect("a reply");
    let id = field(&head, "x-request-id").expect("an id");
    assert_eq!(body, format!("<p>503 no-backend {id}</p>"));
    assert_eq!(field(&head, "content-type"), Some("text/html; charset=utf-8"));
    let refused = daemon.ask(set("listeners.web.replies", "[\"no-backend /missing.html\"]"));
    assert!(refused.is_err_and(|error| error.message.contains("/missing.html")));
    let refused = daemon.ask(set("listeners.web.access_log.path", "\"/missing/access.log\""));
    assert!(refused.is_err_and(|error| error.message.contains("/missing/access.log")));
}

#[test]
fn s_63_every_cause_has_one_word_in_reply_log_counter_and_errors() {
    let backends = Backends::new();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let place = Place::new(&backends.config(&log));
    let daemon = place.start();
    for case in CASES {
        check(&daemon, &log, case);
    }
    let many = "x".repeat(20 << 10);
    for (cause, request) in [
        (Cause::TargetTooLong, format!("GET /{many} HTTP/1.1\r\nHost: a\r\n\r\n")),
        (Cause::HeadTooLarge, format!("GET / HTTP/1.1\r\nHost: a\r\nA: {many}\r\nB: {many}\r\n\r\n")),
    ] {
        let request: &'static str = Box::leak(request.into_boxed_str());
        check(&daemon, &log, &refused(cause, "web", request, (Side::Request, b"")));
    }
}
