//! The gRPC part of a probe: `grpc.health.v1.Health/Check`, with its two messages written by hand.
//!
//! The request has one field, the service; the answer has one, the state of it. Everything else of
//! gRPC is HTTP/2 (`http2`).

use bytes::Bytes;
use hyper::{HeaderMap, Request};
use poise_ipc::status::{Phase, Reason};

use super::attempt::{Answer, Failure};
use super::http::{CHECK_HEADER, USER_AGENT};
use super::http2::Reply;
use super::prepared::host_of;
use super::target::Target;

/// What is called.
pub(super) const METHOD: &str = "/grpc.health.v1.Health/Check";

/// Bytes of an answer that are looked at: it has a handful.
pub(super) const REPLY_BYTES_MAX: usize = 4 << 10;

/// The state of a service that serves (`HealthCheckResponse.ServingStatus`).
const SERVING: u64 = 1;

/// The code of a call that took too long for the server.
const DEADLINE_EXCEEDED: u16 = 4;
/// The code of a service that the server does not know.
const NOT_FOUND: u16 = 5;
/// The code of a server that takes no calls now.
const UNAVAILABLE: u16 = 14;

/// The call, without its message.
pub(super) fn request(target: &Target) -> Option<Request<()>> {
    let scheme = if target.is_secured() { "https" } else { "http" };
    Request::post(format!("{scheme}://{}{METHOD}", host_of(target)))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", USER_AGENT)
        .header(CHECK_HEADER.to_ascii_lowercase(), target.path().to_string())
        .body(())
        .ok()
}

/// A `HealthCheckRequest` with the five bytes that frame it: not compressed, its length.
pub(super) fn message(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, bytes with their length.
        message.push(0x0a);
        push_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    Bytes::from([&[0], &len[..], &message].concat())
}

/// What an answer says.
pub(super) fn judge(reply: &Reply) -> Answer {
    let content = match reply.code {
        200 => called(reply),
        // A server of HTTP/2 that knows no gRPC.
        _ => Err((Phase::Response, Reason::Code)),
    };
    Answer { code: Some(reply.code), content }
}

fn called(reply: &Reply) -> Result<(), Failure> {
    let is_grpc = reply.fields.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return Err((Phase::Response, Reason::Garbage));
    }
    if let Some(failure) = reply.cut {
        return Err(failure);
    }
    // Without a message the code stands in the first fields.
    match status(&reply.trailers).or_else(|| status(&reply.fields)) {
        Some(0) => match state(&reply.body) {
            Some(SERVING) => Ok(()),
            Some(_) => Err((Phase::Body, Reason::NotServing)),
            None => Err((Phase::Body, Reason::Garbage)),
        },
        Some(NOT_FOUND | UNAVAILABLE) => Err((Phase::Response, Reason::NotServing)),
        Some(DEADLINE_EXCEEDED) => Err((Phase::Response, Reason::Timeout)),
        Some(_) => Err((Phase::Response, Reason::Content)),
        None => Err((Phase::Body, Reason::Garbage)),
    }
}

fn status(fields: &HeaderMap) -> Option<u16> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The state in a framed `HealthCheckResponse`; fields that are not known are skipped.
fn state(framed: &[u8]) -> Option<u64> {
    let (&[compressed, a, b, c, d], rest) = framed.split_first_chunk::<5>()?;
    let mut message = rest.get(..usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?)?;
    if compressed != 0 {
        return None;
    }
    // Of a state that is 0 nothing is sent.
    let mut state = 0;
    while !message.is_empty() {
        match varint(&mut message)? {
            0x08 => state = varint(&mut message)?,
            // The kind of a field stands in the lowest three bits: a number, or bytes with their length.
            tag => match tag % 8 {
                0 => drop(varint(&mut message)?),
                2 => {
                    let len = usize::try_from(varint(&mut message)?).ok()?;
                    message = message.get(len..)?;
                }
                _ => return None,
            },
        }
    }
    Some(state)
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

/// Takes a number off the front: seven bits a byte, the lowest first, at most ten bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
