//! Our reading against hyper's: what hyper refuses or reads differently is never forwarded.
//!
//! Messages are put together from good, odd and hostile pieces. Where ours accepts one, hyper must
//! read the original and the rewritten form alike: same method, target, body, and nothing after it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use poise_ipc::model::ForwardedFor;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bounds::Bounds;
use super::fields::FieldStore;
use super::framing::{Body, Framing};
use super::onward::{Connection, Forwarded, PeerText, Returned};
use super::request::RequestHead;
use super::response::{Asked, ResponseHead};
use super::scan::Scanner;
use crate::persistence::Binding;

/// A request as hyper's server saw it: method, target, and the body unless it broke.
type Seen = (String, String, Option<Vec<u8>>);

/// Room for a whole message in the pipe, so that nobody waits for a reader.
const PIPE_LEN: usize = 1 << 20;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// All requests that hyper reads from a stream of these bytes.
async fn hyper_requests(bytes: &[u8]) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut client, server) = tokio::io::duplex(PIPE_LEN);
    client.write_all(bytes).await.expect("the pipe has room");
    client.shutdown().await.expect("a pipe closes");
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (method, target) = (request.method().to_string(), request.uri().to_string());
            let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
            seen.lock().expect("no panic while held").push((method, target, body));
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    // The connection's own error says nothing more than what was seen.
    let _ = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), service)
        .await;
    let mut answers = Vec::new();
    let _ = client.read_to_end(&mut answers).await;
    let seen = seen.lock().expect("no panic while held");
    seen.clone()
}

/// The response that hyper's client reads from a stream of these bytes.
async fn hyper_response(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (client, mut server) = tokio::io::duplex(PIPE_LEN);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.ok()?;
    let request = Request::builder().uri("/").header("host", "a").body(Empty::<Bytes>::new()).expect("a request");
    let exchange = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.into_body().collect().await.ok()?.to_bytes().to_vec()))
    };
    let script = async {
        let mut asked = vec![0; 4096];
        let _ = server.read(&mut asked).await;
        let _ = server.write_all(bytes).await;
        let _ = server.shutdown().await;
        drop(server);
    };
    let (response, _, ()) = tokio::join!(exchange, connection, script);
    response
}

/// Reads a whole request as the relay does: the length of the message and its rewritten form.
fn our_request(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let head_len = Scanner::default().scan(bytes, &Bounds::default()).ok()??;
    let mut store = FieldStore::default();
    let head = RequestHead::parse(&bytes[..head_len], &mut store).ok()?;
    let mut onward = Vec::new();
    let client = PeerText::new([192, 0, 2, 7].into());
    head.write(
        Forwarded {
            rule: &super::onward::tests::told_by(ForwardedFor::Append),
            peer: &client,
            client: None,
            vouched: false,
            version: head.version(),
            restores: Some("S"),
            id: None,
            edits: &[],
        },
        &mut onward,
    );
    let len = head_len + whole_body(head.framing, &bytes[head_len..])?;
    onward.extend_from_slice(&bytes[head_len..len]);
    Some((len, onward))
}

/// Reads a whole response likewise.
fn our_response(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let head_len = Scanner::default().scan(bytes, &Bounds::default()).ok()??;
    let mut store = FieldStore::default();
    let head = ResponseHead::parse(&bytes[..head_len], &mut store, Asked::default()).ok()?;
    if head.is_interim() {
        return None;
    }
    let mut onward = Vec::new();
    head.write(Returned { connection: Connection::Persist, binding: Binding::Off, edits: &[] }, &mut onward);
    let len = head_len + whole_body(head.framing, &bytes[head_len..])?;
    onward.extend_from_slice(&bytes[head_len..len]);
    Some((len, onward))
}

fn whole_body(framing: Framing, bytes: &[u8]) -> Option<usize> {
    let mut body = Body::new(framing);
    let len = body.push(bytes).ok()?;
    body.end().ok()?;
    Some(len)
}

