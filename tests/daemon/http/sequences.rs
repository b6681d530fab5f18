//! Any row of requests, in any framing and cut anywhere, against hyper as the backend: every answer
//! comes, in order, and tells what hyper read.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use poise_ipc::model::Protocol;
use proptest::prelude::*;

use crate::backends::ANY_PORT;
use crate::rig::{Rig, front};
use crate::script::read_message;

/// Answers with what it read: method, target, and the bytes of the body added up.
async fn told(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let text = format!("{} {} {}", head.method, head.uri, body.map_or("broken".to_owned(), |body| digest(&body)));
    Ok(Response::new(Full::from(text)))
}

fn digest(body: &[u8]) -> String {
    let sum = body.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("{}:{sum:x}", body.len())
}

/// A hyper server for the rest of the process.
fn hyper_backend() -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("within a runtime");
            while let Ok((stream, _)) = listener.accept().await {
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(told)));
            }
        });
    });
    address
}

#[derive(Clone, Debug)]
struct Ask {
    target: String,
    body: Vec<u8>,
    /// Sizes of the chunks; empty for a body with a length.
    chunks: Vec<usize>,
}

impl Ask {
    fn method(&self) -> &'static str {
        if self.body.is_empty() { "GET" } else { "PUT" }
    }

    fn bytes(&self) -> Vec<u8> {
        let begin = format!("{} {} HTTP/1.1\r\nHost: h\r\nX-A: {}\r\n", self.method(), self.target, self.target);
        let mut out = begin.into_bytes();
        if self.chunks.is_empty() {
            if !self.body.is_empty() {
                out.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&self.body);
            return out;
        }
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        let mut rest = &self.body[..];
        for size in self.chunks.iter().cycle() {
            let (chunk, tail) = rest.split_at((*size).min(rest.len()));
            out.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
            rest = tail;
            if chunk.is_empty() {
                return out;
            }
        }
        out
    }
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let body = prop_oneof![
        3 => Just(Vec::new()),
        3 => prop::collection::vec(any::<u8>(), 1..200),
        1 => (any::<u8>(), 1usize..300_000).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let chunks = prop_oneof![Just(Vec::new()), prop::collection::vec(1usize..40_000, 1..4)];
    let ask = ("/[a-z0-9?=&%._-]{0,40}", body, chunks);
    let ask = ask.prop_map(|(target, body, chunks)| Ask {
        target,
        chunks: if body.is_empty() { vec![] } else { chunks },
        body,
    });
    prop::collection::vec(ask, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_request_is_answered_in_order(asks in asks(), cuts in prop::collection::vec(1usize..3_000, 1..20)) {
        let rig = Rig::new(front(Protocol::Http, &[hyper_backend(), hyper_backend()]));
        let mut client = rig.connect();
        client.set_nodelay(true).expect("an open socket");
        let bytes: Vec<u8> = asks.iter().flat_map(Ask::bytes).collect();
        let mut writer = client.try_clone().expect("a descriptor");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut rest = &bytes[..];
                for cut in cuts.iter().cycle() {
                    let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                    writer.write_all(piece).expect("the relay reads");
                    rest = tail;
                    if rest.is_empty() {
                        return;
                    }
                }
            });
            for ask in &asks {
                let expected = format!("{} {} {}", ask.method(), ask.target, digest(&ask.body));
                assert_eq!(read_message(&mut client).expect("an answer").1, expected);
            }
        });
        assert_eq!(rig.counters().causes, []);
    }
}
