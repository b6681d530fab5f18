//! Replies that poise makes itself: a status, its cause, and nothing that could be mistaken for
//! the backend's.
//!
//! The status derives from the cause. It writes no socket and counts nothing. Called by `client`.

use poise_core::http::refusal::Refusal;
use poise_ipc::cause::Cause;

/// The reply for a cause, head and body; `None` where no answer is possible. A refusal says more than
/// its cause: whoever wrote the client can find the fault by it.
pub(super) fn reply(cause: Cause, refusal: Option<Refusal>, keep_alive: bool, head_only: bool) -> Option<Vec<u8>> {
    let status = cause.status()?;
    let reason = reason(status);
    let connection = if keep_alive { "" } else { "Connection: close\r\n" };
    let why = refusal.map_or_else(String::new, |refusal| format!(": {refusal}"));
    let body = format!("{status} {reason}: {cause}{why}\n");
    let mut reply = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Poise-Cause: {cause}\r\n{connection}\r\n",
        body.len()
    );
    if !head_only {
        reply.push_str(&body);
    }
    Some(reply.into_bytes())
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        408 => "Request Timeout",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}
