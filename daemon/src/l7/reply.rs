//! Replies that poise makes itself: a status, its cause, and nothing that could be mistaken for
//! the backend's.
//!
//! The status derives from the cause. It writes no socket and counts nothing. Called by `client`.

use poise_core::http::bounds::Excess;
use poise_core::http::onward::IdField;
use poise_core::http::refusal::Refusal;
use poise_core::route::Place;
use poise_ipc::cause::Cause;

use crate::pages::Page;

/// What a client is told, and how.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    /// Why it is not served.
    pub(super) cause: Cause,
    /// What was wrong with its request: whoever wrote the client can find the fault by it.
    pub(super) refusal: Option<Refusal>,
    /// What of a head was too much, its own or the response's (L-05).
    pub(super) excess: Option<Box<Excess>>,
    /// The connection lives on.
    pub(super) keep_alive: bool,
    /// The request was HEAD.
    pub(super) head_only: bool,
}

impl Telling {
    /// A cause alone.
    pub(super) fn of(cause: Cause, keep_alive: bool, head_only: bool) -> Self {
        Self { cause, refusal: None, excess: None, keep_alive, head_only }
    }
}

/// The reply to the request of this id, head and body, the latter of a page if there is
/// one; `None` where no answer is possible.
pub(super) fn reply(telling: &Telling, id: IdField<'_>, page: Option<&Page>) -> Option<Vec<u8>> {
    let Telling { cause, ref refusal, ref excess, .. } = *telling;
    let status = cause.status()?;
    let (reason, header, id) = (reason(status), id.name, String::from_utf8_lossy(id.value));
    let connection = if telling.keep_alive { "" } else { "Connection: close\r\n" };
    let phase = cause.phase().map_or_else(String::new, |phase| format!(" in phase {phase}"));
    let why = match (excess, refusal) {
        (Some(excess), _) => format!(": {excess}"),
        (None, Some(refusal)) => format!(": {refusal}"),
        // Whoever reads this has mistyped a link.
        (None, None) if cause == Cause::PlainHttp => ": plain HTTP was sent to a port of https".to_owned(),
        (None, None) => String::new(),
    };
    let retry = if status == 429 { "Retry-After: 1\r\n" } else { "" };
    let own = || format!("{status} {reason}: {cause}{phase}{why}\nrequest {id}\n");
    let body = page.map_or_else(own, |page| page.body(status, cause, &id));
    let content_type = page.map_or("text/plain", Page::content_type);
    let mut reply = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Poise-Cause: {cause}\r\n{header}: {id}\r\n{retry}{connection}\r\n",
        body.len(),
    );
    if !telling.head_only {
        reply.push_str(&body);
    }
    Some(reply.into_bytes())
}

/// The reply that sends a client elsewhere, head and body.
pub(super) fn redirect(place: &Place, keep_alive: bool, head_only: bool) -> Vec<u8> {
    let reason = reason(place.status);
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    let body = format!("{} {reason}\n", place.status);
    let mut reply = format!("HTTP/1.1 {} {reason}\r\nLocation: ", place.status).into_bytes();
    reply.extend_from_slice(&place.location);
    let rest = format!("\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n{connection}\r\n", body.len());
    reply.extend_from_slice(rest.as_bytes());
    if !head_only {
        reply.extend_from_slice(body.as_bytes());
    }
    reply
}

fn reason(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        508 => "Loop Detected",
        _ => "Internal Server Error",
    }
}
