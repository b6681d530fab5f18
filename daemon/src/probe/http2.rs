//! The HTTP/2 part of a probe: one stream of a fresh connection, with prior knowledge or what TLS has
//! agreed on.
//!
//! It hands back what was answered, with as much of the body as is looked at; `attempt` and `grpc`
//! judge it.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use h2::RecvStream;
use h2::client;
use hyper::{HeaderMap, Request};
use poise_ipc::status::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;

use super::attempt::{Answer, Failure, reason};
use super::http::HEAD_BYTES_MAX;
use super::track::Track;
use super::wanted::{Looks, Standing, Wanted};

/// What came back.
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) fields: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Fields behind the body.
    pub(super) trailers: HeaderMap,
    /// What kept the rest of the body away.
    pub(super) cut: Option<Failure>,
}

impl Reply {
    /// The answer to a plain request.
    pub(super) fn judge(&self, wanted: &Wanted) -> Answer {
        let content = match (wanted.of_body(&self.body), self.cut) {
            (Standing::Right, _) => Ok(()),
            (_, Some(failure)) => Err(failure),
            (_, None) => Err((Phase::Body, Reason::Content)),
        };
        Answer { code: Some(self.code), content }
    }
}

/// Asks over a fresh connection, and reads what comes back.
pub(super) async fn ask<S>(
    track: &Track,
    stream: S,
    (request, body): (&Request<()>, &Bytes),
    wanted: &Wanted,
) -> Result<Reply, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = client::Builder::new();
    builder.enable_push(false).max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    let shaken = timeout_at(track.deadline, builder.handshake::<_, Bytes>(stream)).await;
    let shaken = shaken.map_err(|_| (Phase::Send, Reason::Timeout))?;
    let (sender, connection) = shaken.map_err(|error| (Phase::Send, blame(&error)))?;
    let exchange = async {
        let answered = timeout_at(track.deadline, async {
            let mut sender = sender.ready().await?;
            let (response, mut sending) = sender.send_request(request.clone(), body.is_empty())?;
            if !body.is_empty() {
                sending.send_data(body.clone(), true)?;
            }
            response.await
        });
        let response = answered.await.map_err(|_| (Phase::Response, Reason::Timeout))?;
        let (head, body) = response.map_err(|error| (Phase::Response, blame(&error)))?.into_parts();
        track.wire().answered();
        let reply = Reply {
            code: head.status.as_u16(),
            fields: head.headers,
            body: Vec::new(),
            trailers: HeaderMap::new(),
            cut: None,
        };
        Ok(collect(track, reply, body, wanted).await)
    };
    // The connection moves the frames; only the exchange has a result.
    let moved = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        reply = exchange => reply,
        never = moved => match never {},
    }
}

/// Reads the body as far as it is looked at, and what follows it.
async fn collect(track: &Track, mut reply: Reply, mut body: RecvStream, wanted: &Wanted) -> Reply {
    let mut looks = Looks::default();
    let read = async {
        while let Some(piece) = body.data().await {
            let piece = piece?;
            let _ = body.flow_control().release_capacity(piece.len());
            let room = wanted.bytes_max - reply.body.len();
            reply.body.extend_from_slice(&piece[..piece.len().min(room)]);
            let is_right = || wanted.of_body(&reply.body) == Standing::Right;
            if reply.body.len() == wanted.bytes_max
                || (!wanted.is_anything() && looks.is_due(reply.body.len()) && is_right())
            {
                return Ok(());
            }
        }
        reply.trailers = body.trailers().await?.unwrap_or_default();
        Ok(())
    };
    reply.cut = match timeout_at(track.deadline, read).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some((Phase::Body, blame(&error))),
        Err(_) => Some((Phase::Body, Reason::Timeout)),
    };
    reply
}

/// What an error of HTTP/2 means for a verdict.
fn blame(error: &h2::Error) -> Reason {
    match error.get_io() {
        // TLS that ends without a word is an end all the same.
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => Reason::Reset,
        Some(error) => reason(error),
        None if error.is_remote() => Reason::Reset,
        None => Reason::Garbage,
    }
}
