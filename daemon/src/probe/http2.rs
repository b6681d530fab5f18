//! The HTTP/2 part of a probe, for groups whose backends are spoken to so: one stream of a fresh
//! connection, with prior knowledge or what TLS has agreed on.
//!
//! The question is that of `http`, and so is the verdict.

use std::convert::Infallible;

use h2::client;
use hyper::Request;
use hyper::header;
use poise_ipc::status::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::attempt::{Failure, reason};
use super::http::{CHECK_HEADER, HEAD_BYTES_MAX, USER_AGENT, host_of, method_of};
use super::target::Target;

/// Asks over a fresh connection and returns the status code.
pub(super) async fn status<S>(target: &Target, stream: S, deadline: Instant) -> Result<u16, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(target).ok_or((Phase::Send, Reason::Local))?;
    let mut builder = client::Builder::new();
    builder.enable_push(false).max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    let shaken = timeout_at(deadline, builder.handshake::<_, bytes::Bytes>(stream)).await;
    let shaken = shaken.map_err(|_| (Phase::Send, Reason::Timeout))?;
    let (sender, connection) = shaken.map_err(|error| (Phase::Send, blame(&error)))?;
    let exchange = async {
        let answered = timeout_at(deadline, async {
            let mut sender = sender.ready().await?;
            let (response, _) = sender.send_request(request, true)?;
            response.await
        });
        let response = answered.await.map_err(|_| (Phase::Response, Reason::Timeout))?;
        response.map(|response| response.status().as_u16()).map_err(|error| (Phase::Response, blame(&error)))
    };
    // The connection moves the frames; only the exchange has a result.
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

fn request(target: &Target) -> Option<Request<()>> {
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    Request::builder()
        .method(method_of(target))
        .uri(format!("{scheme}://{}{}", host_of(target), target.check.path))
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(CHECK_HEADER, target.path.to_string())
        .body(())
        .ok()
}

/// What an error of HTTP/2 means for a verdict.
fn blame(error: &h2::Error) -> Reason {
    match error.get_io() {
        Some(error) => reason(error),
        None if error.is_remote() => Reason::Reset,
        None => Reason::Garbage,
    }
}
