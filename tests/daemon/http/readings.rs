//! What poise sends on is read in one way: each nasty request goes through it, the bytes that the
//! backend received are kept, and hyper must find the same requests in them as a reader that takes
//! nothing but the plainest form.
//!
//! With `POISE_READINGS=FILE` it also writes bytes and readings there, one JSON value per line, for
//! `tests/readings/run.py`, which has nginx and Go's net/http read them too.

use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use poise_ipc::model::{Http2, Protocol};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{corpus, stream_corpus};
use crate::backends::{ANY_PORT, until};
use crate::multiplexed::{END_STREAM, GOAWAY, RST_STREAM, Raw};
use crate::rig::{Rig, front, name};

/// A whole request as somebody reads it: method, target, host and body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    method: String,
    target: String,
    host: String,
    body: Vec<u8>,
}

/// One connection from poise: what came, and what hyper made of it.
#[derive(Clone, Debug, Default)]
struct Connection {
    bytes: Vec<u8>,
    readings: Vec<Reading>,
}

/// A hyper server that keeps what it reads.
struct Recorder {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Arc<Mutex<Connection>>>>>,
    open: Arc<AtomicUsize>,
}

/// Keeps what is read through it.
struct Tee {
    stream: TcpStream,
    kept: Arc<Mutex<Connection>>,
}

