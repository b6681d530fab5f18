//! The HTTP/1 part of a probe: one request, written once, and the status code and body of its answer.
//!
//! Answers are read by the rules that hold for those to clients (`poise_core::http`): what the relay
//! would refuse is garbage here. Of a body no more is read than is looked at.

use poise_core::http::bounds::Bounds;
use poise_core::http::content::Content;
use poise_core::http::fields::FieldStore;
use poise_core::http::framing::Framing;
use poise_core::http::refusal::Refusal;
use poise_core::http::response::{Asked, ResponseHead};
use poise_core::http::scan::Scanner;
use poise_ipc::model::CheckVersion;
use poise_ipc::status::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::attempt::{Answer, Failure};
use super::prepared::{host_of, method_of, version};
use super::target::Target;
use super::track::Track;
use super::wanted::{Looks, Standing, Wanted};

/// Names the probe to the backend, so that its log can leave probes out (L-12).
pub(super) const USER_AGENT: &str = concat!("poise-check/", env!("CARGO_PKG_VERSION"));

/// Carries the group and name of the backend that is probed.
pub(super) const CHECK_HEADER: &str = "X-Poise-Check";

/// Bytes that the head of an answer may have.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Interim answers ahead of the one that counts.
const INTERIM_MAX: usize = 8;

/// Bytes that are read at once.
const READ_BYTES: usize = 4 << 10;

/// The request of a target as it is sent; of HTTP/1.0 the form of the reference (S-36).
pub(super) fn request(target: &Target, body: &[u8]) -> Vec<u8> {
    let http10 = version(target) == CheckVersion::Http10;
    let word = if http10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let mut lines = vec![format!("{} {} {word}", method_of(target), target.check.path)];
    lines.push(format!("Host: {}", host_of(target)));
    lines.extend(fields(target).map(|(name, value)| format!("{name}: {value}")));
    lines.extend((!http10).then(|| "Connection: close".to_owned()));
    lines.extend((!body.is_empty()).then(|| format!("Content-Length: {}", body.len())));
    let request = lines.join("\r\n") + "\r\n\r\n";
    [request.as_bytes(), body].concat()
}

/// The fields that a request has in every version: poised's own, as far as those of the check do not
/// replace them, and then those.
pub(super) fn fields(target: &Target) -> impl Iterator<Item = (&str, String)> {
    let given = &target.check.headers;
    let own = [("User-Agent", USER_AGENT.to_owned()), ("Accept", "*/*".to_owned())];
    let own = own.into_iter().filter(|(name, _)| !given.iter().any(|field| field.name.eq_ignore_ascii_case(name)));
    let told = (CHECK_HEADER, target.path().to_string());
    own.chain([told]).chain(given.iter().map(|field| (field.name.as_str(), field.value.clone())))
}

/// Asks over a fresh connection, and reads what comes back.
pub(super) async fn ask<S>(
    track: &Track,
    stream: &mut S,
    (request, is_head): (&[u8], bool),
    wanted: &Wanted,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    track.within(Phase::Send, stream.write_all(request)).await?;
    track.within(Phase::Send, stream.flush()).await?;
    let mut bytes = Vec::with_capacity(READ_BYTES);
    for _ in 0..=INTERIM_MAX {
        let head = head(track, stream, &mut bytes, is_head).await?;
        bytes.drain(..head.len);
        if !head.is_interim {
            let content = body(track, stream, head.framing, (bytes, wanted)).await;
            return Ok(Answer { code: Some(head.status), content });
        }
    }
    Err((Phase::Response, Reason::Garbage))
}

/// A head, read.
struct Head {
    len: usize,
    status: u16,
    framing: Framing,
    is_interim: bool,
}

async fn head<S>(track: &Track, stream: &mut S, bytes: &mut Vec<u8>, is_head: bool) -> Result<Head, Failure>
where
    S: AsyncRead + Unpin,
{
    let bounds = Bounds { head_bytes_max: HEAD_BYTES_MAX, ..Bounds::WIDEST };
    let mut scanner = Scanner::default();
    loop {
        if !ResponseHead::may_begin(bytes) {
            return Err((Phase::Response, Reason::Garbage));
        }
        let garbage = |_: Refusal| (Phase::Response, Reason::Garbage);
        if let Some(len) = scanner.scan(bytes, &bounds).map_err(garbage)? {
            let mut store = FieldStore::default();
            let asked = Asked { head: is_head, ..Asked::default() };
            let head = ResponseHead::parse(&bytes[..len], &mut store, asked).map_err(garbage)?;
            return Ok(Head { len, status: head.status, framing: head.framing, is_interim: head.is_interim() });
        }
        bytes.reserve(READ_BYTES);
        if track.within(Phase::Response, stream.read_buf(bytes)).await? == 0 {
            return Err((Phase::Response, Reason::Reset));
        }
    }
}

/// Reads a body as far as it is looked at, and judges it. Where nothing is wanted of it a little is
/// read for the backend's sake, which is not cut off while it writes; the verdict does not depend on
/// how that goes.
async fn body<S>(
    track: &Track,
    stream: &mut S,
    framing: Framing,
    (mut bytes, wanted): (Vec<u8>, &Wanted),
) -> Result<(), Failure>
where
    S: AsyncRead + Unpin,
{
    let (mut content, mut data, mut looks) = (Content::new(framing), Vec::new(), Looks::default());
    loop {
        let mut rest = &bytes[..];
        while let Ok(Some(piece)) = content.next(&mut rest, wanted.bytes_max - data.len()) {
            data.extend_from_slice(piece);
        }
        let broken = content.next(&mut rest, 0).is_err();
        let over = broken || content.is_complete() || data.len() >= wanted.bytes_max;
        if over || (!wanted.is_anything() && looks.is_due(data.len())) {
            match wanted.of_body(&data) {
                Standing::Right if over || !wanted.is_anything() => return Ok(()),
                _ if broken => return Err((Phase::Body, Reason::Garbage)),
                Standing::Wrong => return Err((Phase::Body, Reason::Content)),
                _ if over => return Err((Phase::Body, Reason::Content)),
                Standing::Right | Standing::Open => {}
            }
        }
        bytes.clear();
        bytes.reserve(READ_BYTES);
        match track.within(Phase::Body, stream.read_buf(&mut bytes)).await {
            Ok(0) => return ended(&mut content, &data, wanted),
            Ok(_) => {}
            // What has come before may be enough.
            Err(failure) => return if wanted.of_body(&data) == Standing::Right { Ok(()) } else { Err(failure) },
        }
    }
}

/// The backend has closed the connection.
fn ended(content: &mut Content, data: &[u8], wanted: &Wanted) -> Result<(), Failure> {
    match (wanted.of_body(data), content.end()) {
        (Standing::Right, _) => Ok(()),
        (_, Ok(())) => Err((Phase::Body, Reason::Content)),
        (_, Err(_)) => Err((Phase::Body, Reason::Reset)),
    }
}