fn fields() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => Just("Content-Length: 5".to_owned()),
        4 => Just("Transfer-Encoding: chunked".to_owned()),
        2 => prop::sample::select(vec![
            "Content-Length: 05", "Content-Length: +5", "Content-Length: 5,5", "Content-Length: 5 ", "Content-Length:5",
            "content-length: 6", "Content-Length: 0", "Content-Length : 5", "Transfer-Encoding: Chunked",
            "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: x",
            "Transfer-Encoding : chunked", "Transfer-Encoding:\tchunked", "Transfer_Encoding: chunked",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "Connection: close", "Connection: Content-Length", "Connection: Transfer-Encoding, Host", "TE: trailers",
            "Upgrade: h2c", "Expect: 100-continue", "X: \u{e9}", "X:", "X: a\tb", ":", "X y: z", "A", " folded",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
    ];
    let field = name.prop_map(|line| line + "\r\n");
    prop::collection::vec(field, 0..4).prop_map(|fields| fields.concat())
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("hello".to_owned()),
        Just("5\r\nhello\r\n0\r\n\r\n".to_owned()),
        Just("5\r\nhello\r\n0\r\nA: b\r\n\r\n".to_owned()),
        Just("5\r\nhello\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        prop::sample::select(vec![
            "5 \r\nhello\r\n0\r\n\r\n",
            "5;x\r\nhello\r\n0\r\n\r\n",
            "005\r\nhello\r\n00\r\n\r\n",
            "5\nhello\n0\n\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n0\r\n\r\n",
            "5\r\nhel",
        ])
        .prop_map(str::to_owned),
        "[0-9a-fA-F;\r\n h]{0,20}",
    ]
}

fn mangle(text: &str, edits: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (index, byte) in edits {
        let at = index.index(bytes.len());
        bytes[at] = *byte;
    }
    bytes
}

pub(super) fn requests() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => Just("POST /a?b HTTP/1.1".to_owned()),
        2 => prop::sample::select(vec![
            "GET http://a/x HTTP/1.1", "GET http://a?x HTTP/1.1", "OPTIONS * HTTP/1.1", "GET / HTTP/1.0", "GET //a HTTP/1.1",
            "GET /a\\b HTTP/1.1", "POST  / HTTP/1.1", "get / HTTP/1.1", "GET /%zz HTTP/1.1", "HEAD / HTTP/1.1", "DELETE / HTTP/1.1",
        ])
        .prop_map(str::to_owned),
        1 => "GET /[!-~]{0,12} HTTP/1.1",
    ];
    let host =
        prop_oneof![8 => Just("Host: a\r\n"), 1 => Just(""), 1 => Just("Host: b\r\n"), 1 => Just("Host: a:80\r\n")];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2);
    (line, host, fields(), body(), edits)
        .prop_map(|(line, host, fields, body, edits)| mangle(&format!("{line}\r\n{host}{fields}\r\n{body}"), &edits))
}

pub(super) fn responses() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 404 Not Found",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1 599 x",
        "HTTP/1.1 999 x",
        "HTTP/2 200 OK",
        "ICY 200 OK",
    ]);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2);
    (line, fields(), body(), edits)
        .prop_map(|(line, fields, body, edits)| mangle(&format!("{line}\r\n{fields}\r\n{body}"), &edits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_request_that_is_forwarded_is_read_by_hyper_as_it_was_by_us(bytes in requests()) {
        if let Some((len, onward)) = our_request(&bytes) {
            let original = block_on(hyper_requests(&bytes[..len]));
            let forwarded = block_on(hyper_requests(&onward));
            prop_assert_eq!(original.len(), 1, "one request for us is {:?} for hyper", original);
            prop_assert_eq!(forwarded.len(), 1, "one request forwarded is {:?} for hyper", forwarded);
            prop_assert!(original[0].2.is_some(), "hyper finds the body broken");
            prop_assert_eq!(&original[0].0, &forwarded[0].0);
            prop_assert_eq!(&original[0].2, &forwarded[0].2);
        }
    }

    #[test]
    fn a_response_that_is_returned_is_read_by_hyper_as_it_was_by_us(bytes in responses()) {
        if let Some((len, onward)) = our_response(&bytes) {
            let original = block_on(hyper_response(&bytes[..len]));
            let returned = block_on(hyper_response(&onward));
            prop_assert!(original.is_some(), "hyper refuses what we return");
            prop_assert_eq!(original, returned);
        }
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in super::scan::tests::pieces()) {
        let _ = our_request(&bytes);
        let _ = our_response(&bytes);
    }
}