impl AsyncRead for Tee {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.kept.lock().expect("no panic while held").bytes.extend_from_slice(&buf.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Tee {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Recorder {
    fn new() -> Self {
        let listener = TcpListener::bind(ANY_PORT).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let recorder = Self {
            address: listener.local_addr().expect("it is bound"),
            connections: Arc::default(),
            open: Arc::default(),
        };
        let (connections, open) = (Arc::clone(&recorder.connections), Arc::clone(&recorder.open));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
                while let Ok((stream, _)) = listener.accept().await {
                    open.fetch_add(1, Ordering::SeqCst);
                    let kept = Arc::new(Mutex::new(Connection::default()));
                    connections.lock().expect("no panic while held").push(Arc::clone(&kept));
                    let open = Arc::clone(&open);
                    tokio::spawn(async move {
                        serve(Tee { stream, kept }).await;
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
        });
        recorder
    }

    /// The connections since last asked, all of which have ended by now.
    fn take(&self) -> Vec<Connection> {
        until("all connections have ended", || self.open.load(Ordering::SeqCst) == 0);
        let ended = std::mem::take(&mut *self.connections.lock().expect("no panic while held"));
        ended.iter().map(|connection| connection.lock().expect("no panic while held").clone()).collect()
    }
}

async fn serve(tee: Tee) {
    let kept = Arc::clone(&tee.kept);
    let read = service_fn(move |request: Request<Incoming>| {
        let kept = Arc::clone(&kept);
        async move {
            let (head, body) = request.into_parts();
            if let Ok(body) = body.collect().await {
                let host = head.headers.get("host").map_or(Vec::new(), |host| host.as_bytes().to_vec());
                let reading = Reading {
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    host: text(&host),
                    body: body.to_bytes().to_vec(),
                };
                kept.lock().expect("no panic while held").readings.push(reading);
            }
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    // What it refuses shows in what it has not read.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tee), read).await);
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Reads requests in their plainest form, and nothing else: single spaces, `CRLF`, one `Host`, one
/// framing, sizes of chunks without anything else, HTTP/1.0 only without a host. What is not whole at the end is left out.
///
/// # Errors
/// What is not plain.
fn plainly(mut bytes: &[u8]) -> Result<Vec<Reading>, String> {
    let mut readings = Vec::new();
    while !bytes.is_empty() {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { break };
        let head = text(&bytes[..end]);
        bytes = &bytes[end + 4..];
        let (method, target, is_old, fields) = plain_head(&head)?;
        let value = |name: &str| {
            let mut values =
                fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            (values.next().cloned(), values.count())
        };
        let (host, length, coding) = (value("host"), value("content-length"), value("transfer-encoding"));
        if host.1 + length.1 + coding.1 > 0 || (length.0.is_some() && coding.0.is_some()) {
            return Err(format!("more than one host or framing in {head:?}"));
        }
        if is_old == host.0.is_some() || (is_old && coding.0.is_some()) {
            return Err(format!("a version that does not go with its fields in {head:?}"));
        }
        let body = match (length.0, coding.0) {
            (Some(length), _) => plain_length(&mut bytes, &length)?,
            (_, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => plain_chunks(&mut bytes)?,
            (_, Some(coding)) => return Err(format!("the coding {coding:?}")),
            (None, None) => Some(Vec::new()),
        };
        let Some(body) = body else { break };
        readings.push(Reading { method, target, host: host.0.unwrap_or_default(), body });
    }
    Ok(readings)
}

type Fields = Vec<(String, String)>;

/// Method, target, whether it is HTTP/1.0 (which may lack a host), and fields.
fn plain_head(head: &str) -> Result<(String, String, bool, Fields), String> {
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let (method, target, is_old) = match first[..] {
        [method, target, "HTTP/1.1"] => (method, target, false),
        [method, target, "HTTP/1.0"] => (method, target, true),
        _ => return Err(format!("the first line of {head:?}")),
    };
    let is_token = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    if !is_token(method) || !(target.starts_with('/') || target == "*") || !target.bytes().all(|byte| byte > b' ') {
        return Err(format!("the first line of {head:?}"));
    }
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("the line {line:?}"))?;
        let plain = is_token(name) && value.chars().all(|letter| letter == '\t' || !letter.is_ascii_control());
        plain.then(|| (name.to_owned(), value.trim().to_owned())).ok_or_else(|| format!("the line {line:?}"))
    });
    Ok((method.into(), target.into(), is_old, fields.collect::<Result<_, String>>()?))
}

fn plain_length(bytes: &mut &[u8], length: &str) -> Result<Option<Vec<u8>>, String> {
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    let length = length.parse::<usize>().ok().filter(|_| digits).ok_or_else(|| format!("the length {length:?}"))?;
    Ok(split_off(bytes, length))
}

fn plain_chunks(bytes: &mut &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(line) = line(bytes) else { return Ok(None) };
        let size = usize::from_str_radix(&line, 16).ok();
        let digits = line.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = size.filter(|_| digits).ok_or_else(|| format!("the size of a chunk {line:?}"))?;
        if size == 0 {
            break;
        }
        let Some(chunk) = split_off(bytes, size) else { return Ok(None) };
        body.extend_from_slice(&chunk);
        match split_off(bytes, 2) {
            Some(end) if end == b"\r\n" => {}
            Some(end) => return Err(format!("the end of a chunk {end:?}")),
            None => return Ok(None),
        }
    }
    loop {
        match line(bytes) {
            None => return Ok(None),
            Some(line) if line.is_empty() => return Ok(Some(body)),
            Some(line) => drop(plain_head(&format!("GET / HTTP/1.1\r\n{line}"))?),
        }
    }
}

fn line(bytes: &mut &[u8]) -> Option<String> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let line = split_off(bytes, end)?;
    *bytes = &bytes[2..];
    Some(text(&line))
}

fn split_off(bytes: &mut &[u8], len: usize) -> Option<Vec<u8>> {
    let (begin, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(begin.to_vec())
}

fn rig(recorder: &Recorder, http2: Http2) -> Rig {
    let mut config = front(Protocol::Http, &[recorder.address]);
    let listener = config.listeners.get_mut(&name("front")).expect("the listener");
    (listener.response_timeout_ms, listener.idle_timeout_ms) = (2_000, 1_000);
    listener.http2 = http2;
    Rig::new(config)
}

/// Sends a case through poise and returns what the backend received.
fn pass(recorder: &Recorder, case: &[u8]) -> Vec<Connection> {
    let rig = rig(recorder, Http2::Auto);
    let mut client = rig.connect();
    // A client that has been refused already cannot send all; what it reads does not matter here.
    let _ = client.write_all(case);
    let _ = client.shutdown(Shutdown::Write);
    let _ = client.read_to_end(&mut Vec::new());
    drop(rig);
    recorder.take()
}

/// The same for the frames of a stream, whose connection lives until its end or refusal.
fn pass_stream(recorder: &Recorder, case: &[u8]) -> Vec<Connection> {
    let rig = rig(recorder, Http2::On);
    let mut client = Raw::connect(rig.address_of("front"));
    let _ = client.bytes(case);
    let is_end = |kind, stream, flags| [RST_STREAM, GOAWAY].contains(&kind) || stream == 1 && flags & END_STREAM > 0;
    let _ = std::iter::from_fn(|| client.next()).find(|frame| is_end(frame.kind, frame.stream, frame.flags));
    drop((client, rig));
    recorder.take()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Lines for the readers outside.
fn written(case: &[u8], connection: &Connection) -> String {
    let quoted = |text: &str| hex(text.chars().map(|c| c as u8).collect::<Vec<_>>().as_slice());
    let readings = connection.readings.iter().map(|reading| {
        let Reading { method, target, host, body } = reading;
        format!("[\"{}\",\"{}\",\"{}\",\"{}\"]", quoted(method), quoted(target), quoted(host), hex(body))
    });
    let readings = readings.collect::<Vec<_>>().join(",");
    format!("{{\"case\":\"{}\",\"sent\":\"{}\",\"hyper\":[{readings}]}}\n", hex(case), hex(&connection.bytes))
}

/// Sends cases through poise, has each read by the plainest reader and by hyper; returns how many
/// requests were sent on, and the lines for the readers outside.
fn read_alike(cases: &[Vec<u8>], pass: impl Fn(&Recorder, &[u8]) -> Vec<Connection>) -> (usize, String) {
    let recorder = Recorder::new();
    let (mut passed, mut lines) = (0, String::new());
    for case in cases {
        for connection in pass(&recorder, case) {
            let shown = (text(case), text(&connection.bytes));
            let plain = plainly(&connection.bytes).unwrap_or_else(|fault| panic!("{fault} was sent on: {shown:#?}"));
            assert_eq!(connection.readings, plain, "hyper reads it differently: {shown:#?}");
            assert!(!plain.iter().any(|reading| reading.target.contains("smuggled")), "smuggled: {shown:#?}");
            passed += connection.readings.len();
            lines += &written(case, &connection);
        }
    }
    (passed, lines)
}

#[test]
fn what_is_sent_on_is_read_in_one_way() {
    let (messages, streams) = (corpus::all(), stream_corpus::all());
    assert!(messages.len() > 400 && streams.len() > 500, "only {} and {} cases", messages.len(), streams.len());
    let (passed, lines) = read_alike(&messages, pass);
    assert!(passed > 200, "only {passed} requests were sent on");
    let (passed, more) = read_alike(&streams, pass_stream);
    assert!(passed > 100, "only {passed} requests of streams were sent on");
    if let Some(file) = std::env::var_os("POISE_READINGS") {
        std::fs::write(file, lines + &more).expect("a file that can be written");
    }
}
