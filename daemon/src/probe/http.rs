//! The HTTP part of a probe: one request, and the status code of its answer.
//!
//! Strict and bounded by hyper: what is no HTTP/1 response is garbage, and of a body only a
//! little is read, so that the backend is not cut off while it writes it.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use poise_core::proxy::{Transport, encode_v1, encode_v2};
use poise_ipc::model::{Address, CheckMethod, CheckProxy};
use poise_ipc::status::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::attempt::{Failure, reason};
use super::target::Target;

/// Names the probe to the backend, so that its log can leave probes out (L-12).
pub(super) const USER_AGENT: &str = concat!("poise-check/", env!("CARGO_PKG_VERSION"));

/// Carries the group and name of the backend that is probed.
pub(super) const CHECK_HEADER: &str = "x-poise-check";

/// Bytes that the head of an answer may have, and so the buffer of a probe.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Bytes of a body that are read; the rest is cut off (S-40).
const BODY_BYTES_MAX: usize = 8 << 10;

/// Says ahead of everything else whose connection it is, where that is wanted.
pub(super) async fn introduce(target: &Target, mut stream: TcpStream, deadline: Instant) -> Result<TcpStream, Failure> {
    let _ = stream.set_nodelay(true);
    let told = timeout_at(deadline, stream.write_all(&header_of(target.check.proxy))).await;
    let told = told.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    told.map_err(|error| (Phase::Send, reason(&error)))?;
    Ok(stream)
}

/// Asks over a fresh connection and returns the status code.
pub(super) async fn status<S>(target: &Target, stream: S, deadline: Instant) -> Result<u16, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request(target).ok_or((Phase::Send, Reason::Local))?;
    let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| (Phase::Send, blame(&error)))?;
    let exchange = async {
        let answer = timeout_at(deadline, sender.send_request(request)).await;
        let response = answer
            .map_err(|_| (Phase::Response, Reason::Timeout))?
            .map_err(|error| (if error.is_canceled() { Phase::Send } else { Phase::Response }, blame(&error)))?;
        let code = response.status().as_u16();
        // The verdict is there: a body that never ends does not change it.
        let _ = timeout_at(deadline, drain(response)).await;
        Ok(code)
    };
    // The connection moves the bytes; only the exchange has a result.
    let moved = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        code = exchange => code,
        never = moved => match never {},
    }
}

/// Says of the connection that it is poised's own.
fn header_of(version: CheckProxy) -> Vec<u8> {
    match version {
        CheckProxy::Off => Vec::new(),
        CheckProxy::V1 => encode_v1(None),
        CheckProxy::V2 => encode_v2(None, Transport::Stream),
    }
}

fn request(target: &Target) -> Option<Request<Empty<Bytes>>> {
    Request::builder()
        .method(method_of(target))
        .uri(&target.check.path)
        .header(header::HOST, host_of(target))
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .header(CHECK_HEADER, target.path.to_string())
        .body(Empty::new())
        .ok()
}

/// The method of a check.
pub(super) const fn method_of(target: &Target) -> Method {
    match target.check.method {
        CheckMethod::Head => Method::HEAD,
        CheckMethod::Get => Method::GET,
        CheckMethod::Post => Method::POST,
        CheckMethod::Options => Method::OPTIONS,
    }
}

/// The host that is asked for.
pub(super) fn host_of(target: &Target) -> String {
    target.check.host.clone().unwrap_or_else(|| host(&target.address))
}

/// The address as a browser would name it (S-26, RFC 9110 section 7.2).
fn host(address: &Address) -> String {
    let address = match address {
        Address::Ip(address) => *address,
        Address::Name { host, port: 80 } => return host.clone(),
        Address::Name { .. } => return address.to_string(),
        // RFC 9110 section 7.2 asks for an empty field; "localhost" is what servers accept.
        Address::Unix(_) => return "localhost".to_owned(),
    };
    match address {
        SocketAddr::V4(v4) if v4.port() == 80 => v4.ip().to_string(),
        SocketAddr::V6(v6) if v6.port() == 80 => format!("[{}]", v6.ip()),
        other => other.to_string(),
    }
}

/// Reads a little of the body, for the backend's sake; the verdict does not depend on it.
async fn drain(response: Response<impl Body<Data = Bytes> + Unpin>) {
    let (mut body, mut rest) = (response.into_body(), BODY_BYTES_MAX);
    while let Some(Ok(frame)) = body.frame().await {
        rest = rest.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if rest == 0 {
            return;
        }
    }
}

/// What an error of hyper means for a verdict.
fn blame(error: &hyper::Error) -> Reason {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match cause {
        Some(error) => reason(error),
        None if error.is_parse() => Reason::Garbage,
        None => Reason::Reset,
    }
}
